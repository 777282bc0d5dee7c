"""What is measured: how to start it, what to ask it, and what it must answer."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that it is given."""

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
    loop = (_CEILINGS, "accept-loop")
    return [
        Subject("loop-echo", "byte echo, own accept loop", loop, PREDICT, question.request, echoed),
        Subject("grpcio-echo", "byte echo, grpcio", _TUNED, PREDICT, question.request, echoed, settings=_SETTINGS),
    ]


def others(question: Question) -> list[Subject]:
    """An empty call on tonic's own server, and two ways to serve the model with grpcio: as people usually start it, and as
    our Python server is.
    """
    core = ("--library", "core", "--model", str(question.model))
    usual = ("--library", "scikit-learn", "--model", str(question.centers))
    return [
        Subject("tonic-echo", "empty typed echo, stock tonic", (_CEILINGS, "tonic"), _NOTHING, b"", b""),
        *_grpcio(question, "core", "grpcio + protobuf + Rust core", core),
        *_grpcio(question, "usual", "grpcio + protobuf + scikit-learn", usual),
    ]


def _grpcio(question: Question, name: str, title: str, serving: tuple[str, ...]) -> Iterator[Subject]:
    asked, answer = question.request, question.response
    yield Subject(name, f"{title}, as usually started", (*_USUAL, *serving), PREDICT, asked, answer)
    yield Subject(
        f"{name}-tuned",
        f"{title}, tuned",
        (*_TUNED, *serving),
        PREDICT,
        asked,
        answer,
        settings=_SETTINGS | _ONE_THREAD,
    )


_PEERS = settings.read()
_SETTINGS = {"GRPC_EXPERIMENTS": str(_PEERS["grpcio"].settings["experiments"].value)}
_THREADS = str(_PEERS["scikit-learn"].settings["threads"].value)
_ONE_THREAD = {"OMP_NUM_THREADS": _THREADS, "OPENBLAS_NUM_THREADS": _THREADS}
_SERVER = (sys.executable, "-m", "loadtest.peer_servers.grpcio_server")
_TUNED = (*_SERVER, "--threads", str(_PEERS["grpcio"].settings["threads"].value))
#: As in gRPC's own examples for Python (``examples/python/helloworld/greeter_server.py``): ten threads, nothing else set.
_USUAL = (*_SERVER, "--threads", "10")


def command_line(subject: Subject, cores: tuple[int, ...], settings: Mapping[str, str]) -> tuple[str, ...]:
    """What starts a subject on these cores, with its own settings and these."""
    given = [f"{name}={value}" for name, value in {**subject.settings, **settings}.items()]
    return ("taskset", "--cpu-list", ",".join(map(str, cores)), "env", *given, *subject.command)


@contextmanager
def running(
    subject: Subject, cores: tuple[int, ...], logs: Path, *, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Runs a subject on these cores until the block ends. Its answer was right before, and is after.

    ``settings`` are environment variables beside its own; the log is the file in ``logs`` that has the subject's name.
    """
    log = logs / f"{subject.name}.log"
    command = command_line(subject, cores, settings or {})
    with servers.launched(subject.name, command, log=log, start_seconds=120.0) as server:
        subject.verify(server)
        yield server
        subject.verify(server)
