"""LogisticRegression against scikit-learn's."""

import pickle

import numpy as np
import pytest
import sklearn.linear_model
from ferrule import LogisticRegression
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DATA = {"iris": load_iris, "breast cancer": load_breast_cancer, "digits": load_digits}
# Both go on until the optimum is found, which is unique.
EXACT = {"tol": 1e-7, "max_iter": 10_000}


@pytest.fixture(params=DATA)
def data(request: pytest.FixtureRequest) -> "tuple[np.ndarray, np.ndarray]":
    X, y = DATA[request.param](return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.1, 1.0])
def test_the_optimum_is_scikit_learns(data: "tuple[np.ndarray, np.ndarray]", C: float, fit_intercept: bool) -> None:
    X, y = data
    parameters = {"C": C, "fit_intercept": fit_intercept, **EXACT}
    ours = LogisticRegression(**parameters).fit(X, y)
    theirs = sklearn.linear_model.LogisticRegression(**parameters).fit(X, y)
    for name in ("coef_", "intercept_"):
        assert getattr(ours, name).shape == getattr(theirs, name).shape
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-4, atol=1e-5)
    assert_array_equal(ours.classes_, theirs.classes_)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-3, atol=1e-4)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-3, atol=1e-5)
    assert_allclose(ours.predict_log_proba(X), np.log(ours.predict_proba(X)))
    assert ours.score(X, y) == theirs.score(X, y)
    assert ours.n_iter_.shape == theirs.n_iter_.shape
    assert ours.n_features_in_ == X.shape[1]


def test_the_defaults_take_the_same_steps(data: "tuple[np.ndarray, np.ndarray]") -> None:
    X, y = data
    ours, theirs = LogisticRegression().fit(X, y), sklearn.linear_model.LogisticRegression().fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-2, atol=1e-3)
    assert_array_equal(ours.predict(X), theirs.predict(X))


def test_weights_and_string_labels() -> None:
    X, y = load_iris(return_X_y=True)
    names = load_iris().target_names[y]
    weights = np.linspace(0.1, 2, len(X))
    ours = LogisticRegression(**EXACT).fit(X, names, sample_weight=weights)
    theirs = sklearn.linear_model.LogisticRegression(**EXACT).fit(X, names, sample_weight=weights)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-4)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.predict(X).dtype == names.dtype


def test_clone_parameters_pickle_pipeline_and_search() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    model = LogisticRegression(C=0.5)
    assert model.get_params() == {"C": 0.5, "fit_intercept": True, "max_iter": 100, "tol": 1e-4}
    pipeline = make_pipeline(StandardScaler(), clone(model))
    assert cross_val_score(pipeline, X, y).mean() > 0.97
    fitted = pipeline.fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))


def test_a_fit_that_stops_early_is_a_warning() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match=r"did not converge in 3 iterations \(max_iter=3\)"):
        model = LogisticRegression(max_iter=3).fit(X, y)
    assert model.n_iter_.tolist() == [3]


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"C": 0.0}, "C: expected a number above 0, got 0"),
        ({"C": "1"}, "C: expected a number, got '1'"),
        ({"fit_intercept": "yes"}, "fit_intercept: expected True or False, got 'yes'"),
        ({"max_iter": 0}, "max_iter: expected a whole number, at least 1, got 0"),
        ({"tol": np.inf}, "tol: expected a finite number"),
    ],
)
def test_wrong_parameters_are_named(parameters: "dict[str, object]", problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        LogisticRegression(**parameters).fit(*load_iris(return_X_y=True))


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="y: expected at least 2 classes, got one class"):
        LogisticRegression().fit(load_iris().data, np.zeros(150))
