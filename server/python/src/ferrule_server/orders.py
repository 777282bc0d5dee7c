"""What the parent tells a worker, and what the worker tells back.

The two are joined by a socket pair. The parent sends the orders as one line and keeps its end open: when that closes,
because the parent wants it or because the parent has died, the worker drains. The worker answers with one line when it
is ready, or when it can't be; its end closes when it dies.
"""

import json
import socket
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is to do."""

    worker: int
    """Number of the worker, from 0: its seat at the board."""
    address: str
    """Where to listen, with the port that the parent has reserved."""
    board: int
    """Descriptor of the board."""
    core: int | None
    """CPU core to stay on; none: any."""
    settings: str
    """The settings, as TOML."""

    def send(self, channel: socket.socket) -> None:
        """Sends them to a worker."""
        channel.sendall(_line(asdict(self)))

    @classmethod
    def receive(cls, channel: socket.socket) -> "Orders | None":
        """Waits for them; none when the parent has gone."""
        line = _read_line(channel)
        return cls(**json.loads(line)) if line else None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the orders."""

    problem: str | None = None
    """Why the worker can't serve; none when it does."""

    def send(self, channel: socket.socket) -> None:
        """Sends it to the parent, who may have gone."""
        try:
            channel.sendall(_line(asdict(self)))
        except OSError:
            return

    @classmethod
    def parse(cls, line: bytes) -> "Report":
        """Reads a line of a worker."""
        return cls(**json.loads(line))


def _line(content: dict[str, object]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _read_line(channel: socket.socket) -> bytes:
    """One line, or nothing when the other end closes before it is complete."""
    line = b""
    while not line.endswith(b"\n"):
        part = channel.recv(65536)
        if not part:
            return b""
        line += part
    return line
