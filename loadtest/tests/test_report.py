"""What a reader sees: medians with ranges, errors by code, and the warning when ghz is the limit."""

import io
import json
from collections.abc import Mapping

import pytest
from rich.console import Console

from loadtest import report, rounds, scenario
from loadtest.answers import Agreement
from loadtest.measurement import Measurement
from loadtest.rounds import Result
from loadtest.tests.test_scenario import VALID


def run(
    server: str,
    number: int,
    *,
    rate: float,
    server_cpu: float = 100.0,
    errors: Mapping[str, int] | None = None,
) -> Result:
    measurement = Measurement(
        calls=1000,
        errors=errors or {},
        requests_per_second=rate,
        p50_ms=1.0,
        p99_ms=2.0 * number,
        p999_ms=None,
        percentiles_complete=True,
        server_cpu_us=server_cpu,
        ghz_cpu_us=40.0,
        seconds=0.1,
    )
    return Result(server, number, measurement, ("ghz",))


RESULTS = [
    run("rust", 1, rate=30_000.0, server_cpu=10.0),
    run("python", 1, rate=5_000.0, errors={"Unavailable": 2}),
    run("python", 2, rate=6_000.0, errors={"Unavailable": 1, "Internal": 1}),
    run("rust", 2, rate=20_000.0, server_cpu=10.0),
    run("rust", 3, rate=31_000.0, server_cpu=10.0),
]
AGREEMENTS = {"rust": Agreement(200, 200, 0.0), "python": Agreement(200, 199, 0.0)}


def test_table_shows_medians_ranges_and_errors() -> None:
    written = io.StringIO()
    console = Console(file=written, width=100)
    console.print(report.table(scenario.from_document("x", VALID), RESULTS, AGREEMENTS))
    text = written.getvalue()
    assert text.index("python") < text.index("rust")
    split = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]
    cells = {heading: rest for heading, *rest in filter(None, split)}
    assert cells["successful requests/s"] == ["5,500 (5,000–6,000)", "30,000 (20,000–31,000)"]
    assert cells["p99 ms"] == ["3.00 (2.00–4.00)", "4.00 (2.00–6.00)"]
    assert cells["p99.9 ms"] == ["—", "—"]
    assert cells["failed calls"] == ["1 Internal, 3 Unavailable", "0"]
    assert cells["right answers"] == ["199 of 200", "200 of 200"]


def test_ghz_is_named_as_the_limit_only_where_it_used_more_than_the_server() -> None:
    remarks = report.remarks(RESULTS, 2)
    assert "shared the machine's 2 cores" in remarks[0]
    warnings = [remark for remark in remarks if "probably the limit" in remark]
    assert len(warnings) == 1
    assert warnings[0].startswith("rust: ghz kept 0.4 cores busy, the server 0.1: ")


def test_document_is_plain_json() -> None:
    document = report.document(
        scenario.from_document("x", VALID),
        RESULTS,
        AGREEMENTS,
        {"rust": ["ferrule-server"], "python": ["python"]},
        {"machine": {"cores": 2}},
    )
    read = json.loads(json.dumps(document, allow_nan=False))
    assert read["servers"]["rust"]["summary"]["requests_per_second"] == {
        "median": 30_000.0,
        "least": 20_000.0,
        "most": 31_000.0,
    }
    assert read["servers"]["rust"]["summary"]["p999_ms"] is None
    assert read["servers"]["python"]["errors"] == {"Internal": 1, "Unavailable": 3}
    assert [entry["round"] for entry in read["rounds"]] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_server_is_measured_once_a_round_and_neither_is_always_first(count: int) -> None:
    orders = list(rounds.orders(["python", "rust"], count))
    assert [number for number, _ in orders] == list(range(1, count + 1))
    assert all(sorted(names) == ["python", "rust"] for _, names in orders)
    assert [names[0] for _, names in orders] == (["python", "rust"] * 3)[:count]
