"""What is measured: how to start it, what to ask it, and what it must answer."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from loadtest import servers
from loadtest.servers import ROOT, Server

from .peers import MOST_ECHOED, PREDICT

_CEILINGS = str(ROOT / "target" / "release" / "ferrule-ceilings")
PROBES = str(ROOT / "target" / "release" / "ferrule-probes")
#: The Rust server on the system's allocator.
_PLAIN = str(ROOT / "target" / "release" / "ferrule-server-plain")
_NOTHING = "/ferrule.ceilings.Echo/Nothing"


@dataclass(frozen=True)
class Question:
    """The request that subjects are asked, and the right answer."""

    request: bytes
    response: bytes
    models: Path
    """The repository of the model that is asked."""
    centers: Path
    """Its centres as an ``.npy`` file, for the peers."""


@dataclass(frozen=True)
class Subject:
    """A server."""

    name: str
    title: str
    command: tuple[str, ...]
    path: str
    request: bytes
    response: bytes
    deadline: bool = True
    """Whether calls say how long they wait."""

    def verify(self, server: Server) -> None:
        """Raises ServerError when the answer is not the expected one, to the byte."""
        options = (("grpc.max_receive_message_length", -1),)
        with grpc.insecure_channel(server.address, options) as channel:
            call: Any = channel.unary_unary(self.path, request_serializer=None, response_deserializer=None)
            got = call(self.request, timeout=30, wait_for_ready=True)
        if got != self.response:
            raise servers.ServerError(f"{self.name}: expected the answer {self.response[:80]!r}, got {got[:80]!r}")


_COMMANDS = {**servers.COMMANDS, "rust-plain": (_PLAIN,)}


def ours(
    question: Question,
    kind: str,
    title: str,
    *,
    name: str | None = None,
    workers: int = 1,
    deadline: bool = True,
) -> Subject:
    """One of our servers: ``"rust"``, ``"python"``, or ``"rust-plain"``: on the system's allocator."""
    flags = ("serve", "--host", "127.0.0.1", "--port", "0", "--workers", str(workers), "--models", str(question.models))
    command = (*_COMMANDS[kind], *flags)
    return Subject(name or kind, title, command, PREDICT, question.request, question.response, deadline)


def echoes(question: Question) -> list[Subject]:
    """Servers that send back (the beginning of) what came, on the transports that ours are on."""
    echoed = question.request[:MOST_ECHOED]
    loop, grpcio = (_CEILINGS, "accept-loop"), (*_PEERS, "echo")
    return [
        Subject("loop-echo", "byte echo, own accept loop", loop, PREDICT, question.request, echoed),
        Subject("grpcio-echo", "byte echo, grpcio", grpcio, PREDICT, question.request, echoed),
    ]


def others(question: Question) -> list[Subject]:
    """An empty call on tonic's own server, and two ways to serve the model with grpcio."""
    centers, asked, answer = str(question.centers), question.request, question.response
    return [
        Subject("tonic-echo", "empty typed echo, stock tonic", (_CEILINGS, "tonic"), _NOTHING, b"", b""),
        Subject("core", "grpcio + protobuf + Rust core", (*_PEERS, "core", centers), PREDICT, asked, answer),
        Subject("usual", "grpcio + protobuf + scikit-learn", (*_PEERS, "usual", centers), PREDICT, asked, answer),
    ]


_PEERS = (sys.executable, "-m", "loadtest.transport.peers")


@contextmanager
def running(
    subject: Subject, cores: tuple[int, ...], logs: Path, *, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Runs a subject on these cores until the block ends. Its answer was right before, and is after.

    ``settings`` are more environment variables; the log is the file in ``logs`` that has the subject's name.
    """
    command = ("taskset", "--cpu-list", ",".join(map(str, cores)), *subject.command)
    log = logs / f"{subject.name}.log"
    with servers.launched(subject.name, command, log=log, settings=settings, start_seconds=120.0) as server:
        subject.verify(server)
        yield server
        subject.verify(server)
