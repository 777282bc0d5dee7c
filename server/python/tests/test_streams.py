"""A client that keeps the limit of streams is never refused one."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from ferrule._core import Config, Engine
from ferrule_server import worker
from ferrule_server.handlers import Router
from ferrule_server.listener import Reservation

from server.conformance import http2
from server.python.tests.conftest import PATIENCE, PREDICT

SETTINGS = Path(__file__).parents[2] / "ferrule.toml"
CHECK = "/grpc.health.v1.Health/Check"
LIMIT = 3


class Gate:
    """Where a thread waits."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE)


@dataclass
class Place:
    """Where a server of this process listens."""

    port: int

    @property
    def host_and_port(self) -> tuple[str, int]:
        return "127.0.0.1", self.port


class AnswersLater:
    """In the engine's place."""

    def __init__(self) -> None:
        self.waiting = threading.Semaphore(0)
        self.answers = threading.Event()

    def call(self, *_: object) -> bytes:
        self.waiting.release()
        assert self.answers.wait(PATIENCE)
        return b""


@pytest.fixture
def polling(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Holds grpcio's polling thread, which frees calls that have ended, when a call of Predict comes."""
    gate = Gate()
    route = Router.service

    def service(router: Router, call: grpc.HandlerCallDetails) -> Any:
        if call.method == PREDICT:
            gate.wait()
        return route(router, call)

    monkeypatch.setattr(Router, "service", service)
    yield gate
    gate.opened.set()


def test_a_stream_that_has_ended_counts_no_more_although_python_has_not_freed_it(
    polling: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Worker processes set these for themselves.
    monkeypatch.setenv("GRPC_EXPERIMENTS", "-event_engine_listener")
    monkeypatch.setenv("GRPC_VERBOSITY", "NONE")
    settings = re.sub(r"(?m)^(max_concurrent_streams) = \d+", rf"\1 = {LIMIT}", SETTINGS.read_text())
    config = Config.from_toml(settings)
    assert config.max_concurrent_streams == LIMIT
    engine = AnswersLater()
    with Reservation("127.0.0.1", 0) as reservation:
        server = worker.listen(cast(Engine, engine), config, reservation.address)
        try:
            with http2.connected(Place(reservation.port), PATIENCE) as connection:

                def begun(path: str) -> int:
                    stream = connection.start(path)
                    connection.send(stream, http2.framed(b""))
                    return stream

                ended = [begun(CHECK), begun(CHECK)]
                assert all(engine.waiting.acquire(timeout=PATIENCE) for _ in ended)
                held = begun(PREDICT)
                assert polling.reached.wait(PATIENCE)
                engine.answers.set()
                assert [connection.reply(stream).code for stream in ended] == [0, 0]

                # With these it has as many as it may, and not one more. The ping is answered after they came.
                last = [begun(CHECK), begun(CHECK)]
                connection.settle()
                polling.opened.set()
                replies = [connection.reply(stream) for stream in (held, *last)]
                assert [(reply.code, reply.reset) for reply in replies] == [(0, None)] * LIMIT
        finally:
            server.stop(None).wait(PATIENCE)
