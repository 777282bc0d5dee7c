"""Ratios and their bounds, what h2load and other tools say, and what becomes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtest.servers import launched
from loadtest.transport import balance, counts, cpu_clock, document, h2load, profile, report
from loadtest.transport.__main__ import keep
from loadtest.transport.h2load import Drive, H2load, H2loadError, Load
from loadtest.transport.latency import Run
from loadtest.transport.subjects import Question, Subject, command_line, others
from loadtest.transport.table import Table
from loadtest.transport.targets import Figures, Interval, Target

ROUNDS = [
    {"a": Figures(100.0, 10.0), "b": Figures(50.0, 4.0), "c": Figures(1.0, 1.0)},
    {"a": Figures(100.0, 30.0), "b": Figures(25.0, 4.0), "c": Figures(1.0, 1.0)},
    {"a": Figures(100.0, 20.0), "b": Figures(20.0, 4.0), "c": Figures(1.0, 1.0)},
]
SUBJECT = Subject("fake", "a fake", (), "/service/Method", b"question", b"answer")
CORES = (min(os.sched_getaffinity(0)),)
SAID = """
finished in 2.01s, 12.50 req/s, 1.00KB/s
requests: 27 total, 91 started, 25 done, 23 succeeded, 2 failed, 2 errored, 0 timeout
"""


def test_a_ratio_is_taken_round_by_round() -> None:
    assert Target("a against b and c", "a", ("b", "c")).ratio(ROUNDS) == Interval(4.0, 2.0, 6.0)
    assert Target("a against b", "a", ("b",), figure="requests_per_second").ratio(ROUNDS) == Interval(4.0, 2.0, 5.0)


@pytest.mark.parametrize(("count", "cut"), [(1, 0), (4, 0), (5, 0), (7, 0), (8, 1), (11, 2), (20, 5)])
def test_an_interval_cuts_as_many_values_as_its_confidence_allows(count: int, cut: int) -> None:
    # Of 8 values the second and the seventh hold the true median with 1 - 2 * (1 + 8) / 2^8 = 93%.
    values = [float(value) for value in range(count)]
    spread = Interval.of(values[::-1])
    assert (spread.low, spread.high) == (values[cut], values[-1 - cut])


@pytest.mark.parametrize(
    ("bound", "at_least", "low", "high", "verdict"),
    [
        (1.1, False, 0.98, 1.02, "met"),
        (0.9, False, 0.98, 1.02, "missed"),
        (0.9, True, 0.98, 1.02, "met"),
        (1.1, True, 0.98, 1.02, "missed"),
        (1.0, False, 0.98, 1.02, "met, within the spread"),
        (1.01, True, 0.98, 1.02, "missed, within the spread"),
        (1.0, False, 0.8, 1.2, "too noisy to say"),
        # However wide: all of it is on one side.
        (2.0, False, 0.8, 1.2, "met"),
        (None, False, 0.98, 1.02, ""),
        (None, False, 0.8, 1.2, "too noisy to say"),
    ],
)
def test_a_verdict_says_what_the_spread_leaves_of_it(
    bound: float | None, at_least: bool, low: float, high: float, verdict: str
) -> None:
    target = Target("", "a", ("b",), bound, at_least=at_least)
    assert target.verdict(Interval(1.0, low, high)) == verdict


def test_rounds_go_on_while_they_may_tell_more() -> None:
    target = Target("", "a", ("b",), 1.0)
    assert target.settled(Interval(1.5, 1.1, 1.9))
    assert target.settled(Interval(1.0, 0.99, 1.01))
    assert not target.settled(Interval(1.0, 0.9, 1.1))


@pytest.fixture
def program(tmp_path: Path) -> H2load:
    """A program in h2load's place, which keeps its command line and the body that it should send."""
    script = tmp_path / "h2load"
    script.write_text(
        f"""#!/bin/sh
echo "$@" > {tmp_path}/arguments
for each in "$@"; do
    case $each in --data=*) cp "${{each#--data=}}" {tmp_path}/body ;; esac
done
cat <<END
{SAID}
END
"""
    )
    script.chmod(0o755)
    return H2load(str(script), "fake")


def test_h2load_sends_one_grpc_message_and_its_counts_are_read(program: H2load, tmp_path: Path) -> None:
    run = program.run(Drive("127.0.0.1:1", SUBJECT, Load(3, 5), CORES), 0.25)
    assert (run.requests, run.failed, run.seconds) == (23, 2, 2.01)
    assert (tmp_path / "body").read_bytes() == b"\0\0\0\0\x08question"
    arguments = (tmp_path / "arguments").read_text()
    assert "--clients=3 --max-concurrent-streams=5 --duration=250ms" in arguments
    assert "grpc-timeout" in arguments
    assert arguments.rstrip().endswith("http://127.0.0.1:1/service/Method")


