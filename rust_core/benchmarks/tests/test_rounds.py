"""A real measurement of a small work, and what happens when a peer or the patience is missing."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rust_core.benchmarks import environments, peers, rounds, subjects
from rust_core.benchmarks.data import Data
from rust_core.benchmarks.environments import Environments, MissingPeerError
from rust_core.benchmarks.judgement import Verdict, judge
from rust_core.benchmarks.peers import OURS, Peer
from rust_core.benchmarks.rounds import Bench, Outcome, Pace
from rust_core.benchmarks.subjects import SubjectError
from rust_core.benchmarks.works import Work

ROWS = Data("blobs", {"rows": 400, "columns": 3, "clusters": 4, "first": 4})
OPTIONS = {"n_clusters": 4, "given": True, "iterations": None, "seed": 0}
WORK = Work("kmeans/small", "small", "kmeans-fit", "kmeans-fit", ROWS, OPTIONS, target=0.0, threads=1)
PACE = Pace(rounds=2, seconds=1e-4)
#: With one setting: fewer processes.
THEIRS = Peer("scikit-learn", "project", {"kmeans-fit": peers.DEFAULT})


def nothing(_: str) -> None:
    """Hears no progress."""


class Offline(Environments):
    """Can install nothing."""

    def python(self, name: peers.Environment) -> Path:
        if name == "project":
            return super().python(name)
        raise MissingPeerError(f"{name} could not be installed: no network")

    def native(self, program: str) -> Path:
        raise MissingPeerError(f"{program} needs cargo")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRULE_BENCH_CACHE", str(tmp_path / "cache"))


def test_a_small_work_is_measured_and_missing_peers_are_named() -> None:
    outcome = Outcome(WORK)
    Bench(Offline(nothing), PACE, nothing).measure(WORK, outcome)
    assert [each.peer for each in outcome.measured] == ["Ferrule", "scikit-learn"]
    assert outcome.missing == {
        "scikit-learn-intelex": "scikit-learn-intelex could not be installed: no network",
        "linfa": "linfa-subject needs cargo",
    }
    for each in outcome.measured:
        assert each.right, each.words
        assert each.versions["numpy"]
        assert len(each.timings) == 2
        assert all(timing.seconds > 0 and timing.calls >= 1 for timing in each.timings)
    assert outcome.measured[0].n_iter == outcome.measured[1].n_iter
    assert outcome.measured[1].settings in peers.SCIKIT_LEARN.settings["kmeans-fit"]
    assert judge(outcome).verdict is Verdict.MET
    assert len(outcome.load_average) == 2


def test_a_setting_that_takes_too_long_is_left_out_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_PATIENCE_SECONDS", 0.0)
    work = replace(WORK, data=Data("blobs", {"rows": 200_000, "columns": 3, "clusters": 4, "first": 4}))
    outcome = Outcome(work)
    Bench(Offline(nothing), PACE, nothing).measure(work, outcome)
    assert [each.peer for each in outcome.measured] == ["Ferrule"]
    assert "scikit-learn took longer than 0 s" in outcome.missing["scikit-learn"]


def test_a_setting_whose_answer_is_wrong_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fastest settings stop after one iteration: those that answer right are taken."""
    data = Data("labelled", {"rows": 500, "columns": 4, "classes": 2})
    options = {"n_classes": 2, "l1_ratio": 0.0, "C": 1.0, "fit_intercept": True}
    work = Work("logistic/small", "small", "logistic-fit", "small", data, options, threads=1)
    variants = ({"solver": "lbfgs", "max_iter": 1}, {"solver": "newton-cholesky"})
    theirs_alone = Peer("scikit-learn", "project", {"small": variants})
    monkeypatch.setattr(rounds, "PEERS", (theirs_alone,))
    monkeypatch.setattr(rounds, "OURS", Peer("Ferrule", "project", {"small": ({"solver": "lbfgs", "max_iter": 1},)}))
    monkeypatch.setattr(rounds, "SCIKIT_LEARN", theirs_alone)
    outcome = Outcome(work)
    Bench(Offline(nothing), PACE, nothing).measure(work, outcome)
    ours, theirs = outcome.measured
    assert theirs.settings == {"solver": "newton-cholesky"}
    assert theirs.right
    assert not ours.right
    assert judge(outcome).verdict is Verdict.INVALID


@pytest.fixture
def only_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PEERS", (THEIRS,))
    monkeypatch.setattr(rounds, "SCIKIT_LEARN", THEIRS)


