"""SIGTERM ends a command as Ctrl-C does, so that the servers it started are stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_termination() -> Iterator[None]:
    """Raises KeyboardInterrupt on SIGTERM while the block runs. Only for the main thread."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
