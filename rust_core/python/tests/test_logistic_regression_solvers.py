"""Every solver and penalty of LogisticRegression against scikit-learn's optimum, and against high precision."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import sklearn.linear_model
from ferrule import LogisticRegression
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.linalg import LinAlgWarning
from scipy.special import expit, logsumexp, softmax
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

Data = tuple[np.ndarray, np.ndarray]
SMOOTH = ["lbfgs", "newton-cholesky", "newton-cg", "sag", "saga", "auto"]


def _data(name: str) -> Data:
    X, y = {"binary": load_breast_cancer, "multinomial": load_iris}[name](return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(params=["binary", "multinomial"])
def data(request: pytest.FixtureRequest) -> Data:
    return _data(request.param)


def objective(model: Any, X: Any, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """What is minimised, at a model's coefficients."""
    coefficients, intercepts = np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)
    scores = X @ coefficients.T + intercepts
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    weights = np.ones(len(y)) if weights is None else weights
    right = np.searchsorted(model.classes_, y)
    losses = logsumexp(scores, axis=1) - scores[np.arange(len(y)), right]
    l1_ratio = model.l1_ratio
    penalty = (1 - l1_ratio) / 2 * np.sum(coefficients**2) + l1_ratio * np.abs(coefficients).sum()
    if model.solver == "liblinear" and model.fit_intercept:
        scaled = intercepts / model.intercept_scaling
        penalty += (1 - l1_ratio) / 2 * np.sum(scaled**2) + l1_ratio * np.abs(scaled).sum()
    return float((weights @ losses + penalty / model.C) / weights.sum())


def least_subgradient(model: Any, X: Any, y: np.ndarray) -> float:
    """Largest component of the objective's least subgradient: 0 at a minimum, which for a convex function is the minimum."""
    coefficients, strength = model.coef_, 1 / (model.C * len(y))
    scores = X @ coefficients.T + model.intercept_
    probabilities = expit(scores) if len(coefficients) == 1 else softmax(scores, axis=1)
    classes = np.arange(1, 2) if len(coefficients) == 1 else np.arange(len(coefficients))
    residuals = (probabilities - (np.searchsorted(model.classes_, y)[:, None] == classes)) / len(y)
    smooth = residuals.T @ X + strength * (1 - model.l1_ratio) * coefficients
    l1 = strength * model.l1_ratio
    sub = np.where(coefficients == 0, smooth - np.clip(smooth, -l1, l1), smooth + l1 * np.sign(coefficients))
    return float(max(np.abs(sub).max(), np.abs(residuals.sum(axis=0)).max()))


@pytest.mark.parametrize("solver", SMOOTH)
@pytest.mark.parametrize("C", [0.05, 1.0, 100.0])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_smooth_objectives_reach_the_minimum(data: Data, C: float, solver: str, kind: Any) -> None:
    X, y = data
    model = LogisticRegression(C=C, solver=solver, tol=1e-11, max_iter=5000).fit(kind(X), y)
    assert least_subgradient(model, X, y) < 1e-11
    best = _high_precision(X, y, C)
    assert abs(objective(model, X, y) / best - 1) < 1e-12


def _sparse_wide(classes: int) -> Data:
    """Many more columns than rows, a few of them common and most of them rare, as with words in texts."""
    rng = np.random.default_rng(classes)
    rows, columns, named = 400, 3000, 25
    indices = (rng.pareto(1.0, size=rows * named) * 20).astype(int) % columns
    X = sparse.csr_array(
        (rng.exponential(size=rows * named), (np.repeat(np.arange(rows), named), indices)), shape=(rows, columns)
    )
    scores = X @ rng.normal(size=(columns, classes)) + 2 * rng.gumbel(size=(rows, classes))
    return X, scores.argmax(axis=1)


