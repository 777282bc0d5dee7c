"""The load generator ghz: where it is, which version, and one run of it.

ghz is a closed loop here: each of its workers calls again when it has its answer. Every call sends the same bytes,
made beforehand, and templates are off, so that ghz does as little as it can.
"""

import json
import re
import resource
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .measurement import GhzReport
from .servers import ROOT

PREDICT = "ferrule.v1.PredictionService/Predict"


class GhzError(RuntimeError):
    """ghz did not end well; the message has what it wrote."""


@dataclass(frozen=True)
class Ghz:
    """A ghz program."""

    program: Path
    version: str


@dataclass(frozen=True)
class Load:
    """How hard and for how long one run loads a server."""

    connections: int
    """TCP connections."""
    concurrency: int
    """Calls in progress at one time, over all connections."""
    duration_seconds: float
    """How long calls are started; those in progress then are waited for."""


@dataclass(frozen=True)
class Run:
    """One run of ghz."""

    report: GhzReport
    cpu_seconds: float
    """CPU time that ghz itself used."""
    wall_seconds: float
    """How long the program ran, start and report included."""
    command: tuple[str, ...]


def find() -> Ghz | None:
    """The ghz on PATH, else the one that ``make ghz`` installed, else None."""
    for place in (shutil.which("ghz"), ROOT / ".tools" / "bin" / "ghz"):
        if place is not None and Path(place).is_file():
            return Ghz(Path(place), _version(Path(place)))
    return None


def run(ghz: Ghz, address: str, call: str, request: bytes, load: Load) -> Run:
    """Calls ``call`` of the server at ``address`` with ``request``; the server's reflection tells ghz the messages.

    Raises GhzError when ghz fails; calls that fail are part of the report instead.
    """
    with tempfile.TemporaryDirectory(prefix="ferrule-ghz-") as folder:
        request_file, report_file = Path(folder, "request.bin"), Path(folder, "report.json")
        request_file.write_bytes(request)
        # fmt: off
        command = (
            str(ghz.program), "--insecure", "--call", call,
            "--binary-file", str(request_file),
            "--disable-template-functions", "--disable-template-data",
            "--connections", str(load.connections), "--concurrency", str(load.concurrency),
            "--duration", f"{load.duration_seconds:g}s",
            # The default closes connections at the end and counts the calls it cuts off as failed.
            "--duration-stop", "wait",
            "--format", "json", "--output", str(report_file),
            address,
        )
        # fmt: on
        cpu_before, started = _children_cpu_seconds(), time.monotonic()
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        wall_seconds = time.monotonic() - started
        cpu_seconds = _children_cpu_seconds() - cpu_before
        if ended.returncode != 0 or not report_file.exists():
            written = (ended.stderr + ended.stdout).strip()
            raise GhzError(f"ghz ended with status {ended.returncode}: {written}")
        report = GhzReport.read(json.loads(report_file.read_bytes()))
    return Run(report, cpu_seconds, wall_seconds, command)


def _version(program: Path) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = (said.stdout or said.stderr).strip()
    # Built by `go install` it calls itself "dev"; the module's version is in Go's build information.
    recorded = re.search(rb"\tgithub\.com/bojand/ghz\t(v[0-9][^\t\n]*)", program.read_bytes())
    return recorded[1].decode() if recorded else version


def _children_cpu_seconds() -> float:
    # Processes that were waited for; the servers still run, so only ghz ends between two readings.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
