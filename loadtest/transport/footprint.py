"""What a server takes before it does anything: time to the first answer, memory, and memory for what is idle."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import psutil

from loadtest.servers import Server

from .rounds import Bench
from .subjects import Subject, running
from .targets import Interval

_CONNECTIONS = 500
#: Of each subject.
_STARTS = 5
#: The preface, and empty SETTINGS (RFC 9113, sections 3.4 and 6.5).
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_FRAME_HEADER_BYTES = 9
_WATCH = "/grpc.health.v1.Health/Watch"
#: Connections, and streams on each, that stay open: as many as each server takes. A stream of the Python server holds
#: threads, so it takes few.
_STREAMS = {"rust": (10, 100), "python": (5, 12)}


def measure(bench: Bench, subjects: Sequence[Subject]) -> dict[str, Any]:
    """Starts each subject several times for this alone; plain JSON values, each with the ends of its spread."""
    rows: dict[str, Any] = {}
    for subject in subjects:
        bench.progress(subject.title)
        starts = [_once(bench, subject) for _ in range(_STARTS)]
        rows[subject.name] = {
            key: _spread([each[key] for each in starts]) if starts[0][key] is not None else None for key in starts[0]
        }
    return {"subjects": {each.name: each.title for each in subjects}, "rows": rows}


def _spread(values: Sequence[float | None]) -> list[float]:
    spread = Interval.of([value for value in values if value is not None])
    return [spread.median, spread.low, spread.high]


def _once(bench: Bench, subject: Subject) -> dict[str, float | None]:
    began = time.monotonic()
    # It has answered when the block begins.
    with running(subject, bench.cores, bench.logs) as server:
        started = time.monotonic() - began
        alone = _resident(server)
        with idle_connections(server.address, _CONNECTIONS):
            connection = max(0, _resident(server) - alone) / _CONNECTIONS
        stream = None
        if subject.name in _STREAMS:
            connections, streams = _STREAMS[subject.name]
            before = _resident(server)
            with _idle_streams(server.address, connections, streams):
                stream = max(0, _resident(server) - before) / (connections * streams)
    return {
        # From the start of the program to its first right answer.
        "start_ms": started * 1e3,
        # After that, all of its processes together; pages that they share count for each.
        "rss_mib": alone / 2**20,
        "connection_kib": connection / 1024,
        "stream_kib": None if stream is None else stream / 1024,
    }


def _resident(server: Server) -> int:
    parent = psutil.Process(server.process.pid)
    return sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))


@contextmanager
def idle_connections(address: str, count: int) -> Iterator[None]:
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


@contextmanager
def _idle_streams(address: str, connections: int, streams: int) -> Iterator[None]:
    """Watches of the server's health that have had their first answer, and wait for the next."""
    with ExitStack() as stack:
        watches = []
        for _ in range(connections):
            # Else gRPC would share one connection.
            options = (("grpc.use_local_subchannel_pool", 1),)
            channel = stack.enter_context(grpc.insecure_channel(address, options))
            watch: Any = channel.unary_stream(_WATCH, request_serializer=None, response_deserializer=None)
            watches += [watch(b"", wait_for_ready=True) for _ in range(streams)]
        for each in watches:
            stack.callback(each.cancel)
            next(each)
        yield
