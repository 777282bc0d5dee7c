"""What a server takes before it does anything: time to the first answer, memory, and memory for each idle connection."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtest.servers import Server

from .subjects import Subject, running

_CONNECTIONS = 500
#: The preface, and empty SETTINGS (RFC 9113, sections 3.4 and 6.5).
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_FRAME_HEADER_BYTES = 9


@dataclass(frozen=True)
class Footprint:
    """Of one subject."""

    subject: str
    start_ms: float
    """From the start of the program to its first right answer."""
    rss_mib: float
    """Resident memory after that, all of its processes together; pages that they share count for each."""
    connection_kib: float
    """Resident memory that each of many idle connections adds."""


def measure(subject: Subject, cores: tuple[int, ...], logs: Path) -> Footprint:
    """Starts the subject for this alone."""
    began = time.monotonic()
    # It has answered when the block begins.
    with running(subject, cores, logs) as server:
        started = time.monotonic() - began
        alone = _resident(server)
        with _idle_connections(server.address, _CONNECTIONS):
            with_connections = _resident(server)
    return Footprint(
        subject.name, started * 1e3, alone / 2**20, max(0.0, (with_connections - alone) / _CONNECTIONS / 1024)
    )


def _resident(server: Server) -> int:
    parent = psutil.Process(server.process.pid)
    return sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))


@contextmanager
def _idle_connections(address: str, count: int) -> Iterator[None]:
    """Connections whose greeting the server has answered."""
    host, _, port = address.rpartition(":")
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in range(count)
        ]
        for connection in connections:
            connection.sendall(_GREETING)
        for connection in connections:
            # The head of the server's SETTINGS: then it has set the connection up.
            connection.recv(_FRAME_HEADER_BYTES, socket.MSG_WAITALL)
        yield