def test_a_subject_without_deadlines_is_sent_none(program: H2load, tmp_path: Path) -> None:
    endless = Subject("fake", "a fake", (), "/service/Method", b"", b"", deadline=False)
    program.ask(Drive("127.0.0.1:1", endless, Load(1, 1), CORES), 7)
    arguments = (tmp_path / "arguments").read_text()
    assert "--requests=7" in arguments
    assert "grpc-timeout" not in arguments


def test_output_that_is_not_understood_is_an_error(tmp_path: Path) -> None:
    script = tmp_path / "h2load"
    script.write_text("#!/bin/sh\necho nonsense\n")
    script.chmod(0o755)
    with pytest.raises(H2loadError, match="nonsense"):
        H2load(str(script), "fake").run(Drive("127.0.0.1:1", SUBJECT, Load(1, 1), CORES), 0.1)


def test_a_missing_h2load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(H2loadError, match="nghttp2-client"):
        h2load.find()


def test_a_subject_has_its_own_settings() -> None:
    tells = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
    subject = Subject("fake", "a fake", tells, "", b"", b"", settings={"OMP_NUM_THREADS": "1"})
    command = command_line(subject, CORES, {"GRPC_EXPERIMENTS": "given"})
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert (told["OMP_NUM_THREADS"], told["GRPC_EXPERIMENTS"]) == ("1", "given")


def test_grpcio_is_held_against_as_usually_started_and_tuned() -> None:
    asked = Question(b"", b"", Path("models"), Path("model"), Path("centers"))
    by_name = {each.name: each for each in others(asked)}
    for name in ("usual", "core"):
        usual, tuned = by_name[name], by_name[f"{name}-tuned"]
        assert "GRPC_EXPERIMENTS" not in usual.settings
        assert tuned.settings["GRPC_EXPERIMENTS"] == "-event_engine_listener"
        threads = [each.command[each.command.index("--threads") + 1] for each in (usual, tuned)]
        assert threads == ["10", "4"]


def test_a_paced_run_is_believed_only_when_the_generator_kept_its_pace() -> None:
    latency, late = {"p50": 100.0, "p99": 1000.0}, {"p50": 1.0, "p99": 900.0}
    run = Run(1000, 0, 995.0, latency, late)
    assert run.held(1000.0)
    assert not run.held(1010.0)
    assert not Run(1000, 1, 995.0, latency, late).held(None)
    assert run.believed("p50")
    assert not run.believed("p99")
    assert Run(1000, 0, 995.0, latency, {}).believed("p99")


def test_counts_of_all_processes_are_added() -> None:
    pattern = r"Total: +([\d,]+) bytes in ([\d,]+) blocks"
    logs = ["==1== Total:     1,234 bytes in 10 blocks\n", "==2== Total: 6 bytes in 1 blocks", "==3== nothing"]
    assert counts.total(logs, pattern) == [1240, 11]
    with pytest.raises(counts.CountError, match="nothing"):
        counts.total(logs[2:], pattern)


def test_system_calls_are_read_by_name() -> None:
    said = "144,,raw_syscalls:sys_enter,1414470,100.00,,\n7,,syscalls:sys_enter_writev,1,100.00,,\n\n<not counted>,,x,,"
    assert counts.perf_counts(said) == {"all": 144, "writev": 7}


def test_both_servers_lines_about_connections_are_read() -> None:
    log = """
{"level":"INFO","message":"connections of each worker: open=[1, 3], accepted=[1, 3]"}
{"level":"INFO","message":"connections of each worker: open=[0, 12]"}
{"level":"INFO","message":"something else"}
"""
    assert balance.open_connections(log) == [[1, 3], [0, 12]]


def test_many_connections_spread_better_than_few() -> None:
    few, many = balance.busiest(2, 2), balance.busiest(2, 64)
    # Of two connections, both fall to one of two workers half of the time: (2 + 1) / 2 of a fair share.
    assert few[0] == pytest.approx(1.5, abs=0.02)
    assert few[1] == 2.0
    assert 1.0 < many[0] < many[1] < 1.3


def test_a_table_is_the_same_in_the_terminal_and_in_markdown() -> None:
    table = Table("A title", ("", "a|b"), [("row", "1.5")], "A note.")
    markdown = table.for_markdown()
    assert markdown == "**A title**\n\n|  | a\\|b |\n| --- | ---: |\n| row | 1.5 |\n\nA note.\n"
    console = Console(width=80, record=True, file=Path(os.devnull).open("w"))  # noqa: SIM115 (closed with the test)
    console.print(table.for_terminal())
    console.file.close()
    printed = console.export_text()
    for word in ("A title", "a|b", "row", "1.5", "A note."):
        assert word in printed


