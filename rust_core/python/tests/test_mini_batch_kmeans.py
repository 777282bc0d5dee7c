"""MiniBatchKMeans against scikit-learn's."""

import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from ferrule import MiniBatchKMeans
from ferrule.progress import Progress
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs

BLOBS = make_blobs(1500, 5, centers=9, random_state=2)[0]
DATA: dict[str, Any] = {
    "blobs": BLOBS,
    "sparse": sparse.csr_matrix(load_digits().data[:700]),
    "float32": BLOBS.astype(np.float32),
}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"batch_size": 100, "tol": 1e-3},
    {"batch_size": 64, "init": "random", "n_init": 2, "compute_labels": False},
    {"batch_size": 50, "reassignment_ratio": 0.3, "max_no_improvement": None, "max_iter": 3},
    {"batch_size": 40, "init_size": 60},
]


@pytest.fixture(params=DATA)
def data(request: pytest.FixtureRequest) -> Any:
    return DATA[request.param]


def assert_same(ours: Any, theirs: Any, X: Any) -> None:
    """Both estimators have found the same, to the digits that X's type has."""
    close: Any = {"rtol": 1e-4, "atol": 1e-5} if X.dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-9}
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, **close)
    assert ours.cluster_centers_.dtype == theirs.cluster_centers_.dtype
    assert_allclose(ours._counts, theirs._counts, rtol=1e-6)
    assert ours.n_steps_ == theirs.n_steps_
    assert hasattr(ours, "labels_") == hasattr(theirs, "labels_")
    if hasattr(ours, "labels_"):
        assert_array_equal(ours.labels_, theirs.labels_)
    if hasattr(theirs, "inertia_"):
        assert_allclose(ours.inertia_, theirs.inertia_, rtol=close["rtol"])
    assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_random_state_gives_scikit_learns_answer(data: Any, setting: dict[str, Any], weighted: bool) -> None:
    weights = np.random.RandomState(0).randint(0, 4, data.shape[0]) / 2 if weighted else None
    mine, their = np.random.RandomState(3), np.random.RandomState(3)
    ours = MiniBatchKMeans(9, random_state=mine, **setting).fit(data, sample_weight=weights)
    theirs = sklearn.cluster.MiniBatchKMeans(9, random_state=their, **setting).fit(data, sample_weight=weights)
    assert_same(ours, theirs, data)
    assert ours.n_iter_ == theirs.n_iter_
    assert mine.random_sample() == their.random_sample()


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_batches_give_scikit_learns_answer(data: Any, setting: dict[str, Any]) -> None:
    ours = MiniBatchKMeans(9, random_state=1, **setting)
    theirs = sklearn.cluster.MiniBatchKMeans(9, random_state=1, **setting)
    weights = np.linspace(0, 2, data.shape[0])
    for start in range(0, data.shape[0], 150):
        batch = slice(start, start + 150)
        for model in (ours, theirs):
            model.partial_fit(data[batch], sample_weight=weights[batch])
        assert_same(ours, theirs, data)
    # A fit can be followed by more batches, and a pickled estimator goes on as it would have.
    for model in (ours, theirs):
        model.fit(data)
        model.partial_fit(data[:100])
    assert_same(ours, theirs, data)
    twin = pickle.loads(pickle.dumps(ours))
    for model in (ours, theirs, twin):
        model.partial_fit(data[100:200])
    assert_same(ours, theirs, data)
    assert_array_equal(twin.cluster_centers_, ours.cluster_centers_)


@pytest.mark.parametrize("partial", [False, True])
def test_a_callable_sees_the_rows_that_scikit_learn_shows_it(partial: bool) -> None:
    seen: list[np.ndarray] = []

    def init(rows: np.ndarray, n_clusters: int, random_state: np.random.RandomState) -> np.ndarray:
        seen.append(rows)
        return rows[random_state.permutation(len(rows))[:n_clusters]]

    models = [
        kind(9, init=init, batch_size=60, random_state=2) for kind in (MiniBatchKMeans, sklearn.cluster.MiniBatchKMeans)
    ]
    for model in models:
        model.partial_fit(BLOBS) if partial else model.fit(BLOBS)
    half = len(seen) // 2
    assert half == (1 if partial else 3)
    for mine, theirs in zip(seen[:half], seen[half:], strict=True):
        assert_array_equal(mine, theirs)
    assert_same(models[0], models[1], BLOBS)


