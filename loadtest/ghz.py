"""The load generator ghz: where it is, which version, and one run of it.

Closed loop: each of its workers calls again when it has its answer. Open loop (``rate``): a clock starts calls, however
many are in progress. Every call sends the same bytes, made beforehand, and templates are off, so that ghz does as little
as it can.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json

from . import processes
from .processes import Watch
from .servers import ROOT

PREDICT = "ferrule.v1.PredictionService/Predict"
#: What the Makefile installs, and the ready configurations are tested with.
PINNED_VERSION = "v0.121.0"
#: Seconds that it may take beyond the load and the last call: to connect, and to write a report of a million calls.
_PATIENCE = 60.0
#: Characters of what it writes that an error quotes.
_MOST_QUOTED = 400


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
    """Closed loop: calls in progress at one time, over all connections. Open loop: as many as ``connections`` will do."""
    duration_seconds: float
    """How long calls are started; those in progress then are waited for."""
    rate: int | None = None
    """Open loop: calls started in a second, over all connections; None for a closed loop."""
    timeout_seconds: float = 20.0
    """A call that takes longer has failed."""


@dataclass(frozen=True, eq=False)
class Report:
    """What is used of ghz's JSON report.

    ghz counts failed calls in its own requests a second and in its average, and stops listing calls after a million:
    so the figures are worked out here, from the calls that it lists.
    """

    seconds: float
    """From the first call to the last answer."""
    codes: Mapping[str, int]
    """Calls by status code, ``"OK"`` among them."""
    starts_us: npt.NDArray[np.float64]
    """When each listed call was sent, failed ones too, in microseconds after the first; rising."""
    latencies_us: npt.NDArray[np.float64]
    """How long each took, in the same order."""
    succeeded: npt.NDArray[np.bool_]
    """Whether each succeeded, in the same order."""
    complete: bool
    """Whether every call is listed."""

    @classmethod
    def read(cls, report: Mapping[str, Any]) -> "Report":
        """From the parsed report. Raises ValueError when it is not one."""
        try:
            codes = {str(code): int(count) for code, count in (report["statusCodeDistribution"] or {}).items()}
            details = report["details"] or []
            latencies = np.array([detail["latency"] for detail in details], dtype=np.int64)
            # Times of the answers, as `2026-11-21T06:32:55.123456789Z`.
            ends = np.array([detail["timestamp"].removesuffix("Z") for detail in details], dtype="datetime64[ns]")
            succeeded = np.array([detail["status"] == "OK" for detail in details], dtype=np.bool_)
            seconds = report["total"] / 1e9
            complete = len(details) == report["count"]
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise ValueError(f"not a report of ghz: {problem!r}") from problem
        starts = ends.astype(np.int64) - latencies
        order = np.argsort(starts, kind="stable")
        starts = starts[order]
        since_first = (starts - starts[0]) / 1e3 if starts.size else np.empty(0)
        return cls(seconds, codes, since_first, latencies[order] / 1e3, succeeded[order], complete)

    @property
    def calls(self) -> int:
        """All calls, failed ones too."""
        return sum(self.codes.values())

    @property
    def errors(self) -> dict[str, int]:
        """Failed calls by status code."""
        return {code: count for code, count in sorted(self.codes.items()) if code != "OK"}

    @property
    def requests_per_second(self) -> float:
        """Successful calls a second."""
        return self.codes.get("OK", 0) / self.seconds if self.seconds > 0 else 0.0

    @property
    def successful_us(self) -> npt.NDArray[np.float64]:
        """How long each successful call took that is listed."""
        return self.latencies_us[self.succeeded]


@dataclass(frozen=True)
class Run:
    """One run of ghz."""

    report: Report
    cpu_seconds: float
    """CPU time that ghz itself used."""
    command: tuple[str, ...]


def find() -> Ghz | None:
    """The ghz on PATH, else the one that ``make ghz`` installed, else None."""
    for place in (shutil.which("ghz"), ROOT / ".tools" / "bin" / "ghz"):
        if place is not None and Path(place).is_file():
            return Ghz(Path(place), _version(Path(place)))
    return None


def run(
    ghz: Ghz,
    address: str,
    call: str,
    request: bytes,
    load: Load,
    *,
    protoset: Path | None = None,
    cores: Sequence[int] | None = None,
    watch: Watch | None = None,
) -> Run:
    """Calls ``call`` of the server at ``address`` with ``request``.

    ``protoset`` tells ghz the messages; without it the server's reflection does. ghz runs on ``cores``, by default on any.
    Raises GhzError when ghz fails; calls that fail are part of the report instead.
    """
    with tempfile.TemporaryDirectory(prefix="ferrule-ghz-") as folder:
        request_file, report_file = Path(folder, "request.bin"), Path(folder, "report.json")
        request_file.write_bytes(request)
        # fmt: off
        command = (
            str(ghz.program), "--insecure", "--call", call,
            *(() if protoset is None else ("--protoset", str(protoset))),
            "--binary-file", str(request_file),
            "--disable-template-functions", "--disable-template-data",
            "--connections", str(load.connections), "--concurrency", str(load.concurrency),
            *(() if load.rate is None else ("--async", "--rps", str(load.rate))),
            "--duration", f"{load.duration_seconds:g}s",
            # The default closes connections at the end and counts the calls it cuts off as failed.
            "--duration-stop", "wait",
            "--timeout", f"{load.timeout_seconds:g}s",
            "--format", "json", "--output", str(report_file),
            address,
        )
        # fmt: on
        patience = load.duration_seconds + load.timeout_seconds + _PATIENCE
        ended = processes.run(command, cores=cores, watch=watch, timeout=patience)
        if ended.status != 0 or not report_file.exists():
            # It may say the same for every call.
            said = (ended.stderr + ended.stdout).strip()[:_MOST_QUOTED]
            raise GhzError(f"ghz ended with status {ended.status}: {said}")
        try:
            report = Report.read(from_json(report_file.read_bytes()))
        except ValueError as problem:
            raise GhzError(str(problem)) from problem
    return Run(report, ended.cpu_seconds, command)


def _version(program: Path) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = (said.stdout or said.stderr).strip()
    # Built by `go install` it calls itself "dev"; the module's version is in Go's build information.
    recorded = re.search(rb"\tgithub\.com/bojand/ghz\t(v[0-9][^\t\n]*)", program.read_bytes())
    return recorded[1].decode() if recorded else version
