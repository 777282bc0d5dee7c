"""Figures: what ghz reported, what one measured run comes to, and several runs together."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class GhzReport:
    """What is used of ghz's JSON report.

    ghz counts failed calls in its own requests a second and in its average, and stops listing calls after a million:
    so the figures are worked out here, from the calls that it lists.
    """

    seconds: float
    """From the first call to the last answer."""
    codes: Mapping[str, int]
    """Calls by status code, ``"OK"`` among them."""
    latencies_ms: npt.NDArray[np.float64]
    """Latency of each successful call that is listed."""
    complete: bool
    """Whether every call is listed."""

    @classmethod
    def read(cls, report: Mapping[str, Any]) -> "GhzReport":
        """From the parsed report. Raises ValueError when it is not one."""
        try:
            codes = {str(code): int(count) for code, count in (report["statusCodeDistribution"] or {}).items()}
            details = report["details"] or []
            latencies = [detail["latency"] for detail in details if detail["status"] == "OK"]
            return cls(
                seconds=report["total"] / 1e9,
                codes=codes,
                latencies_ms=np.asarray(latencies, dtype=np.float64) / 1e6,
                complete=len(details) == report["count"],
            )
        except (KeyError, TypeError) as problem:
            raise ValueError(f"not a report of ghz: {problem!r}") from problem

    @property
    def calls(self) -> int:
        """All calls, failed ones too."""
        return sum(self.codes.values())

    @property
    def errors(self) -> dict[str, int]:
        """Failed calls by status code."""
        return {code: count for code, count in self.codes.items() if code != "OK"}


@dataclass(frozen=True)
class Measurement:
    """One measured run against one server."""

    calls: int
    """All calls, failed ones too."""
    errors: Mapping[str, int]
    """Failed calls by status code."""
    requests_per_second: float
    """Successful calls a second."""
    p50_ms: float | None
    """Half of the successful calls took at most this; None when none succeeded."""
    p99_ms: float | None
    """99 of 100 took at most this."""
    p999_ms: float | None
    """999 of 1000 took at most this."""
    percentiles_complete: bool
    """Whether the percentiles are over every call, not the first million."""
    server_cpu_us: float
    """CPU time of the server and its workers for each call."""
    ghz_cpu_us: float
    """CPU time of ghz for each call."""
    seconds: float
    """From the first call to the last answer."""

    @classmethod
    def of(cls, report: GhzReport, *, server_cpu_seconds: float, ghz_cpu_seconds: float) -> "Measurement":
        """Works out the figures of one run. Raises ValueError when there was no call."""
        if report.calls == 0 or report.seconds <= 0:
            raise ValueError("ghz made no call")
        return cls(
            calls=report.calls,
            errors=report.errors,
            requests_per_second=report.codes.get("OK", 0) / report.seconds,
            p50_ms=percentile(report.latencies_ms, 500),
            p99_ms=percentile(report.latencies_ms, 990),
            p999_ms=percentile(report.latencies_ms, 999),
            percentiles_complete=report.complete,
            server_cpu_us=server_cpu_seconds / report.calls * 1e6,
            ghz_cpu_us=ghz_cpu_seconds / report.calls * 1e6,
            seconds=report.seconds,
        )

    @property
    def failed(self) -> int:
        """Number of failed calls."""
        return sum(self.errors.values())

    @property
    def ghz_cores(self) -> float:
        """Cores that ghz kept busy."""
        return self.ghz_cpu_us * self.calls / 1e6 / self.seconds

    @property
    def server_cores(self) -> float:
        """Cores that the server kept busy."""
        return self.server_cpu_us * self.calls / 1e6 / self.seconds


@dataclass(frozen=True)
class Spread:
    """One figure over several runs."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


def percentile(values: npt.NDArray[np.float64], per_mille: int) -> float | None:
    """The smallest value that at least ``per_mille`` of 1000 values do not exceed (nearest rank); None for no values.

    ``per_mille`` is 1 to 1000: with whole numbers no rank is rounded wrongly.
    """
    if values.size == 0:
        return None
    rank = -(-values.size * per_mille // 1000)
    return float(np.partition(values, rank - 1)[rank - 1])


def error_counts(measurements: Sequence[Measurement]) -> dict[str, int]:
    """Failed calls of several runs, by status code."""
    counts: dict[str, int] = {}
    for measurement in measurements:
        for code, count in measurement.errors.items():
            counts[code] = counts.get(code, 0) + count
    return dict(sorted(counts.items()))
