"""The parent of the workers: starts them, replaces those that die, and drains them."""

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field

from ferrule._core import Board, Config

from ferrule_server.balance import Balance
from ferrule_server.drain import StopSignals
from ferrule_server.orders import Orders, Report

_LOG = logging.getLogger(__name__)

# A worker that dies is replaced after this many seconds, and after twice as long each time it dies again.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
# A worker that lived this many seconds died of something new.
_SETTLED = 10.0
# Seconds that workers may take to end beyond what the settings allow for a drain.
_MARGIN = 5.0
# Exit status after a signal that ends the process at once, as shells count it.
_EXIT_BY_SIGNAL = 128


class WorkersError(Exception):
    """The workers did not start."""


@dataclass(slots=True)
class _Worker:
    """A worker's place, whoever fills it."""

    index: int
    core: int | None
    process: "subprocess.Popen[bytes] | None" = None
    channel: socket.socket | None = None
    heard: bytes = b""
    ready: bool = False
    started: float = 0.0
    deaths: int = 0
    due: float | None = None
    """When to start it again."""
    problem: str | None = field(default=None)


class Supervisor:
    """Keeps `config.workers` workers serving on an address."""

    def __init__(self, config: Config, board: Board, address: str, signals: StopSignals) -> None:
        self._config = config
        self._board = board
        self._address = address
        self._signals = signals
        self._workers = [_Worker(index, core) for index, core in enumerate(cores(config.workers))]
        self._selector = selectors.DefaultSelector()
        self._selector.register(signals, selectors.EVENT_READ)
        self._balance = Balance(int(address.rpartition(":")[2]))
        self._serving = False
        self._stopping: float | None = None
        self._killed_by: int | None = None

    def start(self) -> bool:
        """Starts the workers and returns when all are ready; false when a signal to stop came first.

        Raises:
            WorkersError: One of them could not start; it says why.
        """
        for worker in self._workers:
            self._spawn(worker)
        while self._stopping is None and not all(worker.ready for worker in self._workers):
            self._turn()
            for worker in self._workers:
                if worker.process is None and self._stopping is None:
                    raise WorkersError(worker.problem)
        return self._stopping is None

    def run(self) -> int:
        """Serves until a signal comes, then drains; returns the exit status."""
        self._serving = True
        while any(worker.process or worker.due for worker in self._workers):
            self._turn()
        if self._killed_by is not None:
            return _EXIT_BY_SIGNAL + self._killed_by
        _LOG.info("drained")
        return 0

    def kill(self) -> None:
        """Ends every worker that is left, at once."""
        for worker in self._workers:
            worker.due = None
            if worker.process is not None:
                worker.process.kill()
                worker.process.wait()
                worker.process = None
            if worker.channel is not None:
                self._forget(worker)
        self._selector.close()

    def _turn(self) -> None:
        """Waits for the next thing to happen, and sees to it."""
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._signals:
                for number in self._signals.take():
                    self._signalled(number)
            else:
                self._listen(key.data)
        now = time.monotonic()
        for worker in self._workers:
            if worker.due is not None and worker.due <= now:
                worker.due = None
                self._spawn(worker)
        if self._stopping is None and now >= self._balance.due:
            self._balance.look([worker.process.pid if worker.process else None for worker in self._workers])
        if self._stopping is not None and now >= self._stopping:
            _LOG.warning("the drain took too long, workers are ended")
            self._end_all()

    def _patience(self) -> float:
        moments = [worker.due for worker in self._workers if worker.due is not None]
        moments.append(self._balance.due if self._stopping is None else self._stopping)
        return max(min(moments) - time.monotonic(), 0)

    def _spawn(self, worker: _Worker) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "ferrule_server.worker", str(theirs.fileno())]
        with theirs:
            worker.process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(), self._board.fd),
                stdin=subprocess.DEVNULL,
                # Standard output has one line, and that is ours.
                stdout=sys.stderr,
            )
        worker.channel, worker.heard, worker.ready, worker.problem = ours, b"", False, None
        worker.started = time.monotonic()
        self._selector.register(ours, selectors.EVENT_READ, worker)
        orders = Orders(worker.index, self._address, self._board.fd, worker.core, self._config.to_toml())
        try:
            orders.send(ours)
        except OSError:
            # It has died already; its end of the channel says so.
            return

    def _listen(self, worker: _Worker) -> None:
        """Takes what a worker says. Nothing means that it has ended."""
        if worker.channel is None:
            return
        try:
            part = worker.channel.recv(65536)
        except OSError:
            part = b""
        if not part:
            self._ended(worker)
            return
        worker.heard += part
        while b"\n" in worker.heard:
            line, worker.heard = worker.heard.split(b"\n", 1)
            worker.problem = Report.parse(line).problem
            worker.ready = worker.problem is None

    def _ended(self, worker: _Worker) -> None:
        self._forget(worker)
        if worker.process is None:
            return
        try:
            code = worker.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            code = worker.process.wait()
        pid, worker.process = worker.process.pid, None
        # What it had in progress must not count against the server's limits for ever.
        self._board.clear(worker.index)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        if self._stopping is not None:
            if code:
                _LOG.warning("worker %d (pid %d) ended with %s while draining", worker.index, pid, how)
            return
        if not self._serving:
            worker.problem = worker.problem or f"a worker ended with {how} while it was starting"
            return
        was_ready, worker.ready = worker.ready, False
        lived = time.monotonic() - worker.started
        worker.deaths = 1 if was_ready and lived >= _SETTLED else worker.deaths + 1
        pause = min(_FIRST_PAUSE * 2 ** (worker.deaths - 1), _LONGEST_PAUSE)
        worker.due = time.monotonic() + pause
        _LOG.error(
            "worker %d (pid %d) ended with %s after %.1fs%s; a new one starts in %.1fs",
            worker.index, pid, how, lived, f": {worker.problem}" if worker.problem else "", pause,
        )  # fmt: skip

    def _forget(self, worker: _Worker) -> None:
        if worker.channel is not None:
            self._selector.unregister(worker.channel)
            worker.channel.close()
            worker.channel = None

    def _signalled(self, number: int) -> None:
        """The first signal drains, a second one ends everything at once."""
        if self._stopping is not None:
            self._killed_by = number
            self._end_all()
            return
        config = self._config
        _LOG.info("draining for at most %gs", config.drain_delay + config.drain_timeout)
        self._stopping = time.monotonic() + config.drain_delay + config.drain_timeout + _MARGIN
        for worker in self._workers:
            worker.due = None
            if worker.channel is not None:
                worker.channel.shutdown(socket.SHUT_WR)

    def _end_all(self) -> None:
        for worker in self._workers:
            worker.due = None
            if worker.process is not None:
                worker.process.kill()


def cores(workers: int) -> list[int | None]:
    """A core for each worker, where they are as many as the cores that this process may use.

    Pinned workers cost less, but only where they have the cores to themselves: fewer workers than cores leave the
    choice to the system, as under a CPU quota, which does not say which cores are free.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if workers > 1 and workers == len(allowed):
        return list(allowed)
    return [None] * workers
