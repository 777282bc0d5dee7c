"""Which peer is the best, what the ratio is, and when a row is invalid."""

import pytest

from rust_core.benchmarks.judgement import Verdict, judge
from rust_core.benchmarks.tests.outcomes import outcome


def test_the_best_peer_is_divided_by_ours_round_by_round() -> None:
    judged = judge(outcome({"Ferrule": [1.0, 2.0, 1.0], "scikit-learn": [3.0, 8.0, 2.0], "linfa": [9.0, 1.0, 9.0]}))
    assert judged.best == "scikit-learn"
    assert judged.ratio is not None
    assert (judged.ratio.median, judged.ratio.least, judged.ratio.most) == (3.0, 2.0, 4.0)
    assert judged.verdict is Verdict.MET
    assert judged.seconds["Ferrule"].median == 1.0


def test_a_ratio_below_the_target_is_missed() -> None:
    judged = judge(outcome({"Ferrule": [1.0], "scikit-learn": [1.9]}))
    assert judged.verdict is Verdict.MISSED
    assert "1.9× of 2×" in judged.reason


def test_an_absolute_limit_holds_beside_the_ratio() -> None:
    figures = {"Ferrule": [30e-6], "scikit-learn": [300e-6]}
    assert judge(outcome(figures, limit_seconds=40e-6)).verdict is Verdict.MET
    judged = judge(outcome(figures, limit_seconds=20e-6))
    assert judged.verdict is Verdict.MISSED
    assert "30 µs of 20 µs" in judged.reason


def test_our_wrong_answer_makes_the_row_invalid() -> None:
    judged = judge(outcome({"Ferrule": [1.0], "scikit-learn": [9.0]}, wrong=["Ferrule"]))
    assert judged.verdict is Verdict.INVALID
    assert "far off" in judged.reason
    assert judged.ratio is None


def test_a_peer_that_is_wrong_or_only_quoted_or_not_timed_does_not_count() -> None:
    figures = {"Ferrule": [1.0], "faiss-cpu": [1.1], "linfa": [1.2], "scikit-learn": [5.0], "scikit-learn-intelex": []}
    judged = judge(outcome(figures, wrong=["faiss-cpu"], quoted=("linfa",)))
    assert judged.best == "scikit-learn"
    assert set(judged.seconds) == {"Ferrule", "faiss-cpu", "linfa", "scikit-learn"}
    assert judge(outcome(figures, peers=("linfa",))).best == "linfa"


@pytest.mark.parametrize("figures", [{"Ferrule": [1.0]}, {"Ferrule": [1.0], "linfa": [2.0]}])
def test_without_a_peer_that_counts_there_is_no_ratio(figures: dict[str, list[float]]) -> None:
    judged = judge(outcome(figures, wrong=["linfa"]))
    assert judged.verdict is Verdict.OPEN
    assert judged.ratio is None


def test_without_a_target_nothing_is_met_or_missed() -> None:
    assert judge(outcome({"Ferrule": [1.0], "linfa": [2.0]}, target=None)).verdict is Verdict.OPEN
