"""A gRPC call made of HTTP/2 frames by hand, for what well-behaved clients do not send."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import h2.config
import h2.connection
import h2.events


class Listening(Protocol):
    """A server, whoever started it."""

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Where it listens."""


@dataclass
class Reply:
    """What came back on a stream."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: int | None = None

    @property
    def code(self) -> int | None:
        """The gRPC status, when there is one."""
        return int(self.headers["grpc-status"]) if "grpc-status" in self.headers else None


class Connection:
    """An HTTP/2 connection that sends what it is told to."""

    def __init__(self, server: Listening, seconds: float) -> None:
        host, port = server.host_and_port
        self.authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.socket = socket.create_connection((host, port), timeout=seconds)
        config = h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False)
        self.http = h2.connection.H2Connection(config)
        self.http.initiate_connection()
        self.events: list[h2.events.Event] = []
        self.pings = 0
        self.flush()

    def flush(self) -> None:
        """Sends what is ready."""
        self.socket.sendall(self.http.data_to_send())

    def start(self, path: str, headers: Sequence[tuple[str, str]] = (), content_type: str = "application/grpc") -> int:
        """Sends the headers of a call; its body is still to come."""
        stream = self.http.get_next_available_stream_id()
        whole = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", self.authority),
            ("te", "trailers"),
            ("content-type", content_type),
            *headers,
        ]
        self.http.send_headers(stream, whole)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = True) -> None:
        """Sends bytes of the body, which must fit into the window."""
        self.http.send_data(stream, data, end_stream=end)
        self.flush()

    def send_all(self, stream: int, data: bytes) -> None:
        """Sends a body of any size, as the server makes room for it, and stops when the server has heard enough."""
        position = 0
        while position < len(data):
            if self.ended(stream):
                return
            room = min(self.http.local_flow_control_window(stream), self.http.max_outbound_frame_size)
            if room == 0:
                self.receive()
                continue
            self.http.send_data(stream, data[position : position + room])
            self.flush()
            position += room
        if not self.ended(stream):
            self.http.end_stream(stream)
            self.flush()

    def ended(self, stream: int) -> bool:
        """Whether the server has ended the stream."""
        ends = (h2.events.StreamEnded, h2.events.StreamReset)
        return any(isinstance(event, ends) and event.stream_id == stream for event in self.events)

    def settle(self) -> None:
        """Waits until the server has taken everything sent so far: it takes frames in order, and answers a ping."""
        self.pings += 1
        ping = self.pings.to_bytes(8)
        self.http.ping(ping)
        self.flush()
        while not any(
            isinstance(event, h2.events.PingAckReceived) and event.ping_data == ping for event in self.events
        ):
            self.receive()

    def receive(self) -> None:
        """Takes what the server has sent, and answers its pings and settings."""
        received = self.socket.recv(65_536)
        if not received:
            raise ConnectionError("the server closed the connection")
        self.events += self.http.receive_data(received)
        self.flush()

    def reply(self, stream: int) -> Reply:
        """Waits for the end of the stream; what comes on others meanwhile is kept for them."""
        reply = Reply()
        while True:
            events = [event for event in self.events if getattr(event, "stream_id", None) == stream]
            self.events = [event for event in self.events if getattr(event, "stream_id", None) != stream]
            for event in events:
                match event:
                    case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                        reply.headers |= {str(name): str(value) for name, value in event.headers or ()}
                    case h2.events.DataReceived():
                        reply.body += event.data or b""
                        self.http.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                    case h2.events.StreamReset():
                        reply.reset = int(event.error_code or 0)
                        return reply
                    case h2.events.StreamEnded():
                        return reply
            self.receive()


@contextmanager
def connected(server: Listening, seconds: float = 30.0) -> Iterator[Connection]:
    """A connection to a server, closed at the end."""
    connection = Connection(server, seconds)
    try:
        yield connection
    finally:
        connection.socket.close()


def framed(message: bytes, *, compressed: bool = False) -> bytes:
    """A message as gRPC puts it into a body."""
    return bytes([compressed]) + len(message).to_bytes(4, "big") + message
