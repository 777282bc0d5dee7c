"""What the pacer wrote is read, with a program in its place; the pacer itself, where it is built, against a real server."""

import itertools
import re
import sys
import textwrap
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from loadtest import pacer, servers
from loadtest.pacer import Load, PacerError
from loadtest.questions import Question, Questions
from loadtest.tests.test_runner import HEALTH

SOURCE = servers.ROOT / "loadtest" / "probes" / "src" / "load.rs"
LOAD = Load(connections=3, rate=400, seconds=0.5)


Times: TypeAlias = npt.NDArray[np.float64]

ASKED = Questions("grpc.health.v1.Health/Check", None, [Question(b"\x0a\x00", lambda _: None)])


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "pacer"
    script.touch(mode=0o755)
    monkeypatch.setattr(pacer, "PROGRAM", script)
    return script


def test_calls_are_read(program: Path) -> None:
    calls = [[1_000, 2_500, 9_000, 0], [2_000, 2_600, 5_000, 14], [3_000, 3_000, 4_000, 255], [4_000, 4_000, 6_000, 0]]
    program.write_text(
        f"#!{sys.executable}\nimport struct, sys\n"
        "file = sys.argv[sys.argv.index('--calls') + 1]\n"
        f"open(file, 'wb').write(b''.join(struct.pack('<4Q', *call) for call in {calls}))\n"
        "print('{\"calls\": 6}')\n",
        encoding="utf-8",
    )
    run = pacer.run("127.0.0.1:4711", ASKED, LOAD)
    assert run.by_code == {"OK": 2, "Unavailable": 1, "ConnectionFailed": 1, "Unanswered": 2}
    assert run.succeeded.tolist() == [True, False, False, True]
    assert run.late_us.tolist() == pytest.approx([1.5, 0.6, 0.0, 0.0])
    assert (run.answered_us - run.due_us).tolist() == pytest.approx([8.0, 3.0, 1.0, 2.0])
    options = dict(itertools.pairwise(run.command))
    assert (options["--rate"], options["--connections"], options["--seconds"]) == ("400", "3", "0.5")


def most_in_flight() -> int:
    (most,) = re.findall(r"MOST_IN_FLIGHT: usize = ([\d_]+);", SOURCE.read_text(encoding="utf-8"))
    return int(most)


def made(due: Times, sent: Times, answered: Times, unanswered: int = 0) -> pacer.Run:
    return pacer.Run(due, sent, answered, np.zeros(due.size, np.uint64), unanswered, 1.0, ())


def test_a_server_that_leaves_too_many_calls_unanswered_holds_the_pacer_up() -> None:
    due = np.arange(20_000.0)
    assert made(due, due, due + most_in_flight() - 0.5).held_up
    assert not made(due, due, due + most_in_flight() // 2).held_up
    # One answer in three microseconds: once there are as many it sends a call for each of them, ever later.
    answered = 3 * (due + 1)
    sent = np.maximum(due, answered - 3 * most_in_flight())
    assert made(due, sent, answered).held_up


def test_a_pacer_that_stalls_and_sends_all_at_once_holds_itself_up() -> None:
    due = np.arange(40_000.0)
    most = most_in_flight()
    stall = (due >= 10_000) & (due < 10_000 + 2 * most)
    sent = np.where(stall, 10_000.0 + 2 * most, due)
    quick, slow = made(due, sent, sent + 300.0), made(due, sent, sent + 20.0 * most)
    assert not quick.held_up
    assert slow.held_up, "the server took much longer than the stall"


def test_a_stall_of_the_pacer_excuses_no_server_that_holds_it_up_later() -> None:
    due = np.arange(80_000.0)
    most = most_in_flight()
    stall = (due >= 10_000) & (due < 10_000 + 2 * most)
    sent = np.where(stall, 10_000.0 + 2 * most, due)
    stuck = due >= 50_000
    assert not made(due, sent, sent + 300.0).held_up
    assert made(due, sent, np.where(stuck, 50_000.0 + 2 * most, sent + 300.0)).held_up


def test_a_pacer_that_is_ever_later_holds_itself_up() -> None:
    due = np.arange(100_000.0)
    sent = 2.0 * due
    # It reads no answer before it has sent as much as it may.
    answered = sent[np.minimum(due.size - 1, (np.arange(due.size) // most_in_flight() + 1) * most_in_flight())] + 10.0
    assert not made(due, sent, answered).held_up


def test_calls_that_never_have_an_answer_are_not_the_pacers_fault() -> None:
    due = np.arange(20_000.0)
    assert made(due, due, due + 300.0, unanswered=most_in_flight()).held_up


def test_a_failure_is_quoted(program: Path) -> None:
    program.write_text("#!/bin/sh\necho refused >&2\nexit 1\n", encoding="utf-8")
    with pytest.raises(PacerError, match="ended with status 1: refused"):
        pacer.run("127.0.0.1:1", ASKED, LOAD)


@pytest.mark.skipif(not pacer.available(), reason="`make loadtest` builds the pacer")
@pytest.mark.parametrize(("answer", "codes"), [("0801", {"OK": 200})])
def test_the_rate_is_offered_and_answers_are_counted(tmp_path: Path, answer: str | None, codes: dict[str, int]) -> None:
    command = (sys.executable, "-c", textwrap.dedent(HEALTH), answer or "")
    asked = ASKED
    with servers.launched("health", command, log=tmp_path / "log") as server:
        run = pacer.run(server.address, asked, LOAD)
    assert run.by_code == codes
    assert np.sort(run.due_us) == pytest.approx(run.due_us.min() + np.arange(200) * 2500.0, abs=0.01)
    assert np.all(run.late_us >= 0)
    assert np.all(run.answered_us > run.sent_us)
