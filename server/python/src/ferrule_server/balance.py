"""How connections spread over the workers.

The kernel chooses a worker for each connection by a hash of its addresses, blind to what the workers do, so few
connections may leave a worker without any; a log line tells. grpcio does not say which connections it has, so the parent
asks the kernel which of the workers' sockets are connections to the server's port.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

_LOG = logging.getLogger(__name__)

# Seconds between looks: a burst of connections makes one line.
_LOOK = 1.0
# Least seconds between lines.
_PAUSE = 10.0
# With many connections a look takes milliseconds: it is taken so seldom that it costs at most this part of a core.
_SHARE = 0.002
# As /proc/net/tcp has it.
_ESTABLISHED = "01"


class Balance:
    """Logs the open connections of each worker now and then, while they change."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._told: list[int] = []
        self.due = time.monotonic() + _LOOK
        """When to look again."""

    def look(self, workers: Sequence[int | None]) -> None:
        """Looks at the workers' processes, by their ids; one that is not running has no connections."""
        # Its own time: on a busy machine it waits for a core, which costs nobody anything.
        began = time.thread_time()
        now = open_connections(self._port, workers)
        took = time.thread_time() - began
        ended = time.monotonic()
        self.due = ended + max(_LOOK, took / _SHARE)
        if now != self._told and (any(now) or self._told):
            _LOG.info("connections of each worker: open=%s", now)
            self._told = now
            self.due = max(self.due, ended + _PAUSE)


def open_connections(port: int, processes: Sequence[int | None]) -> list[int]:
    """How many connections to the port each process holds."""
    ours = _connections(port)
    return [0 if process is None else sum(1 for socket in _sockets(process) if socket in ours) for process in processes]


def _connections(port: int) -> set[str]:
    """The connections whose local port it is, as links to them read."""
    suffix, found = f":{port:04X}", set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()
        except OSError:  # no IPv6
            continue
        for line in lines[1:]:
            # Number, local and remote address, state; the tenth is the socket's inode.
            fields = line.split()
            if fields[1].endswith(suffix) and fields[3] == _ESTABLISHED:
                found.add(f"socket:[{fields[9]}]")
    return found


def _sockets(process: int) -> list[str]:
    links = []
    try:
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            try:
                links.append(str(descriptor.readlink()))
            except OSError:  # closed meanwhile
                continue
    except OSError:  # the process has ended
        return []
    return links
