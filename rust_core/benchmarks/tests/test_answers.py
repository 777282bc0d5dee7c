"""Right answers pass, wrong ones do not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.linear_model import LogisticRegression

from rust_core.benchmarks import answers, data
from rust_core.benchmarks.answers import Score, Verdict
from rust_core.benchmarks.data import Arrays, Data
from rust_core.benchmarks.tests.test_works import SMALL
from rust_core.benchmarks.works import Work


def work(task: str, kind: str, **options: Any) -> tuple[Work, Arrays]:
    wanted = Data(kind, SMALL[kind])
    return Work("a work", "", task, task, wanted, options), data.make(wanted, "float64")


def judged(made: Work, arrays: Arrays, right: Arrays, found: Arrays, said: dict[str, Any] | None = None) -> Verdict:
    """Of what was found, beside a right answer of scikit-learn's."""
    reference = answers.score(made, arrays, right, {"n_iter": 5})
    one = answers.score(made, arrays, found, said or {"n_iter": 5})
    return answers.verdict(made, one, reference, min(one.value, reference.value))


@pytest.mark.parametrize("kind", ["blobs", "sparse_blobs"])
def test_centres_are_judged_by_their_inertia_over_all_rows(kind: str) -> None:
    made, arrays = work("kmeans-fit", kind, given=True)
    rows = answers.rows_of(arrays)
    fitted = KMeans(4, init=arrays["init"], n_init=1).fit(rows)
    right = {"centers": fitted.cluster_centers_}
    assert answers.score(made, arrays, right, {}).value == pytest.approx(fitted.inertia_, rel=1e-12)
    assert judged(made, arrays, right, right).right
    moved = {"centers": fitted.cluster_centers_ * 1.01}
    assert not judged(made, arrays, right, moved).right
    # As many iterations, or it is other work.
    assert not judged(made, arrays, right, right, {"n_iter": 4}).right
    # One that does not tell is judged by its centres.
    assert judged(made, arrays, right, right, {"n_iter": None}).right
    with pytest.raises(ValueError, match="finite centres"):
        judged(made, arrays, right, {"centers": fitted.cluster_centers_[:2]})
    with pytest.raises(ValueError, match="finite centres"):
        judged(made, arrays, right, {"centers": fitted.cluster_centers_ * np.nan})


def test_own_draws_may_end_lower_but_not_higher() -> None:
    made, _ = work("kmeans-fit", "blobs", given=False)
    reference = Score(100.0, 0.0, 7)
    for value, right in ((90.0, True), (100.005, True), (100.1, False)):
        one = Score(value, 0.0, 3)
        assert answers.verdict(made, one, reference, 90.0, other_draws=True).right == right
        # Who draws as scikit-learn does ends where it does.
        assert not answers.verdict(made, one, reference, 90.0).right


def test_inertia_in_float32_may_be_off_by_more() -> None:
    made, _ = work("kmeans-fit", "blobs", given=True)
    reference, near = Score(1.0, 0.0, 5), Score(1.0 + 5e-5, 0.0, 5)
    assert not answers.verdict(made, near, reference, 1.0).right
    assert answers.verdict(replace(made, dtype="float32"), near, reference, 1.0).right


def test_labels_must_be_of_the_nearest_centre() -> None:
    made, arrays = work("kmeans-predict", "blobs", rows=None)
    distances = ((arrays["X"][:, None] - arrays["init"]) ** 2).sum(axis=2)
    right = {"labels": distances.argmin(axis=1).astype(np.int32)}
    assert judged(made, arrays, right, right).right
    one_wrong = right["labels"].copy()
    one_wrong[17] = (one_wrong[17] + 1) % 4
    assert not judged(made, arrays, right, {"labels": one_wrong}).right
    with pytest.raises(ValueError, match="a label below 4"):
        judged(made, arrays, right, {"labels": right["labels"][:-1]})
    with pytest.raises(ValueError, match="a label below 4"):
        judged(made, arrays, right, {"labels": right["labels"] + 4})


def test_three_batches_must_leave_the_same_centres() -> None:
    made, arrays = work("kmeans-partial-fit", "blobs", n_clusters=4)
    model = MiniBatchKMeans(4, init=arrays["init"], n_init=1, random_state=0, reassignment_ratio=0.0)
    for _ in range(3):
        model.partial_fit(arrays["X"])
    right = {"centers": model.cluster_centers_}
    assert judged(made, arrays, right, right).right
    model.partial_fit(arrays["X"][:10])
    assert not judged(made, arrays, right, {"centers": model.cluster_centers_}).right


PENALTIES: list[dict[str, Any]] = [
    {"l1_ratio": 0.0, "C": 1.0},
    {"l1_ratio": 1.0, "C": 0.5},
    {"l1_ratio": 0.4, "C": 0.5},
]


@pytest.mark.parametrize("kind", ["labelled", "sparse_labelled"])
@pytest.mark.parametrize("penalty", PENALTIES, ids=["l2", "l1", "elastic-net"])
def test_a_fit_must_reach_the_lowest_objective(kind: str, penalty: dict[str, Any]) -> None:
    made, arrays = work("logistic-fit", kind, n_classes=SMALL[kind]["classes"], fit_intercept=True, gap=1e-5, **penalty)
    rows = answers.rows_of(arrays)
    solver = "saga" if penalty["l1_ratio"] else "newton-cg"
    fitted = LogisticRegression(solver=solver, tol=1e-6, max_iter=5_000, random_state=0, **penalty).fit(
        rows, arrays["y"]
    )
    right = {"coef": fitted.coef_, "intercept": fitted.intercept_}
    assert judged(made, arrays, right, right).right
    # The minimum: every step away from it is up.
    random = np.random.default_rng(0)
    lowest = answers.score(made, arrays, right, {}).value
    for _ in range(5):
        away = {"coef": fitted.coef_ + 1e-2 * random.normal(size=fitted.coef_.shape), "intercept": fitted.intercept_}
        assert answers.score(made, arrays, away, {}).value > lowest
    stopped_early = {"coef": fitted.coef_ * 0.9, "intercept": fitted.intercept_}
    assert not judged(made, arrays, right, stopped_early).right
    with pytest.raises(ValueError, match="coefficients of shape"):
        judged(made, arrays, right, {"coef": fitted.coef_[:, :-1], "intercept": fitted.intercept_})


@pytest.mark.parametrize("kind", ["scored", "sparse_scored"])
@pytest.mark.parametrize(
    "damage",
    [lambda right: right[:, ::-1], lambda right: right + 1e-6, lambda right: np.full_like(right, np.nan)],
    ids=["other class", "a little off", "nan"],
)
def test_probabilities_must_be_the_softmax(kind: str, damage: Callable[[Any], Any]) -> None:
    made, arrays = work("logistic-predict", kind, n_classes=SMALL[kind]["classes"])
    model = LogisticRegression()
    model.coef_, model.intercept_ = arrays["coef"], arrays["intercept"]
    model.classes_ = np.arange(SMALL[kind]["classes"])
    right = {"probabilities": model.predict_proba(answers.rows_of(arrays))}
    assert judged(made, arrays, right, right).right
    assert not judged(made, arrays, right, {"probabilities": damage(right["probabilities"])}).right
    with pytest.raises(ValueError, match="probabilities of shape"):
        judged(made, arrays, right, {"probabilities": right["probabilities"][1:]})
