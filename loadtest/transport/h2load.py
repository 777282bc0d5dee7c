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

from .subjects import Subject


class H2loadError(RuntimeError):
    """h2load is missing or did not end well; the message has what it wrote."""


@dataclass(frozen=True)
class Load:
    """How a server is loaded."""

    connections: int
    """TCP connections."""
    streams: int
    """Calls in progress at one time on each, at most."""

    def __str__(self) -> str:
        return f"{self.connections}×{self.streams}"


@dataclass(frozen=True)
class Drive:
    """Whom to ask what, from where."""

    address: str
    """``HOST:PORT``."""
    subject: Subject
    load: Load
    cores: tuple[int, ...]
    """Where h2load runs."""


@dataclass(frozen=True)
class Run:
    """One run of h2load."""

    requests: int
    """Answers with HTTP status 200."""
    failed: int
    """All others."""
    seconds: float


@dataclass(frozen=True)
class H2load:
    """An h2load program."""

    program: str
    version: str

    def run(self, drive: Drive, seconds: float) -> Run:
        """Asks for so long. Raises H2loadError."""
        return self._run(drive, f"--duration={round(seconds * 1000)}ms")

    def ask(self, drive: Drive, requests: int) -> Run:
        """Asks so many times. Raises H2loadError."""
        return self._run(drive, f"--requests={requests}")

    def command(self, drive: Drive, body: Path, length: str) -> tuple[str, ...]:
        """The command line, which sends what is in ``body``. ``length`` is h2load's flag for how long or how often."""
        # fmt: off
        return (
            "taskset", "--cpu-list", ",".join(map(str, drive.cores)),
            self.program, f"--clients={drive.load.connections}", f"--max-concurrent-streams={drive.load.streams}",
            length, f"--data={body}",
            # Windows of 2^20 and 2^23 bytes, so that large messages do not wait for the client.
            "--window-bits=20", "--connection-window-bits=23",
            "--header=content-type: application/grpc", "--header=te: trailers",
            *(["--header=grpc-timeout: 5S"] if drive.subject.deadline else []),
            f"http://{drive.address}{drive.subject.path}",
        )
        # fmt: on

    def _run(self, drive: Drive, length: str) -> Run:
        with tempfile.TemporaryDirectory(prefix="ferrule-h2load-") as folder:
            body = Path(folder, "request.bin")
            body.write_bytes(framed(drive.subject.request))
            ended = subprocess.run(self.command(drive, body, length), capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise H2loadError(f"h2load ended with status {ended.returncode}: {(ended.stderr + ended.stdout).strip()}")
        return read(ended.stdout)


def framed(message: bytes) -> bytes:
    """One uncompressed gRPC message."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def read(said: str) -> Run:
    """What h2load said. Raises H2loadError when it is something else."""
    counts = re.search(r"requests: .* (\d+) done, (\d+) succeeded", said)
    lasted = re.search(r"finished in ([\d.]+)(ms|s|us)", said)
    if not counts or not lasted:
        raise H2loadError(f"h2load says what is not understood: {said.strip()}")
    done, succeeded = map(int, counts.groups())
    return Run(succeeded, done - succeeded, float(lasted[1]) * {"s": 1.0, "ms": 1e-3, "us": 1e-6}[lasted[2]])


def find() -> H2load:
    """The h2load on PATH. Raises H2loadError when there is none."""
    program = shutil.which("h2load")
    if program is None:
        raise H2loadError("h2load is not on PATH: install nghttp2's client tools (Debian: nghttp2-client)")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return H2load(program, said.stdout.strip())
