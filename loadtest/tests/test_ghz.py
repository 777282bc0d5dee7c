"""How ghz is called and found, with a program in its place that keeps its arguments and writes a captured report."""

import dataclasses
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtest import ghz
from loadtest.ghz import Ghz, GhzError, Load, Report

REPORT = Path(__file__).parent / "data" / "ghz-report.json"
CAPTURED: dict[str, Any] = json.loads(REPORT.read_text(encoding="utf-8"))
LOAD = Load(connections=3, concurrency=7, duration_seconds=1.5)

WRITES_A_REPORT = """
import json, pathlib, sys
arguments = sys.argv[1:]
payload = pathlib.Path(arguments[arguments.index("--binary-file") + 1]).read_bytes()
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps([arguments, payload.hex()]))
report = pathlib.Path(arguments[arguments.index("--output") + 1])
report.write_bytes(pathlib.Path({report!r}).read_bytes())
"""
FAILS = "import sys; sys.exit('Symbol not found: ferrule.v1.PredictionService.Predict')"
WRITES_NOTHING = "print('nothing to do')"


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Ghz]:
    def write(source: str) -> Ghz:
        file = tmp_path / "ghz"
        file.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
        file.chmod(0o755)
        return Ghz(file, "v0")

    return write


def test_run_sends_the_bytes_and_waits_for_the_last_calls(program: Callable[[str], Ghz]) -> None:
    fake = program(WRITES_A_REPORT.format(report=str(REPORT)))
    run = ghz.run(fake, "127.0.0.1:4711", ghz.PREDICT, b"\x00\xff", LOAD)
    assert run.report.codes == {"OK": 8, "NotFound": 4}
    assert run.cpu_seconds > 0
    arguments, payload = json.loads(fake.program.with_suffix(".json").read_text(encoding="utf-8"))
    assert payload == "00ff"
    assert arguments == list(run.command[1:])
    assert arguments[-1] == "127.0.0.1:4711"
    assert {"--insecure", "--disable-template-functions", "--disable-template-data"} <= set(arguments)
    options = dict(itertools.pairwise(arguments))
    assert options["--call"] == "ferrule.v1.PredictionService/Predict"
    assert options["--duration-stop"] == "wait"
    assert options["--duration"] == "1.5s"
    assert (options["--connections"], options["--concurrency"]) == ("3", "7")
    assert options["--timeout"] == "20s"
    assert not {"--async", "--rps", "--protoset"} & set(arguments)


def test_open_loop_is_paced_and_does_not_wait_for_answers(program: Callable[[str], Ghz], tmp_path: Path) -> None:
    fake = program(WRITES_A_REPORT.format(report=str(REPORT)))
    load = dataclasses.replace(LOAD, rate=2500, timeout_seconds=3.0)
    run = ghz.run(fake, "127.0.0.1:4711", ghz.PREDICT, b"\0", load, protoset=tmp_path / "x.binpb")
    options = dict(itertools.pairwise(run.command))
    assert "--async" in run.command
    assert options["--rps"] == "2500"
    assert options["--timeout"] == "3s"
    assert options["--protoset"] == str(tmp_path / "x.binpb")


def test_report_is_read_call_by_call() -> None:
    report = Report.read(CAPTURED)
    assert report.calls == 12
    assert report.codes == {"OK": 8, "NotFound": 4}
    assert report.errors == {"NotFound": 4}
    assert report.seconds == pytest.approx(0.013609037)
    # ghz's own figure, 882, counts the failed calls.
    assert report.requests_per_second == pytest.approx(8 / 0.013609037)
    assert report.complete
    # Failed calls are no latencies: the second slowest call (5.9 ms) failed.
    assert sorted(report.successful_us) == pytest.approx(
        [478.934, 565.122, 826.643, 997.328, 1085.179, 1498.916, 1983.789, 6696.357]
    )


def test_starts_are_ends_less_latencies_in_the_order_of_sending() -> None:
    details = [
        {"timestamp": "2026-01-01T00:00:00.000900123Z", "latency": 100_123, "status": "OK"},
        {"timestamp": "2026-01-01T00:00:00.0011Z", "latency": 900_000, "status": "Unavailable"},
    ]
    codes = {"OK": 1, "Unavailable": 1}
    report = Report.read({**CAPTURED, "count": 2, "details": details, "statusCodeDistribution": codes})
    assert report.starts_us == pytest.approx([0.0, 600.0])
    assert report.latencies_us == pytest.approx([900.0, 100.123])
    assert report.succeeded.tolist() == [False, True]


def test_calls_that_ghz_does_not_list_are_noticed() -> None:
    assert not Report.read({**CAPTURED, "count": 13}).complete


def test_report_without_calls() -> None:
    report = Report.read({**CAPTURED, "count": 0, "statusCodeDistribution": None, "details": None})
    assert (report.calls, report.requests_per_second, report.starts_us.size) == (0, 0.0, 0)


@pytest.mark.parametrize(
    "broken",
    [{}, {**CAPTURED, "details": [{"status": "OK"}]}, {**CAPTURED, "total": None}],
    ids=["empty", "call", "total"],
)
def test_what_is_not_a_report_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a report of ghz"):
        Report.read(broken)


@pytest.mark.parametrize(
    ("source", "message"),
    [(FAILS, "ghz ended with status 1: Symbol not found"), (WRITES_NOTHING, "ghz ended with status 0: nothing to do")],
    ids=["fails", "writes nothing"],
)
def test_failure_of_ghz_is_quoted(program: Callable[[str], Ghz], source: str, message: str) -> None:
    with pytest.raises(GhzError, match=message):
        ghz.run(program(source), "127.0.0.1:1", ghz.PREDICT, b"", LOAD)


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("print('v0.117.0')", "v0.117.0"),
        # As Go records it in a program made by `go install`.
        ("print('dev')\n# \tgithub.com/bojand/ghz\tv0.121.0\th1:=", "v0.121.0"),
    ],
    ids=["released", "go install"],
)
def test_ghz_on_path_is_found_with_its_version(
    program: Callable[[str], Ghz], monkeypatch: pytest.MonkeyPatch, source: str, version: str
) -> None:
    file = program(source).program
    monkeypatch.setenv("PATH", str(file.parent))
    assert ghz.find() == Ghz(file, version)


def test_no_ghz_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(ghz, "ROOT", tmp_path)
    assert ghz.find() is None
