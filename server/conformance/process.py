"""The two servers as processes: started, found by the line they print, stopped, and looked over for traces."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

ROOT = Path(__file__).parents[2]

#: Cargo's profiles that the Rust server may have been built with.
PROFILES = ("release", "debug", "dist")

#: Seconds that a server may take to start or to stop on a busy machine.
PATIENCE = 60.0

#: What must never be in a server's log: a Python trace, a Rust panic, a sanitizer's report.
TRACES = ("Traceback", "panicked at", "RUST_BACKTRACE", "runtime error:")


def command(kind: str) -> list[str]:
    """How the server of this kind ("python" or "rust") is started."""
    if kind == "python":
        return [sys.executable, "-m", "ferrule_server"]
    named = os.environ.get("RUST_SERVER")
    choices = [Path(named)] if named else [ROOT / "target" / profile / "ferrule-server" for profile in PROFILES]
    built = [binary for binary in choices if binary.is_file()]
    if not built:
        raise FileNotFoundError(f"there is no {' or '.join(map(str, choices))}; `make build` makes it")
    # The newest: not what was built before the change that is being tested.
    return [str(max(built, key=lambda binary: binary.stat().st_mtime))]


def environment(settings: Mapping[str, str] = {}) -> dict[str, str]:
    """This process's environment with exactly these settings, as ``FERRULE_<SECTION>_<KEY>``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FERRULE_")}
    return clean | {f"FERRULE_{name.upper()}": value for name, value in settings.items()}


@dataclass
class Server:
    """A running server."""

    kind: str
    process: subprocess.Popen[str]
    address: str
    models: Path
    log_file: Path
    stopped: bool = False

    def channel(self) -> grpc.Channel:
        """A connection of its own, shared with no other channel, that takes messages of any size."""
        return grpc.insecure_channel(
            self.address,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.enable_retries", 0),
            ],
        )

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The address as sockets take it."""
        host, _, port = self.address.rpartition(":")
        return host, int(port)

    @property
    def log(self) -> str:
        """Everything that it wrote to standard error."""
        return self.log_file.read_text(errors="replace")

    def workers(self) -> list[int]:
        """The processes that it started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def ask_to_stop(self) -> None:
        """Sends SIGTERM."""
        assert self.process.poll() is None, f"the {self.kind} server ended by itself:\n{self.log}"
        self.process.send_signal(signal.SIGTERM)

    def wait(self, *, status: int | None = 0) -> None:
        """Waits for its end, and checks that it left no trace of a bug; any exit status is well when None is asked."""
        ended = self.process.wait(PATIENCE)
        self.stopped = True
        assert status in {ended, None}, f"the {self.kind} server ended with status {ended}:\n{self.log}"
        self.check_log()

    def check_log(self) -> None:
        """Fails when the log has a trace of a bug."""
        found = [trace for trace in TRACES if trace in self.log]
        assert not found, f"the {self.kind} server's log has {found}:\n{self.log}"


@contextmanager
def running(
    kind: str, models: Path, logs: Path, *, workers: int = 2, settings: Mapping[str, str] = {}
) -> Iterator[Server]:
    """A server on a port of its own choice, which is stopped, and checked, at the end."""
    log_file = logs / f"{kind}-{time.monotonic_ns()}.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [*command(kind), "serve", "--port", "0", "--workers", str(workers), "--models", str(models)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(settings),
            start_new_session=True,
        )
    try:
        server = Server(kind, process, _address(process, kind, log_file), models, log_file)
        yield server
        if not server.stopped:
            server.ask_to_stop()
            server.wait()
    finally:
        if process.poll() is None:
            # Its own session: nothing but the server and its workers.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
        if process.stdout is not None:
            process.stdout.close()


def _address(process: subprocess.Popen[str], kind: str, log_file: Path) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline() if ready else ""
    expected = "listening on "
    assert line.startswith(expected), f"the {kind} server printed {line!r} and logged:\n{log_file.read_text()}"
    return line.removeprefix(expected).strip()
