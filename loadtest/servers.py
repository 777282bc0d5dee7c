"""Starts and stops either server as a process of its own, with the same flags and environment."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from ferrule_client import Client, FerruleError

from measuring import inherited

ROOT = Path(__file__).resolve().parents[1]

#: What to run for each server. The Python server runs in the interpreter that runs this.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "python": (sys.executable, "-m", "ferrule_server"),
    "rust": (str(ROOT / "target" / "release" / "ferrule-server"),),
}

_READY = "listening on "
#: Seconds in which a server that is running answers.
_PATIENCE = 10.0


class ServerError(RuntimeError):
    """A server did not start, and the message has the end of its log; or one that was to be running does not answer."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    name: str
    """``"python"``, ``"rust"``, or what else is measured beside them."""
    address: str
    """``HOST:PORT``."""
    command: tuple[str, ...]
    """What was run."""
    process: subprocess.Popen[str]

    def cpu_seconds(self) -> float:
        """CPU time that the server and its workers have used since they started, user and system."""
        parent = psutil.Process(self.process.pid)
        used = 0.0
        for process in (parent, *parent.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:  # a worker that ended meanwhile
                continue
            used += times.user + times.system
        return used


def check(address: str) -> None:
    """Raises ServerError unless a Ferrule server answers there."""
    try:
        with Client(address, timeout=_PATIENCE) as client:
            client.list_models()
    except FerruleError as problem:
        raise ServerError(f"no Ferrule server answers at {address}: {problem}") from problem


@contextmanager
def running(
    name: str,
    models: Path,
    *,
    log: Path,
    settings: Mapping[str, str] | None = None,
    start_seconds: float = 60.0,
    stop_seconds: float = 35.0,
) -> Iterator[Server]:
    """Runs a server on a free port of the loopback interface until the block ends.

    ``models`` is the model repository, ``settings`` more ``FERRULE_…`` variables; for the rest see ``launched``.
    """
    command = (*COMMANDS[name], "serve", "--models", str(models), "--host", "127.0.0.1", "--port", "0")
    with launched(
        name, command, log=log, settings=settings, start_seconds=start_seconds, stop_seconds=stop_seconds
    ) as server:
        yield server


@contextmanager
def launched(
    name: str,
    command: tuple[str, ...],
    *,
    log: Path,
    settings: Mapping[str, str] | None = None,
    start_seconds: float = 60.0,
    stop_seconds: float = 35.0,
) -> Iterator[Server]:
    """Runs any program that says ``listening on HOST:PORT`` until the block ends.

    ``log`` is the file that takes its log, ``settings`` more environment variables; of this process's own it gets none that
    tune libraries (``inherited``). At the end it gets SIGTERM, and is
    killed when it takes longer than ``stop_seconds``.

    Raises ServerError when it does not say within ``start_seconds`` that it listens.
    """
    with log.open("wb") as log_file:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                text=True,
                env=inherited.environment(settings),
                # A session of its own: Ctrl-C in the terminal reaches this process alone, which stops the servers.
                start_new_session=True,
            )
        except OSError as problem:
            raise ServerError(f"the {name} server can't be run ({problem}); `make build` makes it") from problem
    try:
        address = _address(name, process, log, start_seconds)
        yield Server(name, address, command, process)
    finally:
        _stop(process, stop_seconds)


def _address(name: str, process: subprocess.Popen[str], log: Path, start_seconds: float) -> str:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # Reads to the end, so that the server never waits for a full pipe.
    threading.Thread(target=_forward, args=(process.stdout, lines), daemon=True).start()
    deadline = time.monotonic() + start_seconds
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise ServerError(
                f"the {name} server was not ready after {start_seconds:g} s; its log ends:\n{_tail(log)}"
            ) from None
        if line is None:
            raise ServerError(f"the {name} server ended at once; its log ends:\n{_tail(log)}")
        if line.startswith(_READY):
            return line.removeprefix(_READY).strip()


def _forward(stream: IO[str] | None, lines: "queue.SimpleQueue[str | None]") -> None:
    if stream is not None:
        with stream:
            for line in stream:
                lines.put(line)
    lines.put(None)


def _stop(process: subprocess.Popen[str], stop_seconds: float) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(stop_seconds)
    except BaseException as problem:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not isinstance(problem, subprocess.TimeoutExpired):
            raise


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
