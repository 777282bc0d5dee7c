"""What is measured: how to start it, what to ask it, and what it must answer."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from loadtest import servers
from loadtest.peer_servers.messages import MOST_ECHOED, PREDICT
from loadtest.peers import settings
from loadtest.servers import ROOT, Server

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
    model: Path
    """Its file in there."""
    centers: Path
    """Its centres as an ``.npz`` file, for the peers."""


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
    loop, grpcio = (_CEILINGS, "accept-loop"), _GRPCIO
    return [
        Subject("loop-echo", "byte echo, own accept loop", loop, PREDICT, question.request, echoed),
        Subject("grpcio-echo", "byte echo, grpcio", grpcio, PREDICT, question.request, echoed),
    ]


def others(question: Question) -> list[Subject]:
    """An empty call on tonic's own server, and two ways to serve the model with grpcio."""
    asked, answer = question.request, question.response
    core = (*_GRPCIO, "--library", "core", "--model", str(question.model))
    usual = (*_GRPCIO, "--library", "scikit-learn", "--model", str(question.centers))
    return [
        Subject("tonic-echo", "empty typed echo, stock tonic", (_CEILINGS, "tonic"), _NOTHING, b"", b""),
        Subject("core", "grpcio + protobuf + Rust core", core, PREDICT, asked, answer),
        Subject("usual", "grpcio + protobuf + scikit-learn", usual, PREDICT, asked, answer),
    ]


_EXPERIMENTS = settings.read()["grpcio"].settings["experiments"].value
_GRPCIO = (
    *("env", f"GRPC_EXPERIMENTS={_EXPERIMENTS}"),
    *(sys.executable, "-m", "loadtest.peer_servers.grpcio_server"),
)


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
