"""Stopping without losing a call."""

import logging
import os
import signal
import socket
import time
from types import FrameType
from typing import TYPE_CHECKING, Self

from ferrule._core import Config, Engine

if TYPE_CHECKING:
    import grpc

_LOG = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """The signals that ask the server to stop, as something to `select` on."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def __enter__(self) -> Self:
        """Takes the signals over. Call on the main thread."""
        signal.set_wakeup_fd(self._write.fileno())
        for number in _SIGNALS:
            signal.signal(number, _noted)
        return self

    def __exit__(self, *_: object) -> None:
        # What comes while the process ends anyway is not to change how it ends.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._read.close()
        self._write.close()

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._read.fileno()

    def take(self) -> list[int]:
        """The stop signals that have come since the last call."""
        try:
            return [number for number in self._read.recv(4096) if number in _SIGNALS]
        except BlockingIOError:
            return []


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wake-up descriptor carries the number."""


def drain(engine: Engine, server: "grpc.Server", config: Config) -> None:
    """Stops a worker so that no call that it took fails.

    Says NOT_SERVING, goes on while load balancers notice, ends open streams, sends clients elsewhere, and finishes what
    runs. Calls that outlast `drain_timeout` are cancelled.
    """
    _LOG.info("worker %d draining for at most %gs", os.getpid(), config.drain_delay + config.drain_timeout)
    engine.drain()
    time.sleep(config.drain_delay)
    engine.hang_up()
    server.stop(grace=config.drain_timeout).wait()
