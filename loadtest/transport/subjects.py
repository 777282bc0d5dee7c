"""What is measured: how to start it, what to ask it, and whether its answers are right."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from loadtest import servers
from loadtest.servers import ROOT, Server

from .peers import PREDICT

_CEILINGS = str(ROOT / "target" / "release" / "ferrule-ceilings")
_NOTHING = "/ferrule.ceilings.Echo/Nothing"
_SERVE = ("serve", "--host", "127.0.0.1", "--port", "0", "--workers", "1", "--models")


@dataclass(frozen=True)
class Question:
    """The request that every subject is asked, and the right answer."""

    request: bytes
    response: bytes
    models: Path
    """The repository of the model that is asked."""
    centers: Path
    """Its centres as an ``.npy`` file, for the peers."""


@dataclass(frozen=True)
class Subject:
    """A server with one worker."""

    name: str
    title: str
    command: tuple[str, ...]
    path: str
    request: bytes
    response: bytes
    """What it must answer."""

    def verify(self, server: Server) -> None:
        """Raises ServerError when the answer is not the expected one, to the byte."""
        with grpc.insecure_channel(server.address) as channel:
            call: Any = channel.unary_unary(self.path, request_serializer=None, response_deserializer=None)
            got = call(self.request, timeout=10, wait_for_ready=True)
        if got != self.response:
            raise servers.ServerError(f"{self.name}: expected the answer {self.response!r}, got {got!r}")


def all_of(question: Question) -> list[Subject]:
    """Every subject of the small request."""
    asked, answer = question.request, question.response
    peer = (sys.executable, "-m", "loadtest.transport.peers")
    ours = {name: (*command, *_SERVE, str(question.models)) for name, command in servers.COMMANDS.items()}
    centers = str(question.centers)
    return [
        Subject("rust", "Ferrule, Rust server", ours["rust"], PREDICT, asked, answer),
        Subject("tonic-echo", "empty typed echo, stock tonic", (_CEILINGS, "tonic"), _NOTHING, b"", b""),
        Subject("loop-echo", "byte echo, own accept loop", (_CEILINGS, "accept-loop"), PREDICT, asked, asked),
        Subject("python", "Ferrule, Python server", ours["python"], PREDICT, asked, answer),
        Subject("grpcio-echo", "byte echo, grpcio", (*peer, "echo"), PREDICT, asked, asked),
        Subject("core", "grpcio + protobuf + Rust core", (*peer, "core", centers), PREDICT, asked, answer),
        Subject("usual", "grpcio + protobuf + scikit-learn", (*peer, "usual", centers), PREDICT, asked, answer),
    ]


@contextmanager
def running(subject: Subject, core: int, logs: Path) -> Iterator[Server]:
    """Runs a subject on one core until the block ends; its answer was right before and is after.

    The block runs, and then the load generator is the one that uses the other cores.
    """
    command = ("taskset", "--cpu-list", str(core), *subject.command)
    with servers.launched(subject.name, command, log=logs / f"{subject.name}.log") as server:
        subject.verify(server)
        yield server
        subject.verify(server)
