"""Both servers log how connections spread over their workers."""

import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from server.conformance.conftest import KINDS
from server.conformance.process import PATIENCE, Server, running

#: The preface, and empty SETTINGS (RFC 9113, sections 3.4 and 6.5).
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
LINE = re.compile(r"connections of each worker: open=(\[[\d, ]*\])")


def told(server: Server, of: Callable[[list[int]], bool]) -> list[int]:
    """Waits for a line of which that holds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for numbers in LINE.findall(server.log):
            opened: list[int] = json.loads(numbers)
            if of(opened):
                return opened
        time.sleep(0.05)
    raise AssertionError(f"no such line: {server.log}")


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_tells_of_connections(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path / "models", tmp_path, workers=3) as server:
        with ExitStack() as stack:
            for _ in range(60):
                connection = stack.enter_context(socket.create_connection(server.host_and_port, timeout=PATIENCE))
                connection.sendall(GREETING)
            opened = told(server, lambda opened: sum(opened) == 60)
            # A worker is left out by chance once in ten thousand million runs.
            assert len(opened) == 3
            assert all(opened)
        assert told(server, lambda opened: not any(opened)) == [0, 0, 0]
