"""How long a call takes: one at a time, and at half of what the server can do.

The load is open: calls go out at even distances, whatever became of earlier ones, and each is timed from the moment at
which it was due. The generator (``ferrule-probes load``) has a core of its own and never sleeps.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.validity import RATE_KEPT, SMALL_DELAY
from measuring.rounds import orders

from .h2load import Drive, Load
from .rounds import Bench
from .subjects import PROBES, Subject, running
from .targets import Interval

PERCENTILES = ("p50", "p99", "p99.9")
_CONNECTIONS = 16
#: Runs of each server and load, and seconds of each: enough calls for a 99.9th percentile.
_RUNS, _SECONDS = 5, 2.0
#: Where h2load finds how much the server can do.
_CEILING = Load(_CONNECTIONS, 4)


@dataclass(frozen=True)
class Run:
    """One run."""

    calls: int
    failed: int
    rate: float
    """Calls begun a second."""
    latency_us: dict[str, float]
    late_us: dict[str, float]
    """How long after they were due calls were begun; nothing without a pace."""

    def held(self, rate: float | None) -> bool:
        """Whether the load was what was asked for."""
        return self.failed == 0 and (rate is None or self.rate >= RATE_KEPT * rate)

    def believed(self, percentile: str) -> bool:
        """Whether a percentile is about the server."""
        return self.late_us.get(percentile, 0.0) <= SMALL_DELAY * self.latency_us[percentile]


def run(
    address: str, subject: Subject, *, rate: float | None, seconds: float, connections: int, cores: tuple[int, ...]
) -> Run:
    """Asks at an even pace, or one after the other."""
    with tempfile.TemporaryDirectory(prefix="ferrule-load-") as folder:
        request = Path(folder, "request.bin")
        request.write_bytes(subject.request)
        # fmt: off
        command = (
            "taskset", "--cpu-list", ",".join(map(str, cores)),
            PROBES, "load", "--address", address, "--path", subject.path, "--request", str(request),
            "--seconds", str(seconds), "--connections", str(connections),
            *([] if rate is None else ["--rate", str(rate)]),
        )
        # fmt: on
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Run(said["calls"], said["failed"], said["rate"], dict(said["latency_us"]), dict(said["late_us"]))


def measure(bench: Bench, subjects: Sequence[Subject]) -> dict[str, Any]:
    """Measures every subject, interleaved; plain JSON values."""
    cores = bench.cores[1:]
    with ExitStack() as stack:
        started = {
            each.name: (each, stack.enter_context(running(each, bench.cores[:1], bench.logs))) for each in subjects
        }
        rates: dict[str, dict[str, float | None]] = {}
        for name, (subject, server) in started.items():
            ceiling = bench.h2load.run(Drive(server.address, subject, _CEILING, cores), _SECONDS)
            rates[name] = {"one at a time": None, "half of the ceiling": ceiling.requests / ceiling.seconds / 2}
        runs: dict[str, dict[str, list[Run]]] = {name: {load: [] for load in rates[name]} for name in started}
        for number, names in orders(list(started), _RUNS):
            bench.progress(f"round {number} of {_RUNS}")
            for name in names:
                subject, server = started[name]
                for load, rate in rates[name].items():
                    many = 1 if rate is None else _CONNECTIONS
                    runs[name][load].append(
                        run(server.address, subject, rate=rate, seconds=_SECONDS, connections=many, cores=cores)
                    )
    return {
        "subjects": {each.name: each.title for each in subjects},
        "loads": [
            {"subject": name, "load": load, "asked_rate": rates[name][load], **_summary(of, rates[name][load])}
            for load in ("one at a time", "half of the ceiling")
            for name in started
            for of in [runs[name][load]]
        ],
    }


def _summary(runs: Sequence[Run], rate: float | None) -> dict[str, Any]:
    """Of the runs that held the rate; a percentile of those in which it is about the server."""
    held = [each for each in runs if each.held(rate)]
    latencies: dict[str, Any] = {}
    for percentile in PERCENTILES:
        values = [each.latency_us[percentile] for each in held if each.believed(percentile)]
        spread = Interval.of(values) if values else None
        latencies[percentile] = None if spread is None else [spread.median, spread.low, spread.high, len(values)]
    return {
        "runs": len(runs),
        "held": len(held),
        "rate": Interval.of([each.rate for each in runs]).median,
        "latency_us": latencies,
    }
