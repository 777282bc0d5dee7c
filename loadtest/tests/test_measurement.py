"""The arithmetic of the figures, on a report of ghz v0.121.0 (12 calls, 4 of them NOT_FOUND) and on made-up runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.measurement import GhzReport, Measurement, Spread, error_counts, percentile

REPORT = json.loads((Path(__file__).parent / "data" / "ghz-report.json").read_text(encoding="utf-8"))


def test_report_is_read_call_by_call() -> None:
    report = GhzReport.read(REPORT)
    assert report.calls == 12
    assert report.codes == {"OK": 8, "NotFound": 4}
    assert report.errors == {"NotFound": 4}
    assert report.seconds == pytest.approx(0.013609037)
    assert report.complete
    # Failed calls are no latencies: the second slowest call (5.9 ms) failed.
    assert sorted(report.latencies_ms) == pytest.approx(
        [0.478934, 0.565122, 0.826643, 0.997328, 1.085179, 1.498916, 1.983789, 6.696357]
    )


def test_figures_count_successes_only_where_they_must() -> None:
    figures = Measurement.of(GhzReport.read(REPORT), server_cpu_seconds=0.006, ghz_cpu_seconds=0.012)
    assert figures.calls == 12
    assert figures.failed == 4
    # ghz's own figure, 882, counts the failed calls.
    assert figures.requests_per_second == pytest.approx(8 / 0.013609037)
    assert figures.p50_ms == pytest.approx(0.997328)
    assert figures.p99_ms == figures.p999_ms == pytest.approx(6.696357)
    assert figures.server_cpu_us == pytest.approx(500.0)
    assert figures.ghz_cpu_us == pytest.approx(1000.0)
    assert figures.server_cores == pytest.approx(0.006 / 0.013609037)
    assert figures.ghz_cores == pytest.approx(2 * figures.server_cores)


def test_calls_that_ghz_does_not_list_are_noticed() -> None:
    report = GhzReport.read({**REPORT, "count": 13})
    assert not report.complete


def test_run_without_success_has_no_latencies() -> None:
    failed = {
        **REPORT,
        "statusCodeDistribution": {"Unavailable": 12},
        "details": [{**detail, "status": "Unavailable"} for detail in REPORT["details"]],
    }
    figures = Measurement.of(GhzReport.read(failed), server_cpu_seconds=0.0, ghz_cpu_seconds=0.0)
    assert figures.requests_per_second == 0
    assert figures.p50_ms is None
    assert figures.p99_ms is None
    assert figures.errors == {"Unavailable": 12}


@pytest.mark.parametrize("broken", [{}, {**REPORT, "details": [{"status": "OK"}]}, {**REPORT, "total": None}])
def test_what_is_not_a_report_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a report of ghz"):
        GhzReport.read(broken)


def test_no_calls_at_all_is_an_error() -> None:
    empty = {**REPORT, "count": 0, "statusCodeDistribution": None, "details": None}
    with pytest.raises(ValueError, match="made no call"):
        Measurement.of(GhzReport.read(empty), server_cpu_seconds=0.0, ghz_cpu_seconds=0.0)


@pytest.mark.parametrize(
    ("count", "per_mille", "rank"),
    [(1, 500, 1), (2, 500, 1), (3, 500, 2), (100, 990, 99), (101, 990, 100), (1000, 999, 999), (1001, 999, 1000)],
)
def test_percentile_is_the_nearest_rank(count: int, per_mille: int, rank: int) -> None:
    values = np.random.default_rng(7).permutation(np.arange(1.0, count + 1))
    assert percentile(values, per_mille) == rank


def test_percentile_of_nothing() -> None:
    assert percentile(np.empty(0), 500) is None


@pytest.mark.parametrize(
    ("values", "spread"), [([3.0], (3.0, 3.0, 3.0)), ([9.0, 1.0, 2.0], (2.0, 1.0, 9.0)), ([4.0, 1.0], (2.5, 1.0, 4.0))]
)
def test_spread(values: list[float], spread: tuple[float, float, float]) -> None:
    assert Spread.of(values) == Spread(*spread)


def test_errors_add_up_by_code() -> None:
    report = GhzReport.read(REPORT)
    figures = Measurement.of(report, server_cpu_seconds=0.0, ghz_cpu_seconds=0.0)
    assert error_counts([figures, figures]) == {"NotFound": 8}