def test_given_centres() -> None:
    ours, theirs = (
        kind(9, init=BLOBS[:9], batch_size=50, random_state=0).fit(BLOBS)
        for kind in (MiniBatchKMeans, sklearn.cluster.MiniBatchKMeans)
    )
    assert_same(ours, theirs, BLOBS)
    with pytest.warns(RuntimeWarning, match="performing only one init in MiniBatchKMeans instead of n_init=2"):
        MiniBatchKMeans(9, init=BLOBS[:9], n_init=2, random_state=0).fit(BLOBS)


def test_the_constructor_is_scikit_learns() -> None:
    kinds = (MiniBatchKMeans, sklearn.cluster.MiniBatchKMeans)
    ours, theirs = (inspect.signature(kind).parameters for kind in kinds)
    assert list(ours) == list(theirs)
    assert MiniBatchKMeans().get_params() == sklearn.cluster.MiniBatchKMeans().get_params()


def test_a_fit_is_followed(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Progress] = []
    model = clone(MiniBatchKMeans(9, batch_size=100, verbose=1, random_state=0).set_progress(seen.append)).fit(BLOBS)
    assert [progress.n_iter for progress in seen] == list(range(1, model.n_steps_ + 1))
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(seen)] == [
        f"Minibatch step {progress.n_iter}: mean batch inertia: {progress.objective}" for progress in seen
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_clusters": 1501},
        {"batch_size": 0},
        {"init_size": 0},
        {"reassignment_ratio": -0.1},
        {"max_no_improvement": -1},
        {"compute_labels": "yes"},
        {"tol": -1.0},
        {"init": np.zeros((3, 5))},
        {"init": np.zeros((8, 4))},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_wrong_parameters_raise_what_scikit_learn_raises(parameters: dict[str, Any], method: str) -> None:
    with pytest.raises((ValueError, TypeError)) as theirs:
        getattr(sklearn.cluster.MiniBatchKMeans(**parameters), method)(BLOBS)
    with pytest.raises(type(theirs.value)) as ours:
        getattr(MiniBatchKMeans(**parameters), method)(BLOBS)
    assert str(ours.value) == str(theirs.value)


def test_a_small_init_size_is_a_warning() -> None:
    with pytest.warns(RuntimeWarning, match="init_size=3 should be larger than n_clusters=9"):
        ours = MiniBatchKMeans(9, init_size=3, random_state=0).fit(BLOBS)
    with pytest.warns(RuntimeWarning, match="init_size=3 should be larger than n_clusters=9"):
        theirs = sklearn.cluster.MiniBatchKMeans(9, init_size=3, random_state=0).fit(BLOBS)
    assert_same(ours, theirs, BLOBS)


def test_a_refused_batch_changes_nothing() -> None:
    model = MiniBatchKMeans(9, random_state=0).partial_fit(BLOBS[:200])
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="X has 4 features, but MiniBatchKMeans is expecting 5 features"):
        model.partial_fit(BLOBS[:, :4])
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.full((3, 5), np.nan))
    with pytest.raises(ValueError, match="sample_weight: expected finite weights, none negative"):
        model.partial_fit(BLOBS, sample_weight=-1.0)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", [3, 24, 100])
def test_a_batch_is_labelled_by_the_centres_that_learnt_from_it(dtype: type[np.floating[Any]], columns: int) -> None:
    random = np.random.RandomState(columns)
    rows = random.standard_normal((700, columns)).astype(dtype)
    weights = random.uniform(0.5, 2.0, 700)
    model = MiniBatchKMeans(5, n_init=1, random_state=0)
    for _ in range(3):
        model.partial_fit(rows, sample_weight=weights)
    assert_array_equal(model.labels_, model.predict(rows))
    assert_allclose(model.inertia_, -model.score(rows, sample_weight=weights), rtol=1e-12)
    unlabelled = MiniBatchKMeans(5, n_init=1, random_state=0, compute_labels=False).partial_fit(rows)
    assert not hasattr(unlabelled, "labels_")
