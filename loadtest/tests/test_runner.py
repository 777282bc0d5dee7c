"""Carrying out a plan, with a real gRPC server of a few lines and programs in the load generators' places."""

import json
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from loadtest import plan, points, scenario, servers
from loadtest.dialects import FERRULE
from loadtest.ghz import Ghz
from loadtest.plan import Choice
from loadtest.record import Record
from loadtest.results import Answers, Load, Mode, Setting
from loadtest.runner import Runner, Tools
from loadtest.subjects import Kind, Launch, Subject
from loadtest.tests.test_results import point
from loadtest.transport.h2load import H2load
from measuring.interruption import stop_on_termination

CAPTURED = json.loads((Path(__file__).parent / "data" / "ghz-report.json").read_text(encoding="utf-8"))
HEALTH = """
    import signal, sys, threading
    from concurrent.futures import ThreadPoolExecutor
    import grpc
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    answer = grpc.unary_unary_rpc_method_handler(lambda request, context: bytes.fromhex(sys.argv[1]))
    handler = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": answer})
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    stopped.wait()
    server.stop(None).wait()
"""
SCENARIO = {
    "title": "Health",
    "call": {"kind": "health"},
    "closed": {"connections": 1, "concurrency": [2]},
    "ceiling": {"connections": 1, "streams": 2},
    "open": {"connections": 1, "fractions": [0.5]},
    "timing": {"warm_up_seconds": 0.1, "duration_seconds": 0.3, "rounds": 2},
}


class Silent:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.seconds = 0.0

    def say(self, words: str) -> None:
        self.said.append(words)

    def done(self, seconds: float) -> None:
        self.seconds += seconds


def server(name: str, answer: str) -> Subject:
    command = (sys.executable, "-c", textwrap.dedent(HEALTH), answer)
    return Subject(name, name.upper(), "ours", FERRULE, frozenset({Kind.HEALTH}), lambda *_: Launch(command))


RIGHT, WRONG = server("right", "0801"), server("wrong", "0802")


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    """Load generators that end at once: ghz reports one call a millisecond, h2load 4000 answers in two seconds."""
    details = [{"timestamp": f"2026-01-01T00:00:00.{n:03}Z", "latency": 400_000, "status": "OK"} for n in range(1000)]
    report = {**CAPTURED, "count": 1000, "total": 10**9, "statusCodeDistribution": {"OK": 1000}, "details": details}
    written = tmp_path / "report.json"
    written.write_text(json.dumps(report), encoding="utf-8")
    ghz, h2load = tmp_path / "ghz", tmp_path / "h2load"
    ghz.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n"
        f"shutil.copy({str(written)!r}, sys.argv[sys.argv.index('--output') + 1])\n",
        encoding="utf-8",
    )
    h2load.write_text(
        "#!/bin/sh\necho 'finished in 2.00s, 2000 req/s'\n"
        "echo 'requests: 4000 total, 4000 started, 4000 done, 4000 succeeded, 0 failed'\n",
        encoding="utf-8",
    )
    for program in (ghz, h2load):
        program.chmod(0o755)
    return Tools(Ghz(ghz, "fake"), H2load(str(h2load), "fake"))


def planned(*subjects: Subject) -> plan.Part:
    (part,) = plan.make(
        [scenario.from_document("health", SCENARIO)], subjects, [Setting.REMOTE], Choice(pacer=False)
    ).parts
    return part


def shared(*subjects: Subject) -> plan.Part:
    """On all cores, so that one core is enough."""
    (part,) = plan.make([scenario.from_document("health", SCENARIO)], subjects, [Setting.SHARED], Choice()).parts
    return part


def test_every_load_is_measured_every_round(tools: Tools, tmp_path: Path) -> None:
    record, progress = Record(), Silent()
    part = shared(RIGHT)
    Runner(tools, record, progress, folder=tmp_path).run(part)
    assert [(each.load.mode, each.round) for each in record.points] == [
        (Mode.CEILING, 1),
        (Mode.CLOSED, 1),
        (Mode.CEILING, 2),
        (Mode.CLOSED, 2),
    ]
    ceiling, closed = record.points[:2]
    assert (ceiling.requests_per_second, ceiling.latencies, ceiling.codes) == (2000.0, None, {"HTTP 200": 4000})
    assert closed.requests_per_second == 1000.0
    assert closed.latencies is not None
    assert closed.latencies.percentile(50) == 400.0
    assert closed.latencies_as_sent is None
    assert "--duration-stop" in closed.command
    assert progress.seconds == pytest.approx(part.seconds)
    assert record.notes == []
    (start,) = record.starts
    assert start.first_answer_ms > 0
    assert start.rss > 0
    assert [(each.when, each.wrong, each.failed) for each in record.answers] == [
        ("before", 0, 0),
        ("during", 0, 0),
        ("after", 0, 0),
    ]
    assert record.scenarios[0].definition == scenario.from_document("health", SCENARIO).document()
    assert list(record.commands) == ["right"]