@pytest.mark.usefixtures("only_scikit_learn")
def test_ctrl_c_keeps_the_rounds_that_were_finished() -> None:
    outcome = Outcome(WORK)

    def stop(what: str) -> None:
        if what.startswith("round 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Bench(Offline(nothing), PACE, stop).measure(WORK, outcome)
    assert [len(each.timings) for each in outcome.measured] == [1, 1]
    assert judge(outcome).ratio is not None


def test_our_own_failure_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Peer(OURS.name, "project", {"kmeans-fit": ({"no_such_parameter": 1},)})
    monkeypatch.setattr(rounds, "PEERS", ())
    monkeypatch.setattr(rounds, "OURS", broken)
    with pytest.raises(SubjectError, match="no_such_parameter"):
        Bench(Offline(nothing), PACE, nothing).measure(WORK, Outcome(WORK))


def test_a_peer_that_breaks_is_left_out_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Peer("broken", "project", {"kmeans-fit": ({"no_such_parameter": 1},)})
    monkeypatch.setattr(rounds, "PEERS", (THEIRS, broken))
    monkeypatch.setattr(rounds, "SCIKIT_LEARN", THEIRS)
    outcome = Outcome(WORK)
    Bench(Offline(nothing), PACE, nothing).measure(WORK, outcome)
    assert "no_such_parameter" in outcome.missing["broken"]
    assert [each.peer for each in outcome.measured] == ["Ferrule", "scikit-learn"]


def test_a_setting_that_breaks_leaves_its_peer_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    partly = Peer("partly broken", "project", {"kmeans-fit": ({"no_such_parameter": 1}, {})})
    monkeypatch.setattr(rounds, "PEERS", (THEIRS, partly))
    monkeypatch.setattr(rounds, "SCIKIT_LEARN", THEIRS)
    outcome = Outcome(WORK)
    Bench(Offline(nothing), PACE, nothing).measure(WORK, outcome)
    assert outcome.missing["partly broken"].startswith("no_such_parameter=1: ")
    assert [each.peer for each in outcome.measured] == ["Ferrule", "scikit-learn", "partly broken"]
    assert outcome.measured[2].settings == {}


def test_subjects_do_not_inherit_settings_of_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "OMP_PROC_BIND"):
        monkeypatch.setenv(name, "anything")
    chosen = subjects.variables(2)
    assert not {"OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "OMP_PROC_BIND"} & chosen.keys()
    assert chosen["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("name", "ask"),
    [("faiss-cpu", lambda made: made.python("faiss-cpu")), ("linfa", lambda made: made.native("linfa-subject"))],
)
def test_what_can_not_be_installed_is_said_once_in_a_line(
    name: str, ask: Callable[[Environments], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fail(command: tuple[str, ...], **_: object) -> None:
        tried.append(command)
        raise subprocess.CalledProcessError(1, command, stderr="more\nno network\n")

    monkeypatch.setenv("FERRULE_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr("subprocess.run", fail)
    monkeypatch.setattr("shutil.which", lambda _: "cargo")
    made = Environments(nothing)
    for _ in range(2):
        with pytest.raises(MissingPeerError, match=f"{name} could not be installed: .*no network"):
            ask(made)
    assert len(tried) == 1


def test_the_command_lists_its_works() -> None:
    command = (sys.executable, "-m", "rust_core.benchmarks", "--list", "--only", "kmeans/fit-sparse")
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=environments.ROOT)
    assert [line.split()[0] for line in said.stdout.splitlines()] == [
        "kmeans/fit-sparse/float64",
        "kmeans/fit-sparse/float32",
    ]


def test_a_peer_far_behind_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PEERS", (THEIRS, Peer("slow", "project", THEIRS.settings)))
    monkeypatch.setattr(rounds, "SCIKIT_LEARN", THEIRS)
    # Any call is a long one, and whoever is behind at all is far behind: one of two alike.
    monkeypatch.setattr(rounds, "_LONG_SECONDS", 0.0)
    monkeypatch.setattr(rounds, "_FAR_BEHIND", 1.0)
    outcome = Outcome(WORK)
    Bench(Offline(nothing), PACE, nothing).measure(WORK, outcome)
    counts = {each.peer: len(each.timings) for each in outcome.measured}
    assert counts.pop("Ferrule") == 2
    assert sorted(counts.values()) == [1, 2]
    # The one that was measured in every round is held against ours.
    assert counts[str(judge(outcome).best)] == 2
