"""Real servers for the tests: started as users start them, stopped whatever happens."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

PATIENCE = 30.0
PREDICT = "/ferrule.v1.PredictionService/Predict"
FIT_PREDICT = "/ferrule.v1.PredictionService/FitPredict"


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Waits until the condition holds and returns what it gave."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.01)
    raise AssertionError(f"not within {PATIENCE:g}s: {what}")


class Server:
    """A running `python -m ferrule_server serve`."""

    def __init__(self, folder: Path, *flags: str, **settings: str) -> None:
        """`settings` are as in `limits_max_cells="10"`."""
        self._log = folder / "log"
        environment = {name: text for name, text in os.environ.items() if not name.startswith("FERRULE_")}
        settings.setdefault("models_directory", str(folder / "models"))
        environment |= {f"FERRULE_{name.upper()}": text for name, text in settings.items()}
        command = [sys.executable, "-m", "ferrule_server", "serve", *flags]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
        self._channels: list[grpc.Channel] = []

    def listening(self) -> "Server":
        """Waits for the line that says so."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on 127.0.0.1:"), (line, self.log())
        assert line.endswith("\n")
        self.address = line.removeprefix("listening on ").strip()
        return self

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def log(self) -> str:
        return self._log.read_text()

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines()]

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def channel(self) -> grpc.Channel:
        """A connection of its own."""
        channel = grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)])
        self._channels.append(channel)
        return channel

    def call(self, path: str, request: bytes = b"", timeout: float = PATIENCE) -> bytes:
        """One unary call over a new connection."""
        with grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
            return call(request, timeout=timeout)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        workers = []
        with contextlib.suppress(OSError):
            workers = self.workers()
        self.process.kill()
        self.process.wait()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Serve(Protocol):
    def __call__(self, *flags: str, **settings: str) -> Server: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers on one repository, without waiting for them."""
    servers: list[Server] = []

    def start_one(*flags: str, **settings: str) -> Server:
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        server = Server(folder, *(flags or ("--port", "0", "--workers", "2")), **settings)
        servers.append(server)
        return server

    yield start_one
    for server in servers:
        server.close()


@pytest.fixture
def serve(start: Serve) -> Serve:
    """Starts servers and waits until they listen."""

    def serve_one(*flags: str, **settings: str) -> Server:
        return start(*flags, **settings).listening()

    return serve_one


class Messages:
    """The contract's messages, from what a server says of itself."""

    def __init__(self, address: str) -> None:
        with grpc.insecure_channel(address) as channel:
            pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
            names = ("PredictRequest", "PredictResponse", "FitPredictRequest", "FitPredictResponse")
            found: dict[str, Any] = {
                name: GetMessageClass(pool.FindMessageTypeByName(f"ferrule.v1.{name}")) for name in names
            }
        self.PredictRequest = found["PredictRequest"]
        self.PredictResponse = found["PredictResponse"]
        self.FitPredictRequest = found["FitPredictRequest"]
        self.FitPredictResponse = found["FitPredictResponse"]

    def small_fit(self, model: str = "") -> bytes:
        """K-Means on four points, which two clusters part."""
        request = self.FitPredictRequest(
            spec={"model": model, "k_means": {"n_clusters": 2}},
            data={"input": {"rows": 4, "columns": 1, "values": [0.0, 1.0, 10.0, 11.0]}},
        )
        return bytes(request.SerializeToString())

    def long_fit(self, starts: int) -> bytes:
        """K-Means that takes about a second for each start."""
        rows, columns = 20_000, 16
        values = [float((row * 7919 + column * 104_729) % 10_007) for row in range(rows) for column in range(columns)]
        request = self.FitPredictRequest(
            spec={"k_means": {"n_clusters": 100, "n_init": starts, "max_iter": 50, "tol": 0.0}},
            data={"input": {"rows": rows, "columns": columns, "values": values}},
        )
        return bytes(request.SerializeToString())

    def prediction(self, model: str, values: list[float]) -> bytes:
        request = self.PredictRequest(model=model, input={"rows": len(values), "columns": 1, "values": values})
        return bytes(request.SerializeToString())


def health(channel: grpc.Channel) -> Any:
    """The official health client, whose published types lack the methods."""
    return health_pb2_grpc.HealthStub(channel)


def is_running(pid: int) -> bool:
    """Whether a process exists and is not merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def begun(server: Server, messages: Messages, starts: int) -> Any:
    """A fit that is known to run: the server has `max_fits_in_flight` of 1, and refuses another."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = server.channel().unary_unary(FIT_PREDICT)
    request = messages.long_fit(starts)
    running = [call.future(request, timeout=PATIENCE * 2)]

    def is_busy() -> bool:
        refused = False
        try:
            server.call(FIT_PREDICT, messages.small_fit())
        except grpc.RpcError as error:
            refused = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        if running[0].done():
            # The question was in the way of the fit.
            assert running[0].code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            running[0] = call.future(request, timeout=PATIENCE * 2)
            return False
        return refused

    eventually(is_busy, "the fit to run")
    return running[0]
