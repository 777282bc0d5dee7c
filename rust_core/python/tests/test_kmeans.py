"""KMeans against scikit-learn's."""

import inspect
import pickle
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
import sklearn.cluster
from ferrule import KMeans
from ferrule.progress import Progress
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.cluster import kmeans_plusplus
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

DATA: dict[str, Any] = {
    "iris": (load_iris().data, 3),
    "breast cancer": (load_breast_cancer().data, 2),
    "digits": (load_digits().data[:600], 10),
    "sparse digits": (sparse.csr_matrix(load_digits().data[:600]), 10),
    # Clear clusters: scikit-learn computes with these in float32, and so labels rows between clusters by rounding.
    "float32": (make_blobs(500, 8, centers=9, random_state=0)[0].astype(np.float32), 9),
    "sparse float32": (sparse.csr_matrix(make_blobs(500, 8, centers=9, random_state=1)[0].astype(np.float32)), 9),
}


@pytest.fixture(params=DATA)
def data(request: pytest.FixtureRequest) -> tuple[Any, int]:
    rows, clusters = DATA[request.param]
    return rows, clusters


def assert_same(ours: Any, theirs: Any, X: Any) -> None:
    """Both estimators have found the same, to the digits that X's type has."""
    single = X.dtype == np.float32
    close: Any = {"rtol": 1e-5, "atol": 1e-5} if single else {"rtol": 1e-9, "atol": 1e-9}
    assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.labels_.dtype == theirs.labels_.dtype
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, **close)
    assert ours.cluster_centers_.dtype == theirs.cluster_centers_.dtype
    assert_allclose(ours.inertia_, theirs.inertia_, rtol=close["rtol"])
    assert ours.n_iter_ == theirs.n_iter_
    assert_array_equal(ours.predict(X), ours.labels_)
    distances = ours.transform(X)
    assert distances.dtype == X.dtype
    assert_allclose(distances, theirs.transform(X), rtol=1e-3 if single else 1e-7, atol=1e-2 if single else 1e-6)
    assert_allclose(ours.score(X), theirs.score(X), rtol=close["rtol"])


@pytest.mark.parametrize("seed", [0, 42])
@pytest.mark.parametrize("parameters", [{}, {"n_init": 4}, {"init": "random"}, {"algorithm": "elkan"}], ids=str)
def test_the_same_seed_gives_scikit_learns_answer(data: tuple[Any, int], seed: int, parameters: Any) -> None:
    X, clusters = data
    parameters = {"n_clusters": clusters, "random_state": seed, **parameters}
    ours, theirs = KMeans(**parameters).fit(X), sklearn.cluster.KMeans(**parameters).fit(X)
    assert_same(ours, theirs, X)
    assert_array_equal(ours.fit_predict(X), theirs.labels_)
    assert_array_equal(ours.fit_transform(X), ours.transform(X))
    assert_array_equal(ours.get_feature_names_out(), [f"kmeans{index}" for index in range(clusters)])


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_a_random_state_is_drawn_from_as_by_scikit_learn(data: tuple[Any, int], init: str) -> None:
    X, clusters = data
    mine, theirs = np.random.RandomState(5), np.random.RandomState(5)
    mine.random_sample(1000), theirs.random_sample(1000)
    weights = np.random.RandomState(6).randint(0, 4, X.shape[0]) / 2
    for _ in range(2):
        ours = KMeans(clusters, init=init, n_init=2, random_state=mine).fit(X, sample_weight=weights)
        reference = sklearn.cluster.KMeans(clusters, init=init, n_init=2, random_state=theirs)
        reference.fit(X, sample_weight=weights)
        assert_array_equal(ours.labels_, reference.labels_)
        assert mine.random_sample() == theirs.random_sample()
        assert mine.normal() == theirs.normal()


