"""CPU time of a server to the nanosecond, so that short runs can be compared; ``/proc`` counts hundredths of a second."""

import time

import psutil

from loadtest.servers import Server

#: Linux makes the clock of a process's CPU time from its number and this kind (``CPUCLOCK_SCHED``); see
#: clock_getcpuclockid(3), which Python lacks.
_SCHEDULED = 2


def seconds(server: Server) -> float:
    """User and system time of a server and its workers since they started, ended threads included."""
    parent = psutil.Process(server.process.pid)
    return sum(_of(process.pid) for process in (parent, *parent.children(recursive=True)))


def _of(process: int) -> float:
    try:
        return time.clock_gettime((~process << 3) | _SCHEDULED)
    except OSError:  # a worker that ended meanwhile
        return 0.0
