"""Figures over rounds: medians of valid rounds, verdicts by CPU time, the knee."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from loadtest import summary
from loadtest.results import Latencies, Limit, Load, Mode, Point, Results, Setting, SubjectRecord
from loadtest.summary import Found
from loadtest.tests.test_results import point, results
from measuring.spread import Spread

CEILING = Load(Mode.CEILING, 16, 64)


def run(*points: Point) -> Results:
    subjects = [SubjectRecord(name, name.upper(), "ours", "ferrule") for name in ("rust", "python")]
    subjects += [SubjectRecord("usual", "USUAL", "peer", "ferrule"), SubjectRecord("echo", "ECHO", "floor", "ferrule")]
    return dataclasses.replace(results(*points), subjects=subjects)


def ceiling(subject: str, number: int, cpu: float, **changes: Any) -> Point:
    values = {"load": CEILING, "requests_per_second": 1e6 / cpu, "latencies": None, **changes}
    return point(subject=subject, round=number, server_cpu=cpu, **values)


def test_rows_are_rounds_of_one_load_and_invalid_rounds_do_not_count() -> None:
    bad = point(
        round=3, requests_per_second=9.0, invalid=("the load generator was the limit",), codes={"OK": 9, "Internal": 1}
    )
    good, elsewhere = summary.rows(
        run(point(), point(round=2, requests_per_second=2000.0), bad, point(load=Load(Mode.CLOSED, 16, 128)))
    )
    assert good.requests_per_second == Spread(1500.0, 1000.0, 2000.0)
    assert good.latency(99) == Spread(1980.0, 1980.0, 1980.0)
    assert good.invalid == ()
    assert good.errors == {"Internal": 1}
    assert good.error_rate == pytest.approx(1 / 4010)
    assert elsewhere.load.concurrency == 128


def test_a_row_without_a_valid_round_has_no_throughput_but_says_why() -> None:
    (row,) = summary.rows(run(point(invalid=("too busy",)), point(round=2, invalid=("too busy", "late"))))
    assert row.requests_per_second is None
    assert row.latency(50) is None
    assert row.invalid == ("too busy", "late")
    assert row.server_cpu is None


def test_cpu_time_counts_where_the_client_was_the_limit_and_nowhere_that_answers_were_wrong() -> None:
    fast = ("the load generator was the limit, busy 99% of the time: the server can do more",)
    (row,) = summary.rows(
        run(point(invalid=fast), point(round=2, server_cpu=1.0, invalid=(*fast, "1 of 9 answers were wrong")))
    )
    assert row.requests_per_second is None
    assert row.server_cpu == Spread(900.0, 900.0, 900.0)


def test_servers_without_a_common_round_have_no_verdict() -> None:
    assert summary.verdicts(run(ceiling("rust", 1, 10.0), ceiling("python", 2, 100.0)), "small") == []


def test_a_row_whose_rounds_are_mostly_invalid_is_invalid() -> None:
    bad = [point(round=number, invalid=("too busy",)) for number in (1, 3)]
    (row,) = summary.rows(run(*bad, point(round=2)))
    assert row.requests_per_second is None
    assert row.invalid == ("too busy",)


def test_verdicts_are_ratios_of_cpu_time_round_by_round() -> None:
    made = summary.verdicts(
        run(
            *(ceiling("rust", number, cpu) for number, cpu in ((1, 10.0), (2, 20.0), (3, 10.0))),
            *(ceiling("python", number, cpu) for number, cpu in ((1, 100.0), (2, 200.0), (3, 120.0))),
            *(ceiling("usual", number, 700.0) for number in (1, 2, 3)),
            ceiling("echo", 1, 1.0),
            # Whole-machine runs decide nothing.
            ceiling("usual", 1, 1.0, setting=Setting.SHARED),
        ),
        "small",
    )
    assert [(each.subject, each.other) for each in made] == [("rust", "usual"), ("rust", "python"), ("python", "usual")]
    assert (made[1].cpu_ratio, made[1].least, made[1].most) == (10.0, 10.0, 12.0)
    assert made[1].throughput_ratio == pytest.approx(12.0)


def test_throughputs_are_compared_only_where_both_servers_were_the_limit() -> None:
    (made,) = summary.verdicts(run(ceiling("rust", 1, 10.0, limit=Limit.CLIENT), ceiling("python", 1, 100.0)), "small")
    assert made.throughput_ratio is None


def test_without_ceilings_the_middle_of_the_sweep_decides() -> None:
    sweep = [
        point(subject=name, load=Load(Mode.CLOSED, 8, callers), server_cpu=cpu * callers)
        for name, cpu in (("rust", 1.0), ("python", 3.0))
        for callers in (2, 64, 4096)
    ]
    (made,) = summary.verdicts(run(*sweep), "small")
    assert (made.load.concurrency, made.cpu_ratio) == (64, 3.0)


def test_subjects_are_held_against_each_other_where_their_cpu_time_is_known() -> None:
    wrong = ("1 of 9 answers were wrong",)
    sweep = [
        point(subject=subject, server_cpu=cpu, load=Load(Mode.CLOSED, 16, 64))
        for subject, cpu in (("rust", 10.0), ("python", 40.0))
    ]
    unknown = point(subject="usual", server_cpu=None, load=Load(Mode.CLOSED, 16, 64))
    measured = run(*(ceiling(name, 1, 5.0, invalid=wrong) for name in ("rust", "python")), *sweep, unknown)
    held = summary.comparable(summary.rows(measured))
    assert {row.subject: row.load.mode for row in held} == dict.fromkeys(("rust", "python", "usual"), Mode.CLOSED)
    (made,) = summary.verdicts(measured, "small")
    assert (made.load.mode, made.cpu_ratio) == (Mode.CLOSED, 4.0)


def test_where_no_cpu_time_is_known_the_ceiling_is_that_load() -> None:
    closed = point(subject="rust", server_cpu=None, load=Load(Mode.CLOSED, 16, 64))
    measured = run(closed, dataclasses.replace(ceiling("rust", 1, 5.0), server_cpu=None))
    assert [row.load for row in summary.comparable(summary.rows(measured))] == [CEILING]
    assert summary.verdicts(measured, "small") == []


def test_knee_is_where_throughput_stops_rising_or_waits_grow() -> None:
    def step(callers: int, rate: float, p99: float) -> Point:
        return point(
            load=Load(Mode.CLOSED, 8, callers), requests_per_second=rate, latencies=Latencies.of(np.full(100, p99))
        )

    def knee(*steps: Point) -> tuple[int | None, str] | None:
        found = summary.knee(summary.rows(run(*steps)))
        return None if found is None else (found.row.load.concurrency, found.found)

    def busy(given: Point) -> Point:
        return dataclasses.replace(given, invalid=("the load generator was the limit",), limit=Limit.CLIENT)

    steps = [step(2, 100, 10), step(4, 190, 11), step(8, 300, 15), step(16, 305, 19), step(32, 400, 40)]
    assert knee(*steps) == (8, Found.REACHED)
    assert knee(*steps[:3]) == (8, Found.BEYOND)
    # What the server did with 8 callers and more is not known: with 4 it was not at its knee.
    assert knee(*steps[:2], busy(steps[2]), *steps[3:]) == (4, Found.CLIENT)
    assert knee(*steps[:4], busy(steps[4])) == (8, Found.REACHED)
    assert knee(*steps[:2], dataclasses.replace(steps[2], invalid=("all 9 calls failed",))) == (4, Found.INVALID)
    assert knee(busy(steps[0]), *steps[1:]) is None
    assert knee(*steps[:2]) is None
    assert knee() is None


def test_percentiles_of_the_load_generator_are_not_shown() -> None:
    late = Latencies.of(np.array([1.0] * 990 + [900.0] * 10))
    took = Latencies.of(np.array([100.0] * 990 + [1000.0] * 10))
    paced = point(load=Load(Mode.PACED, 16, rate=10.0), latencies=took, delays=late)
    (row,) = summary.rows(run(paced, dataclasses.replace(paced, round=2)))
    assert row.latency(99) == Spread(100.0, 100.0, 100.0)
    assert row.latency(99.9) is None
    (row,) = summary.rows(run(paced, dataclasses.replace(paced, round=2, delays=None)))
    assert row.latency(99.9) == Spread(1000.0, 1000.0, 1000.0)
