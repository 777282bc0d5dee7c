"""Python's log lines go where the engine's go: JSON on standard error, at the level of the settings."""

import logging
import sys
import threading
import traceback
from types import TracebackType

from ferrule import _core


def start(config: _core.Config) -> None:
    """Starts logging for this process: `logging`, warnings and exceptions that nothing caught."""
    _core.start_logging(config)
    logging.basicConfig(handlers=[EngineHandler()], format="%(message)s", level=logging.INFO, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = log_uncaught
    threading.excepthook = lambda uncaught: log_uncaught(uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback)


class EngineHandler(logging.Handler):
    """Hands records to the engine's log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        try:
            _core.log(record.levelno, record.name, self.format(record))
        except Exception:  # noqa: BLE001 (a line that can't be written must not end a call)
            self.handleError(record)


def log_uncaught(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    """Logs an exception that nothing caught."""
    text = "".join(traceback.format_exception(kind, error, where))
    _core.log(logging.ERROR, "uncaught", text.rstrip())