def test_a_subject_that_answers_wrongly_is_never_measured(tools: Tools, tmp_path: Path) -> None:
    record = Record()
    Runner(tools, record, Silent(), folder=tmp_path).run(shared(WRONG, RIGHT))
    assert {each.subject for each in record.points} == {"right"}
    (note,) = record.notes
    assert note.startswith("health: WRONG was left out: its first answer was wrong: expected b'\\x08\\x01'")


def test_a_subject_that_does_not_start_is_left_out(tools: Tools, tmp_path: Path) -> None:
    broken = Subject("x", "X", "ours", FERRULE, frozenset(Kind), lambda *_: Launch((sys.executable, "-c", "exit(3)")))
    record = Record()
    Runner(tools, record, Silent(), folder=tmp_path).run(shared(broken, RIGHT))
    assert record.notes[0].startswith("health: X was left out: the x server ended at once")
    assert len(record.points) == 4


def test_a_load_generator_that_fails_gives_the_subject_up_and_keeps_the_rest(tools: Tools, tmp_path: Path) -> None:
    tools.ghz.program.write_text("#!/bin/sh\necho no >&2\nexit 4\n", encoding="utf-8")
    record, progress = Record(), Silent()
    part = shared(RIGHT)
    Runner(tools, record, progress, folder=tmp_path).run(part)
    assert [each.load.mode for each in record.points] == [Mode.CEILING]
    assert record.notes == ["health: right was given up: ghz ended with status 4: no"]
    assert progress.seconds == pytest.approx(part.seconds)


def test_a_running_server_is_loaded_where_it_is(tools: Tools, tmp_path: Path) -> None:
    folder = tmp_path / "outer"
    folder.mkdir()
    command = RIGHT.launch(None, Kind.HEALTH).command  # type: ignore[arg-type]  # it is started on nothing
    record = Record()
    with servers.launched("right", command, log=folder / "log") as running:
        Runner(tools, record, Silent(), folder=folder, target=running.address).run(planned(RIGHT))
    loads = [each.load for each in record.points]
    assert [load.mode for load in loads] == [Mode.CLOSED, Mode.OPEN] * 2
    # Without a ceiling the rate is a part of the best closed loop.
    assert loads[1].rate == 500.0
    paced = record.points[1]
    assert paced.latencies_as_sent is not None
    assert (paced.server_cpu, paced.peak_rss) == (None, None)
    assert record.starts == []


def test_wrong_answers_under_load_make_every_point_of_the_subject_invalid() -> None:
    answers = [
        Answers("small", "rust", "during", 40, 2, 0, "expected 1, got 2"),
        Answers("x", "rust", "after", 1, 0, 0, None),
    ]
    wrong, other = points.without_wrong_answers([point(), point(subject="python")], answers)
    assert wrong.invalid == ("2 of 40 answers were wrong: expected 1, got 2",)
    assert other.invalid == ()
    assert points.without_wrong_answers([wrong], answers) == [wrong]


def test_a_ceiling_is_none_when_calls_beside_it_fail() -> None:
    ceiling = point(load=Load(Mode.CEILING, 16, 64))
    refused = Answers("small", "rust", "during", 3, 0, 7, "RESOURCE_EXHAUSTED: full")
    assert points.judged(ceiling, refused).invalid[0].startswith("7 of 10 calls beside h2load")
    assert points.judged(ceiling, Answers("small", "rust", "during", 3, 0, 0, None)) == ceiling


def test_a_stop_keeps_what_was_measured(tools: Tools, tmp_path: Path) -> None:
    record = Record()

    class Stopping(Silent):
        def done(self, seconds: float) -> None:
            super().done(seconds)
            if record.points:
                signal.raise_signal(signal.SIGTERM)

    with stop_on_termination(), pytest.raises(KeyboardInterrupt):
        Runner(tools, record, Stopping(), folder=tmp_path).run(shared(RIGHT))
    assert len(record.points) == 1
    assert [each.when for each in record.answers] == ["before", "during"]
