"""What the parameters of an algorithm become in a request."""

from typing import Any

import numpy as np
import pytest
from ferrule_client import Algorithm, KMeans, LogisticRegression, messages


def written(algorithm: Algorithm) -> Any:
    """The parameters as they are sent."""
    spec = messages.FitPredictRequest().spec
    algorithm.write(spec)
    sent = type(spec).FromString(spec.SerializeToString())
    return getattr(sent, sent.WhichOneof("algorithm"))


@pytest.mark.parametrize("algorithm", [KMeans(), KMeans(n_init="auto"), LogisticRegression()])
def test_what_is_not_given_is_not_sent(algorithm: Algorithm) -> None:
    assert written(algorithm).ListFields() == []


def test_centres_start_where_the_caller_says() -> None:
    enum = messages.POOL.FindEnumTypeByName("ferrule.v1.Init").values_by_name
    assert written(KMeans(init="k-means++")).init == enum["INIT_K_MEANS_PLUS_PLUS"].number
    assert written(KMeans(init="random", n_init=3)).init == enum["INIT_RANDOM"].number
    sent = written(KMeans(init=[[1, 2], [3, 4]]))
    assert (sent.WhichOneof("start"), sent.centers.rows, sent.centers.columns) == ("centers", 2, 2)
    assert sent.centers.float64 == np.array([1.0, 2.0, 3.0, 4.0]).tobytes()
    single = np.array([[1.5], [2.5]], dtype=np.float32)
    assert written(KMeans(init=single)).centers.float32 == single.tobytes()


def test_every_solver_is_one_of_the_contract() -> None:
    enum = messages.POOL.FindEnumTypeByName("ferrule.v1.Solver").values
    names = [value.name.removeprefix("SOLVER_").lower().replace("_", "-") for value in enum if value.number]
    for value, name in zip(enum[1:], names, strict=True):
        solver: Any = name
        assert written(LogisticRegression(solver=solver)).solver == value.number


def test_penalties_and_class_weights_are_sent_as_given() -> None:
    sent = written(LogisticRegression(C=float("inf"), l1_ratio=0.5, intercept_scaling=2.0, class_weight="balanced"))
    assert (sent.c, sent.l1_ratio, sent.intercept_scaling, sent.balanced) == (float("inf"), 0.5, 2.0, True)
    weights = written(LogisticRegression(class_weight={"dog": 2.0, "cat": 0.5})).class_weights
    assert (list(weights.classes.strings.values), list(weights.weights)) == (["dog", "cat"], [2.0, 0.5])
    weights = written(LogisticRegression(class_weight={True: 1, False: 3})).class_weights
    assert (list(weights.classes.integers.values), list(weights.weights)) == ([1, 0], [1.0, 3.0])
    assert written(LogisticRegression(class_weight={})).WhichOneof("class_weight") is None


ANYTHING: Any = "anything"


@pytest.mark.parametrize(
    ("algorithm", "message"),
    [
        (KMeans(init=ANYTHING), "init: expected one of 'k-means\\+\\+', 'random', got 'anything'"),
        (KMeans(init=[1.0, 2.0]), "init: .*expected 2 dimensions"),
        (KMeans(n_init=ANYTHING), "n_init: "),
        (LogisticRegression(solver=ANYTHING), "solver: expected one of 'lbfgs', .*, got 'anything'"),
        (LogisticRegression(class_weight=ANYTHING), "class_weight: expected \"balanced\" or a mapping, got 'anything'"),
        (LogisticRegression(class_weight={0.5: 1.0}), "class_weight: .*expected all integers or all strings, got float"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_can_not_be_sent_is_refused_by_name(algorithm: Algorithm, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        written(algorithm)