HARD: dict[str, Callable[[], Data]] = {
    "iris": lambda: load_iris(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits": lambda: load_digits(return_X_y=True),
    "sparse, 2 classes": lambda: _sparse_wide(2),
    "sparse, 4 classes": lambda: _sparse_wide(4),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("C", [100.0, 1e4])
def test_every_name_reaches_the_minimum_at_the_usual_tolerance(name: str, C: float) -> None:
    # Columns as they come, nearly separable classes, more numbers than a Hessian holds: all of it.
    X, y = HARD[name]()
    exact = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, y)
    best = objective(exact, X, y)
    for solver in SMOOTH[1:]:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model = LogisticRegression(C=C, solver=solver).fit(X, y)
        assert abs(objective(model, X, y) / best - 1) < 1e-9, solver


@pytest.mark.parametrize("name", ["sparse, 2 classes", "sparse, 4 classes"])
@pytest.mark.parametrize("l1_ratio", [0.01, 0.5])
def test_many_coefficients_with_absolute_values(name: str, l1_ratio: float) -> None:
    X, y = HARD[name]()
    for C in (1.0, 100.0):
        usual = LogisticRegression(C=C, l1_ratio=l1_ratio, solver="saga").fit(X, y)
        exact = LogisticRegression(C=C, l1_ratio=l1_ratio, solver="saga", tol=1e-11, max_iter=1000).fit(X, y)
        assert least_subgradient(exact, X, y) < 1e-11
        assert abs(objective(usual, X, y) / objective(exact, X, y) - 1) < 1e-9


def _high_precision(X: np.ndarray, y: np.ndarray, C: float) -> float:
    """The least objective by SciPy's trust-region Newton method, which shares nothing with ours but the objective."""
    classes = np.unique(y)
    scores = 1 if len(classes) == 2 else len(classes)
    rows, columns = X.shape
    design = np.hstack([X, np.ones((rows, 1))])
    # Intercepts have no penalty; in the multinomial case one direction is then free, and the least step leaves it alone.
    ridge = np.append(np.full(columns, 1 / (C * rows)), 0.0)

    def parts(flat: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        table = flat.reshape(scores, columns + 1)
        z = design @ table.T
        if scores == 1:
            sign = np.where(y == classes[1], 1.0, -1.0)
            loss = np.logaddexp(0, -sign * z[:, 0]).mean()
            p = expit(z)
            residuals = p - (y == classes[1])[:, None]
        else:
            right = np.searchsorted(classes, y)
            loss = (logsumexp(z, axis=1) - z[np.arange(rows), right]).mean()
            p = softmax(z, axis=1)
            residuals = p - np.eye(scores)[right]
        gradient = residuals.T @ design / rows + ridge * table
        return loss + 0.5 * (ridge * table**2).sum(), gradient.ravel(), p

    def hessian(flat: np.ndarray) -> np.ndarray:
        p = parts(flat)[2]
        blocks = [
            [
                (design * (p[:, [a]] * ((a == b) - p[:, [b]]))).T @ design / rows + (a == b) * np.diag(ridge)
                for b in range(scores)
            ]
            for a in range(scores)
        ]
        return np.block(blocks)

    found = scipy.optimize.minimize(
        lambda flat: parts(flat)[0],
        np.zeros(scores * (columns + 1)),
        jac=lambda flat: parts(flat)[1],
        hess=hessian,
        method="trust-exact",
        options={"gtol": 1e-13, "maxiter": 500},
    )
    return float(found.fun)


@pytest.mark.parametrize("solver", ["saga", "auto"])
@pytest.mark.parametrize("l1_ratio", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("C", [0.05, 1.0, 100.0])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_absolute_values_reach_the_minimum(data: Data, C: float, l1_ratio: float, solver: str, kind: Any) -> None:
    X, y = data
    exact = LogisticRegression(C=C, l1_ratio=l1_ratio, solver=solver, tol=1e-11, max_iter=5000).fit(kind(X), y)
    assert least_subgradient(exact, X, y) < 1e-11
    usual = LogisticRegression(C=C, l1_ratio=l1_ratio, solver=solver).fit(kind(X), y)
    assert objective(usual, X, y) / objective(exact, X, y) - 1 < 1e-9
    assert_array_equal(usual.coef_ == 0, exact.coef_ == 0)


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_the_minimum_with_absolute_values_is_scikit_learns(data: Data, l1_ratio: float) -> None:
    X, y = data
    parameters: dict[str, Any] = {"C": 0.1, "l1_ratio": l1_ratio, "solver": "saga", "max_iter": 10_000}
    ours = LogisticRegression(**parameters).fit(X, y)
    theirs = sklearn.linear_model.LogisticRegression(**parameters, tol=1e-8, random_state=0).fit(X, y)
    assert abs(objective(ours, X, y) / objective(theirs, X, y) - 1) < 1e-9
    assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("intercept_scaling", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_liblinears_intercept_is_penalised(l1_ratio: float, intercept_scaling: float, fit_intercept: bool) -> None:
    X, y = _data("binary")
    parameters: dict[str, Any] = {
        "C": 0.3,
        "l1_ratio": l1_ratio,
        "intercept_scaling": intercept_scaling,
        "fit_intercept": fit_intercept,
        "solver": "liblinear",
    }
    ours = LogisticRegression(**parameters).fit(X, y)
    theirs = sklearn.linear_model.LogisticRegression(**parameters, tol=1e-9, max_iter=10_000, random_state=0).fit(X, y)
    assert objective(ours, X, y) / objective(theirs, X, y) - 1 < 1e-9
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-3)
    if l1_ratio == 0:
        dual = LogisticRegression(**parameters, dual=True).fit(X, y)
        assert_array_equal(dual.coef_, ours.coef_)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky", "auto"])
def test_no_penalty(solver: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    for classes in (2, 4):
        y = (X[:, :classes] + rng.gumbel(size=(2000, classes)) * 2).argmax(axis=1)
        ours = LogisticRegression(C=np.inf, solver=solver, tol=1e-10).fit(X, y)
        theirs = sklearn.linear_model.LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(X, y)
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)


def test_many_columns_and_few_coefficients() -> None:
    # More coefficients than a Hessian holds, by way of few that are not zero; and by conjugate gradients where most are not.
    rng = np.random.default_rng(1)
    X = sparse.random_array((600, 5000), density=0.01, rng=rng, format="csr")
    y = np.asarray(X[:, :20].sum(axis=1) > X[:, 20:40].sum(axis=1)).astype(int)
    for l1_ratio, C, least in [(1.0, 2.0, 50), (0.001, 50.0, 1024)]:
        model = LogisticRegression(l1_ratio=l1_ratio, C=C, solver="saga", tol=1e-9, max_iter=5000).fit(X, y)
        assert least_subgradient(model, X.toarray(), y) < 1e-9
        assert least < np.count_nonzero(model.coef_) < 5000
    unused = np.diff(X.tocsc().indptr) == 0
    assert unused.any()
    assert_array_equal(model.coef_[0, unused], 0.0)


def test_collinear_columns() -> None:
    X, y = _data("binary")
    doubled = np.hstack([X, X])
    # A penalty gives half to each of two equal columns, at half the price.
    twice = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10).fit(doubled, y)
    once = LogisticRegression(C=2.0, solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert_allclose(twice.coef_[:, :30], twice.coef_[:, 30:], atol=1e-8)
    assert_allclose(twice.coef_[:, :30] + twice.coef_[:, 30:], once.coef_, atol=1e-6)
    # Without one the Hessian is singular.
    rng = np.random.default_rng(0)
    flipped = np.where(rng.random(len(y)) < 0.2, 1 - y, y)
    few = np.hstack([X[:, :3], X[:, :3]])
    with pytest.warns(LinAlgWarning, match="singular or ill-conditioned"):
        model = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(few, flipped)
    reference = LogisticRegression(C=np.inf).fit(X[:, :3], flipped)
    assert_allclose(model.predict_proba(few), reference.predict_proba(X[:, :3]), atol=1e-3)


def test_separable_classes_without_a_penalty() -> None:
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    for solver in ("lbfgs", "newton-cholesky", "auto"):
        model = LogisticRegression(C=np.inf, solver=solver)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, [0, 0, 1, 1])
        assert any("separable" in str(warning.message) for warning in caught if warning.category is ConvergenceWarning)
        assert np.isfinite(model.coef_).all()
        assert_array_equal(model.predict(X), [0, 0, 1, 1])


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky", "saga"])
def test_float32_is_computed_in_float64_and_rounded_once(data: Data, solver: str) -> None:
    X, y = data
    single = X.astype(np.float32)
    ours = LogisticRegression(solver=solver).fit(single, y)
    wide = LogisticRegression(solver=solver).fit(single.astype(np.float64), y)
    assert ours.coef_.dtype == ours.intercept_.dtype == np.float32
    assert_array_equal(ours.coef_, wide.coef_.astype(np.float32))
    assert ours.predict_proba(single).dtype == ours.decision_function(single).dtype == np.float32
    assert ours.predict_proba(X).dtype == np.float64
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sklearn.linear_model.LogisticRegression(solver=solver).fit(single, y)
    assert theirs.coef_.dtype == ours.coef_.dtype
    assert theirs.predict_proba(single).dtype == np.float32
