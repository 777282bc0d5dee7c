"""The load generator h2load (nghttp2): the same request again and again over HTTP/2, at a few microseconds of CPU each.

It knows nothing of gRPC: every answer with HTTP status 200 counts as a success, whatever ``grpc-status`` says. So answers
are compared separately, before and after.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from . import processes
from .processes import Watch

#: Seconds that it may take beyond the load.
_PATIENCE = 60.0
#: HTTP status.
_OK = 200


class H2loadError(RuntimeError):
    """h2load is missing or did not end well; the message has what it wrote."""


class Asked(Protocol):
    """What is sent."""

    @property
    def path(self) -> str:
        """``/package.Service/Method``."""

    @property
    def request(self) -> bytes:
        """The message."""


@dataclass(frozen=True)
class Load:
    """How a server is loaded."""

    connections: int
    """TCP connections."""
    streams: int
    """Calls in progress at one time on each, at most."""
    rate: float | None = None
    """Calls begun in a second, over all connections; None for the next as soon as one has ended."""

    def __str__(self) -> str:
        return f"{self.connections}×{self.streams}" + (f" at {self.rate:,.0f}/s" if self.rate else "")


@dataclass(frozen=True)
class Run:
    """One run of h2load."""

    requests: int
    """Answers with HTTP status 200."""
    failed: int
    """All others."""
    seconds: float
    latencies_us: npt.NDArray[np.int64]
    """Of each call that succeeded, from its request's first byte to its answer's last; none unless they were logged."""
    command: tuple[str, ...]
    cpu_seconds: float
    """CPU time that h2load itself used."""


@dataclass(frozen=True)
class H2load:
    """An h2load program."""

    program: str
    version: str

    def run(
        self,
        address: str,
        asked: Asked,
        load: Load,
        seconds: float,
        *,
        cores: tuple[int, ...],
        log_calls: bool = False,
        watch: Watch | None = None,
    ) -> Run:
        """Asks the server at ``address`` for so long, from these cores. Raises H2loadError.

        ``log_calls`` gives the latencies, at some CPU time of h2load's.
        """
        with tempfile.TemporaryDirectory(prefix="ferrule-h2load-") as folder:
            body, log = Path(folder, "request.bin"), Path(folder, "calls.tsv")
            # One uncompressed gRPC message.
            body.write_bytes(b"\0" + len(asked.request).to_bytes(4, "big") + asked.request)
            # fmt: off
            command = (
                self.program, f"--clients={load.connections}", f"--max-concurrent-streams={load.streams}",
                f"--duration={round(seconds * 1000)}ms", f"--data={body}",
                *([f"--log-file={log}"] if log_calls else []),
                *([] if load.rate is None else [f"--rps={load.rate / load.connections:g}"]),
                # Windows of 2^20 and 2^23 bytes, so that large messages do not wait for the client.
                "--window-bits=20", "--connection-window-bits=23",
                "--header=content-type: application/grpc", "--header=te: trailers", "--header=grpc-timeout: 5S",
                f"http://{address}{asked.path}",
            )
            # fmt: on
            ended = processes.run(command, cores=cores, watch=watch, timeout=seconds + _PATIENCE)
            calls = (
                np.loadtxt(log, dtype=np.int64, ndmin=2, usecols=(1, 2)) if log.exists() else np.empty((0, 2), np.int64)
            )
        counts = re.search(r"requests: .* (\d+) done, (\d+) succeeded", ended.stdout)
        lasted = re.search(r"finished in ([\d.]+)(ms|s|us)", ended.stdout)
        if ended.status != 0 or not counts or not lasted:
            written = (ended.stderr + ended.stdout).strip()
            raise H2loadError(f"h2load ended with status {ended.status}: {written}")
        done, succeeded = map(int, counts.groups())
        latencies = calls[calls[:, 0] == _OK, 1]
        scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6}[lasted[2]]
        return Run(succeeded, done - succeeded, float(lasted[1]) * scale, latencies, command, ended.cpu_seconds)


def find() -> H2load:
    """The h2load on PATH. Raises H2loadError when there is none."""
    program = shutil.which("h2load")
    if program is None:
        raise H2loadError("h2load is not on PATH: install nghttp2's client tools (Debian: nghttp2-client)")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return H2load(program, said.stdout.strip())