def test_other_random_states() -> None:
    X = load_iris().data
    other = np.random.RandomState(np.random.PCG64(3))
    assert KMeans(3, random_state=other).fit(X).cluster_centers_.shape == (3, 4)
    assert other.random_sample() != np.random.RandomState(np.random.PCG64(3)).random_sample()
    np.random.seed(11)  # noqa: NPY002
    first = KMeans(8).fit(X).cluster_centers_
    np.random.seed(11)  # noqa: NPY002
    assert_array_equal(KMeans(8).fit(X).cluster_centers_, first)
    assert_array_equal(KMeans(8, random_state=11).fit(X).cluster_centers_, first)


@pytest.mark.parametrize("name", ["iris", "sparse digits", "float32"])
def test_a_callable_is_asked_for_each_start(name: str) -> None:
    X, clusters = DATA[name]
    calls: list[tuple[Any, int]] = []

    def init(rows: Any, n_clusters: int, random_state: np.random.RandomState) -> Any:
        calls.append((rows, n_clusters))
        return kmeans_plusplus(rows, n_clusters, random_state=random_state)[0]

    ours = KMeans(clusters, init=init, random_state=1).fit(X)
    assert len(calls) == 10
    assert {n_clusters for _, n_clusters in calls} == {clusters}
    assert all(rows.shape == X.shape and rows.dtype == X.dtype for rows, _ in calls)
    theirs = sklearn.cluster.KMeans(clusters, init=init, random_state=1).fit(X)
    assert_array_equal(ours.labels_, theirs.labels_)
    assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-5)
    one = KMeans(clusters, init=init, random_state=1, n_init=1).fit(X)
    assert one.inertia_ >= ours.inertia_


def test_weights_and_given_centres() -> None:
    X = load_iris().data
    weights = np.linspace(0, 2, len(X))
    parameters: dict[str, Any] = {"n_clusters": 3, "init": X[[0, 60, 120]]}
    ours = KMeans(**parameters).fit(X, sample_weight=weights)
    theirs = sklearn.cluster.KMeans(**parameters).fit(X, sample_weight=weights)
    assert_array_equal(ours.labels_, theirs.labels_)
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-9)
    assert_allclose(ours.score(X, sample_weight=weights), theirs.score(X, sample_weight=weights), rtol=1e-9)
    with pytest.warns(RuntimeWarning, match="performing only one init in KMeans instead of n_init=5"):
        again = KMeans(**parameters, n_init=5).fit(X, sample_weight=weights)
    assert_array_equal(again.cluster_centers_, ours.cluster_centers_)


def test_repeating_a_row_is_weighting_it() -> None:
    X = load_iris().data
    weights = np.random.RandomState(0).randint(0, 4, len(X))
    init = X[[0, 60, 120]]
    weighted = KMeans(3, init=init, tol=0.0).fit(X, sample_weight=weights)
    repeated = KMeans(3, init=init, tol=0.0).fit(np.repeat(X, weights, axis=0))
    assert_array_equal(np.repeat(weighted.labels_, weights), repeated.labels_)
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, rtol=1e-12)
    assert_allclose(weighted.inertia_, repeated.inertia_, rtol=1e-12)


def test_input_of_any_layout_gives_the_same_answer(tmp_path: Path) -> None:
    X = load_iris().data
    path = tmp_path / "rows.npy"
    np.save(path, X)
    readonly = X.copy()
    readonly.setflags(write=False)
    swapped = X.astype(X.dtype.newbyteorder())
    model = KMeans(3, random_state=0).fit(X)
    layouts = [np.asfortranarray(X), X.tolist(), np.repeat(X, 2, axis=0)[::2], readonly, np.load(path, "r"), swapped]
    for other in layouts:
        assert_array_equal(KMeans(3, random_state=0).fit(other).cluster_centers_, model.cluster_centers_)
        assert_array_equal(model.predict(other), model.labels_)
    assert_array_equal(np.load(path), X)
    whole = np.round(X).astype(np.int8)
    assert_array_equal(
        KMeans(3, random_state=0).fit(whole).cluster_centers_,
        KMeans(3, random_state=0).fit(whole.astype(float)).cluster_centers_,
    )