def test_a_case_is_reported_from_what_is_kept() -> None:
    record: dict[str, Any] = {
        "title": "A case",
        "subjects": {"a": "first", "b": "second"},
        "rounds": {"4×16": [{"a": vars(each["a"]), "b": vars(each["b"])} for each in ROUNDS]},
        "targets": [vars(Target("a against b", "a", ("b",), 6.0))],
        "interrupted": True,
    }
    figures, ratios = report.case(json.loads(json.dumps(record)))
    assert figures.rows == [["first", "100", "20.0"], ["second", "25", "4.0"]]
    assert "3 rounds; stopped before the end" in figures.note
    assert ratios.rows == [("a against b", "4×16", "5.00", "2.50 to 7.50", "≤ 6", "too noisy to say")]


def test_a_part_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    keep(file, "small", {"old": True})
    keep(file, "large", {"other": True})
    keep(file, "small", {"new": True})
    assert json.loads(file.read_text()) == {"parts": {"small": {"new": True}, "large": {"other": True}}}


ANNOTATED = """
Ir                   file:function
1,000 (50.0%)  /home/me/.cargo/registry/src/index-1/h2-0.4.20/src/a.rs:h2::frame::head [/opt/ferrule-server]
  300 (15.0%)  /rustc/0123/library/core/src/slice/mod.rs:<http::header::Map as core::ops::Index>::index
   70 ( 3.5%)  /rustc/0123/library/core/src/ops/function.rs:core::ops::function::FnOnce::call_once
  200 (10.0%)  ./string/memmove-vec.S:__memcpy_avx_unaligned_erms [/usr/lib/libc.so.6]
   10 ( 0.5%)  ./malloc/malloc.c:_int_free [/usr/lib/libc.so.6]
   20 ( 1.0%)  /home/me/.cargo/registry/src/index-1/tikv-jemalloc-sys-0.7.0/src/b.c:je_x [/opt/ferrule-server]
   30 ( 1.5%)  rust_core/engine/src/predict.rs:ferrule_engine::predict::Predict::check
   40 ( 2.0%)  ???:0x0000000000123456 [/venv/lib/grpc/_cython/cygrpc.cpython-311-x86_64-linux-gnu.so]
   50 ( 2.5%)  ???:_PyEval_EvalFrameDefault [/usr/bin/python3.11]
nothing of interest
"""


def test_instructions_are_grouped_by_where_they_were_written() -> None:
    assert profile.grouped(ANNOTATED) == {
        "h2": 1000,
        "http": 300,
        "Rust's library": 70,
        "memory copies (libc)": 200,
        "allocator": 30,
        "the engine": 30,
        "grpcio": 40,
        "Python": 50,
    }


def kept() -> dict[str, dict[str, Any]]:
    """A part as it is kept."""
    where = {
        "date": "2026-01-02T03:04:05+00:00",
        "commit": "0123456789abcdef",
        "machine": {"processor": "a processor", "cores": 2, "system": "Linux"},
        "versions": {"rust": "rustc 1", "python": "3.11", "h2load": "h2load 1", "packages": {"grpcio": "1.85"}},
    }
    return {"in-process": {"parts_ns": {"nothing": [1.0, 0.5, 2000.0]}, "environment": where}}


def test_figures_take_the_place_of_older_ones() -> None:
    text = "before\n<!-- figures: in-process -->\nold\n<!-- end of figures -->\nafter\n"
    once = document.filled(text, kept())
    assert once.startswith("before\n<!-- figures: in-process -->\n\n**Parts of a small request in process, in ns**\n")
    assert "| nothing | 1 | 0 to 2,000 |" in once
    assert once.endswith("<!-- end of figures -->\nafter\n")
    assert "old" not in once
    assert document.filled(once, kept()) == once
    assert "commit 0123456789" in document.filled("<!-- figures: where -->\n<!-- end of figures -->", kept())


def test_figures_that_are_not_kept_are_said() -> None:
    with pytest.raises(document.DocumentError, match="latency"):
        document.filled("<!-- figures: latency -->\n<!-- end of figures -->", kept())


def test_the_documents_show_what_is_kept() -> None:
    parts = json.loads(document.KEPT.read_text())["parts"]
    for page in document.DOCUMENTS:
        text = page.read_text()
        assert "<!-- figures: ratios -->" in text
        assert document.filled(text, parts) == text, f"python -m loadtest.transport.document rewrites {page}"


def test_the_cpu_clock_counts_a_process_that_computes(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint('listening on x', flush=True)\ntime.sleep(60)"
    with launched("busy", (sys.executable, "-c", busy), log=tmp_path / "log") as server:
        used = cpu_clock.seconds(server)
        assert used >= 0.2
        assert cpu_clock.seconds(server) >= used
