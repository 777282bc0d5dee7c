"""Results: what is written is read again, other formats are refused, and ladders are nearest ranks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.results import (
    FORMAT,
    LADDER,
    Answers,
    Latencies,
    Limit,
    Load,
    Mode,
    Point,
    Results,
    ResultsError,
    ScenarioRecord,
    Setting,
    Start,
    SubjectRecord,
)


def point(**changes: Any) -> Point:
    """A sound run of the Rust server in a closed loop, with these changes."""
    values: dict[str, Any] = {
        "scenario": "small",
        "call": "call",
        "subject": "rust",
        "setting": Setting.APART,
        "load": Load(Mode.CLOSED, 16, 64),
        "round": 1,
        "started": 3.5,
        "seconds": 2.0,
        "codes": {"OK": 2000},
        "requests_per_second": 1000.0,
        "latencies": Latencies.of(np.arange(1.0, 2001.0)),
        "latencies_as_sent": None,
        "server_cpu": 900.0,
        "server_busy": 0.98,
        "client_cpu": 40.0,
        "client_busy": 0.4,
        "peak_rss": 9_000_000,
        "limit": Limit.SERVER,
        "invalid": (),
        "remarks": (),
        "command": ("ghz", "--call"),
    }
    return Point(**{**values, **changes})


def results(*points: Point) -> Results:
    return Results(
        environment={"machine": {"cores": 2}},
        command=("python", "-m", "loadtest"),
        plan={"rounds": 1},
        subjects=[
            SubjectRecord("rust", "the Rust server", "ours", "ferrule", commands=(("ferrule-server", "serve"),)),
            SubjectRecord("other", "another", "peer", "oip", left_out="not installed"),
        ],
        scenarios=[ScenarioRecord("small", "Small", True, {"predict": 40}, {"title": "Small"})],
        starts=[Start("small", "rust", Setting.APART, 12.5, 7_000_000)],
        points=list(points),
        answers=[Answers("small", "rust", "during", 40, 0, 1, "UNAVAILABLE: draining")],
        notes=["other was left out: not installed"],
        complete=True,
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    whole = results(
        point(),
        point(load=Load(Mode.OPEN, 16, rate=512.5, fraction=0.3), latencies_as_sent=Latencies.of(np.ones(3))),
        point(
            subject="other",
            setting=Setting.REMOTE,
            latencies=None,
            server_cpu=None,
            server_busy=None,
            peak_rss=None,
            limit=Limit.UNKNOWN,
            codes={"Unavailable": 3},
            invalid=("3 of 3 calls failed",),
        ),
    )
    file = tmp_path / "results.json"
    whole.write(file)
    assert Results.read(file) == whole
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"format": FORMAT + 1}, f"format {FORMAT + 1}; this program reads format {FORMAT}"),
        ({}, "format None"),
        ([], "not results of the load test"),
        ({"format": FORMAT}, "not results of the load test"),
    ],
    ids=["later", "none", "a list", "empty"],
)
def test_other_files_are_refused(tmp_path: Path, document: object, message: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ResultsError, match=message):
        Results.read(file)


def test_a_full_run_stays_small(tmp_path: Path) -> None:
    microseconds = np.random.default_rng(7).lognormal(6.0, 1.0, 10_000)
    measured = Latencies.of(microseconds)
    command = ("ghz", "--insecure") + ("--a-flag-of-usual-length=<temporary>/ferrule-ghz/request.bin",) * 12
    results(*[point(latencies=measured, latencies_as_sent=measured, command=command)] * 1000).write(tmp_path / "r.json")
    assert (tmp_path / "r.json").stat().st_size < 3_000_000


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 1000, 100_000])
def test_ladder_is_the_nearest_rank(count: int) -> None:
    made = Latencies.of(np.random.default_rng(3).permutation(np.arange(1.0, count + 1)))
    assert made.calls == count
    assert made.percentile(0) == 1
    assert made.worst == made.percentile(100) == count
    for percent, value in zip(LADDER, made.ladder, strict=True):
        assert np.sum(np.arange(1.0, count + 1) <= value) * 100 >= percent * count - 1e-6
        assert value == 1 or np.sum(np.arange(1.0, count + 1) < value) * 100 < percent * count


def test_errors_are_the_codes_of_failed_calls() -> None:
    failing = point(codes={"OK": 5, "Unavailable": 2, "ResourceExhausted": 1})
    assert failing.calls == 8
    assert failing.errors == {"Unavailable": 2, "ResourceExhausted": 1}
    assert point(codes={"HTTP 200": 7, "failed": 1}).errors == {"failed": 1}