def test_sparse_layouts_give_the_same_answer() -> None:
    dense = load_digits().data[:300]
    X = sparse.csr_matrix(dense)
    model = KMeans(6, random_state=0).fit(X)
    # Unsorted, with each value in two parts, and wide indices.
    halves = sparse.csr_matrix(
        (np.repeat(X.data / 2, 2)[::-1].copy(), np.repeat(X.indices, 2)[::-1].copy(), 2 * (X.nnz - X.indptr[::-1])),
        shape=X.shape,
    )[::-1]
    assert not halves.has_canonical_format
    wide = X.copy()
    wide.indices, wide.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    for other in (X.tocsc(), X.tocoo(), sparse.csr_array(X), halves, wide):
        again = KMeans(6, random_state=0).fit(other)
        assert_allclose(again.cluster_centers_, model.cluster_centers_, rtol=1e-12, atol=1e-12)
        assert_array_equal(model.predict(other), model.labels_)
    of_dense = KMeans(6, random_state=0).fit(dense)
    assert_array_equal(of_dense.labels_, model.labels_)
    assert_allclose(of_dense.cluster_centers_, model.cluster_centers_, rtol=1e-12, atol=1e-12)
    assert_array_equal(model.predict(dense), model.labels_)
    assert_allclose(model.transform(X), model.transform(dense), rtol=1e-12)


def test_the_constructor_is_scikit_learns() -> None:
    assert inspect.signature(KMeans).parameters.keys() == inspect.signature(sklearn.cluster.KMeans).parameters.keys()
    assert KMeans().get_params() == sklearn.cluster.KMeans().get_params()


def test_clone_pickle_pipeline_and_grid_search() -> None:
    X = load_iris().data
    model = KMeans(3, tol=0.0, random_state=7)
    assert clone(model).set_params(n_clusters=4).n_clusters == 4
    with pytest.raises(NotFittedError):
        model.predict(X)
    restored = pickle.loads(pickle.dumps(model.fit(X)))
    assert_array_equal(restored.predict(X), model.labels_)
    pipeline = make_pipeline(StandardScaler(), KMeans(3, random_state=0)).fit(X)
    reference = make_pipeline(StandardScaler(), sklearn.cluster.KMeans(3, random_state=0)).fit(X)
    assert_array_equal(pipeline.predict(X), reference.predict(X))
    searches = [
        GridSearchCV(kind(random_state=0), {"n_clusters": [2, 3, 5]}).fit(X)
        for kind in (KMeans, sklearn.cluster.KMeans)
    ]
    assert_allclose(searches[0].cv_results_["mean_test_score"], searches[1].cv_results_["mean_test_score"], rtol=1e-9)


