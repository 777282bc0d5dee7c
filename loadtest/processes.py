"""Load generators as processes: run to their end, with CPU time and memory watched meanwhile, their own and the server's."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil

from . import inherited

#: Seconds between two looks.
_PERIOD = 0.1


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    status: int
    stdout: str
    stderr: str
    cpu_seconds: float
    """CPU time that it used, user and system, as the kernel counted it."""
    wall_seconds: float


class ServerGoneError(RuntimeError):
    """The server's process has ended."""


class Tree:
    """A process and its descendants, as they are now; later ones are not noticed."""

    def __init__(self, pid: int) -> None:
        try:
            parent = psutil.Process(pid)
            self._processes = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            raise ServerGoneError(f"the server's process {pid} has ended") from None

    def cpu_seconds(self) -> float:
        """CPU time used so far, user and system; that of processes which have ended is lost."""
        used = 0.0
        for process in self._processes:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            used += times.user + times.system
        return used

    def check(self) -> None:
        """Raises ServerGoneError when one of them has ended: what it used, or what replaced it, is not counted."""
        for process in self._processes:
            try:
                ended = process.status() == psutil.STATUS_ZOMBIE or not process.is_running()
            except psutil.NoSuchProcess:
                ended = True
            if ended:
                raise ServerGoneError(f"the server's process {process.pid} ended under load")

    def rss(self) -> int:
        """Resident memory; pages that several processes share count for each."""
        resident = 0
        for process in self._processes:
            try:
                resident += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return resident


@dataclass(frozen=True)
class _Look:
    at: float
    server_cpu: float
    client_cpu: float
    others_cpu: float
    """Of the whole machine without server, load generator and this process."""


class Watch:
    """Looks at a server and at the load generator every tenth of a second while the ``with`` block runs.

    What was busy is taken between the first and the last look within the seconds of load, so that the start of the load
    generator and the writing of its report do not count.
    """

    def __init__(self, server: Tree | None, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._client: psutil.Process | None = None
        self._looks: list[_Look] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_rss: int | None = None

    def client(self, pid: int) -> None:
        """The load generator has started."""
        self._client = psutil.Process(pid)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def server_cores(self) -> float | None:
        """Cores that the server kept busy; None when nothing is known of it."""
        return None if self._server is None else self._cores("server_cpu")

    @property
    def client_cores(self) -> float:
        """Cores that the load generator kept busy."""
        return self._cores("client_cpu") or 0.0

    @property
    def others_cores(self) -> float | None:
        """Cores that neither the server nor the load test kept busy, or that the hypervisor gave to other machines."""
        return None if self._server is None else self._cores("others_cpu")

    def _cores(self, figure: str) -> float | None:
        if not self._looks:
            return None
        first = self._looks[0]
        # The first look finds the load generator still starting.
        within = [look for look in self._looks[1:] if look.at <= first.at + self._seconds]
        if len(within) < 2:
            return None
        used: float = getattr(within[-1], figure) - getattr(within[0], figure)
        return used / (within[-1].at - within[0].at)

    def _run(self) -> None:
        while not self._stopped.wait(_PERIOD):
            if self._server is not None:
                self.peak_rss = max(self.peak_rss or 0, self._server.rss())
            if self._client is None:
                continue
            try:
                times = self._client.cpu_times()
            except psutil.NoSuchProcess:
                self._client = None
                continue
            server = 0.0 if self._server is None else self._server.cpu_seconds()
            client = times.user + times.system
            others = _machine_cpu_seconds() - server - client - time.process_time()
            self._looks.append(_Look(time.monotonic(), server, client, others))


def _machine_cpu_seconds() -> float:
    """CPU time that all cores together have spent on anything."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def run(
    command: Sequence[str],
    *,
    cores: Sequence[int] | None = None,
    watch: Watch | None = None,
    timeout: float | None = None,
) -> Ended:
    """Runs a program to its end, on these cores or on any; after ``timeout`` seconds it is killed (status -9)."""
    pinned = [*(("taskset", "--cpu-list", ",".join(map(str, cores))) if cores else ()), *command]
    started = time.monotonic()
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        # Of its own session: Ctrl-C in the terminal reaches the load test alone.
        process = subprocess.Popen(
            pinned,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            # ghz writes times in the local zone.
            env=inherited.environment({"TZ": "UTC"}),
        )
        if watch is not None:
            watch.client(process.pid)
        killer = threading.Timer(timeout, process.kill) if timeout is not None else None
        try:
            if killer is not None:
                killer.start()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            if killer is not None:
                killer.cancel()
        wall = time.monotonic() - started
        stdout.seek(0)
        stderr.seek(0)
        said, complained = (file.read().decode(errors="replace") for file in (stdout, stderr))
    return Ended(process.returncode, said, complained, used.ru_utime + used.ru_stime, wall)
