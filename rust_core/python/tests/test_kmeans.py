"""KMeans against scikit-learn's."""

import pickle

import numpy as np
import pytest
import sklearn.cluster
from ferrule import KMeans
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DATA = {"iris": (load_iris, 3), "breast cancer": (load_breast_cancer, 2), "digits": (load_digits, 10)}


@pytest.fixture(params=DATA)
def data(request: pytest.FixtureRequest) -> "tuple[np.ndarray, int]":
    load, clusters = DATA[request.param]
    return load().data, clusters


@pytest.mark.parametrize("seed", [0, 42])
@pytest.mark.parametrize("n_init", ["auto", 4])
def test_the_same_seed_gives_scikit_learns_answer(
    data: "tuple[np.ndarray, int]", seed: int, n_init: "str | int"
) -> None:
    X, clusters = data
    parameters = {"n_clusters": clusters, "n_init": n_init, "random_state": seed}
    ours, theirs = KMeans(**parameters).fit(X), sklearn.cluster.KMeans(**parameters).fit(X)
    assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.labels_.dtype == theirs.labels_.dtype
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-9, atol=1e-9)
    assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_
    assert_array_equal(ours.predict(X[::-1]), theirs.predict(X[::-1]))
    assert_allclose(ours.transform(X), theirs.transform(X), rtol=1e-7, atol=1e-6)
    assert_allclose(ours.score(X), theirs.score(X), rtol=1e-9)
    assert_array_equal(ours.fit_predict(X), theirs.labels_)
    assert_allclose(ours.fit_transform(X), ours.transform(X))
    assert_array_equal(ours.get_feature_names_out(), [f"kmeans{index}" for index in range(clusters)])


def test_weights_and_given_centres() -> None:
    X = load_iris().data
    weights = np.linspace(0, 2, len(X))
    parameters = {"n_clusters": 3, "init": X[[0, 60, 120]]}
    ours = KMeans(**parameters).fit(X, sample_weight=weights)
    theirs = sklearn.cluster.KMeans(**parameters).fit(X, sample_weight=weights)
    assert_array_equal(ours.labels_, theirs.labels_)
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-9)
    assert_allclose(ours.score(X, sample_weight=weights), theirs.score(X, sample_weight=weights), rtol=1e-9)
    with pytest.warns(RuntimeWarning, match="started once, not n_init=5 times"):
        again = KMeans(**parameters, n_init=5).fit(X, sample_weight=weights)
    assert_array_equal(again.cluster_centers_, ours.cluster_centers_)


def test_input_of_any_layout_gives_the_same_answer() -> None:
    X = load_iris().data
    model = KMeans(3, random_state=0).fit(X)
    for other in (np.asfortranarray(X), X[:, :].tolist(), np.repeat(X, 2, axis=0)[::2]):
        assert_array_equal(KMeans(3, random_state=0).fit(other).cluster_centers_, model.cluster_centers_)
        assert_array_equal(model.predict(other), model.labels_)


def test_clone_parameters_pickle_and_pipeline() -> None:
    X = load_iris().data
    model = KMeans(3, tol=0.0, random_state=7)
    assert model.get_params() == {
        "n_clusters": 3,
        "init": "k-means++",
        "n_init": "auto",
        "max_iter": 300,
        "tol": 0.0,
        "random_state": 7,
    }
    assert clone(model).set_params(n_clusters=4).n_clusters == 4
    with pytest.raises(NotFittedError):
        model.predict(X)
    restored = pickle.loads(pickle.dumps(model.fit(X)))
    assert_array_equal(restored.predict(X), model.labels_)
    pipeline = make_pipeline(StandardScaler(), KMeans(3, random_state=0)).fit(X)
    reference = make_pipeline(StandardScaler(), sklearn.cluster.KMeans(3, random_state=0)).fit(X)
    assert_array_equal(pipeline.predict(X), reference.predict(X))


def test_random_states_other_than_numbers() -> None:
    X = load_iris().data
    one, other = (KMeans(3, random_state=np.random.RandomState(1)).fit(X) for _ in range(2))
    assert_array_equal(one.cluster_centers_, other.cluster_centers_)
    assert KMeans(3).fit(X).cluster_centers_.shape == (3, 4)


def test_fewer_distinct_rows_than_clusters_is_a_warning() -> None:
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(2\).*n_clusters \(3\)"):
        KMeans(3, random_state=0).fit(X)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"n_clusters": 0}, "n_clusters: expected a whole number, at least 1, got 0"),
        ({"n_clusters": 2.5}, "n_clusters: expected a whole number"),
        ({"n_clusters": 151}, "n_clusters: expected at most the number of rows, 150, got 151"),
        ({"init": "random"}, "init: expected 'k-means\\+\\+' or an array of centres, got 'random'"),
        ({"init": [[0.0]]}, r"init: expected shape \(8, 4\)"),
        ({"init": lambda *_: None}, "init: expected"),
        ({"n_init": "many"}, "n_init: expected 'auto' or a whole number"),
        ({"n_init": 0}, "n_init: expected a whole number"),
        ({"max_iter": 0}, "max_iter: expected a whole number"),
        ({"tol": -1.0}, "tol: expected a finite number, at least 0, got -1"),
        ({"tol": "small"}, "tol: expected a number, got 'small'"),
        ({"random_state": -1}, "random_state: expected 0 to 4294967295, got -1"),
    ],
)
def test_wrong_parameters_are_named(parameters: "dict[str, object]", problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        KMeans(**parameters).fit(load_iris().data)


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ([1.0, 2.0], r"sample_weight: expected shape \(150,\), got \(2,\)"),
        (np.ones((150, 1)), "sample_weight: expected shape"),
        (-np.ones(150), "sample_weight: expected finite weights, none negative"),
        (np.full(150, np.nan), "sample_weight contains NaN"),
        (0.0, "sample_weight: expected at least one weight above zero"),
    ],
)
def test_wrong_weights_are_named(weights: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        KMeans(3).fit(load_iris().data, sample_weight=weights)


def test_wrong_columns_and_values_are_named() -> None:
    X = load_iris().data
    model = KMeans(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="X has 2 features, but KMeans is expecting 4 features"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        model.predict([[np.nan] * 4])
    with pytest.raises(ValueError, match="not a finite number"):
        model.transform([[1e200] * 4])