def test_weights_are_routed() -> None:
    X = load_iris().data
    weights = np.linspace(0, 2, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        model = KMeans(3, init=X[:3]).set_fit_request(sample_weight=True)
        routed = make_pipeline(Normalizer(), model).fit(X, sample_weight=weights)[-1]
    direct = KMeans(3, init=X[:3]).fit(Normalizer().fit_transform(X), sample_weight=weights)
    assert_array_equal(routed.cluster_centers_, direct.cluster_centers_)


def test_verbose_prints_scikit_learns_lines(capsys: pytest.CaptureFixture[str]) -> None:
    X = load_iris().data
    printed = []
    for kind in (KMeans, sklearn.cluster.KMeans):
        kind(3, n_init=2, random_state=0, verbose=1).fit(X)
        lines = capsys.readouterr().out.splitlines()
        printed.append([line for line in lines if not line.startswith("Converged")])
        assert any(line.startswith("Converged at iteration ") for line in lines)
    words = [[line.split("inertia")[0] for line in lines] for lines in printed]
    assert words[0] == words[1]
    numbers = [
        [float(line.split("inertia ")[1].rstrip(".")) for line in lines if "inertia" in line] for lines in printed
    ]
    assert_allclose(numbers[0], numbers[1], rtol=1e-9)


def test_a_fit_is_followed() -> None:
    X = load_digits().data
    seen: list[Progress] = []
    model = clone(KMeans(10, n_init=2, random_state=0).set_progress(seen.append)).fit(X)
    assert [progress.run for progress in seen] == sorted(progress.run for progress in seen)
    assert {progress.run for progress in seen} == {1, 2}
    for run in (1, 2):
        of_run = [progress for progress in seen if progress.run == run]
        assert [progress.n_iter for progress in of_run] == list(range(1, len(of_run) + 1))
        assert all(after.objective <= before.objective for before, after in pairwise(of_run))
    assert model.n_iter_ in {sum(progress.run == run for progress in seen) for run in (1, 2)}
    pickle.dumps(model)
    seen.clear()
    model.set_progress(None).fit(X)
    assert not seen
    with pytest.raises(TypeError, match="callback: expected a callable or None, got 3"):
        model.set_progress(3)

    def stop(progress: Progress) -> None:
        raise RuntimeError(f"enough after {progress.n_iter}")

    centers = model.cluster_centers_
    with pytest.raises(RuntimeError, match="enough after 1"):
        model.set_progress(stop).fit(X)
    assert model.cluster_centers_ is centers


def test_fewer_distinct_rows_than_clusters_is_a_warning() -> None:
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(2\) found smaller than n_clusters \(3\)"):
        KMeans(3, random_state=0).fit(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_clusters": 0},
        {"n_clusters": 2.5},
        {"n_clusters": 151},
        {"init": "best"},
        {"init": [[0.0]]},
        {"init": np.zeros((8, 3))},
        {"init": np.full((8, 4), np.nan).tolist()},
        {"init": lambda X, n_clusters, random_state: X[:3]},
        {"n_init": "many"},
        {"n_init": 0},
        {"max_iter": 0},
        {"tol": -1.0},
        {"tol": "small"},
        {"random_state": -1},
        {"algorithm": "full"},
        {"copy_x": "no"},
        {"verbose": -1},
    ],
    ids=str,
)
def test_wrong_parameters_raise_what_scikit_learn_raises(parameters: dict[str, Any]) -> None:
    X = load_iris().data
    with pytest.raises((ValueError, TypeError)) as theirs:
        sklearn.cluster.KMeans(**parameters).fit(X)
    with pytest.raises(type(theirs.value)) as ours:
        KMeans(**parameters).fit(X)
    assert str(ours.value) == str(theirs.value)


def test_elkan_with_one_cluster_is_a_warning() -> None:
    with pytest.warns(RuntimeWarning, match="algorithm='elkan' doesn't make sense for a single cluster"):
        KMeans(1, algorithm="elkan").fit(load_iris().data)


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
def test_wrong_weights_are_named(weights: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        KMeans(3).fit(load_iris().data, sample_weight=weights)


def test_too_few_weights_to_draw_rows() -> None:
    weights = np.zeros(150)
    weights[:2] = 1
    with pytest.raises(ValueError, match="sample_weight: expected at least 3 weights above zero"):
        KMeans(3, init="random").fit(load_iris().data, sample_weight=weights)


def test_wrong_columns_and_values_are_named() -> None:
    X = load_iris().data
    model = KMeans(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="X has 2 features, but KMeans is expecting 4 features"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        model.predict([[np.nan] * 4])
    with pytest.raises(ValueError, match="not a finite number"):
        model.transform([[1e200] * 4])


def test_no_warning_and_no_change_of_the_rows() -> None:
    X = load_iris().data
    before = X.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KMeans(3, random_state=0, copy_x=False).fit(X)
    assert_array_equal(X, before)
