"""LogisticRegression against scikit-learn's."""

import pickle
import re
import signal
import threading
import time
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
from ferrule import KMeans, LogisticRegression, MiniBatchKMeans
from ferrule.progress import Progress
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DATA: dict[str, Any] = {"iris": load_iris, "breast cancer": load_breast_cancer, "digits": load_digits}
# Both go on until the optimum is found, which is unique.
SOLVERS = ["lbfgs", "newton-cholesky", "newton-cg", "liblinear", "sag", "saga"]
EXACT: dict[str, Any] = {"tol": 1e-7, "max_iter": 10_000}


@pytest.fixture(params=DATA)
def data(request: pytest.FixtureRequest) -> "tuple[np.ndarray, np.ndarray]":
    X, y = DATA[request.param](return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.1, 1.0])
def test_the_optimum_is_scikit_learns(data: "tuple[np.ndarray, np.ndarray]", C: float, fit_intercept: bool) -> None:
    X, y = data
    parameters: dict[str, Any] = {"C": C, "fit_intercept": fit_intercept, **EXACT}
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
    assert model.get_params() == sklearn.linear_model.LogisticRegression(C=0.5).get_params()
    pipeline = make_pipeline(StandardScaler(), clone(model))
    assert cross_val_score(pipeline, X, y).mean() > 0.97
    fitted = pipeline.fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))


def test_a_fit_that_stops_early_is_a_warning() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match=r"lbfgs failed to converge after 3 iteration\(s\)"):
        model = LogisticRegression(max_iter=3).fit(X, y)
    assert model.n_iter_.tolist() == [3]


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(
    "parameters",
    [
        {"C": 0.0},
        {"C": "1"},
        {"fit_intercept": "yes"},
        {"max_iter": -1},
        {"max_iter": 1.5},
        {"tol": -1.0},
        {"l1_ratio": 1.5},
        {"l1_ratio": None},
        {"solver": "newton"},
        {"class_weight": "even"},
        {"class_weight": {"nobody": 2.0}},
        {"intercept_scaling": 0},
        {"penalty": "l3"},
        {"n_jobs": 2},
        {"penalty": None},
        {"penalty": None, "C": 3.0},
        {"penalty": "l2", "l1_ratio": 0.5},
        {"penalty": "l1", "solver": "saga"},
        {"penalty": "l1", "l1_ratio": 1, "solver": "liblinear"},
        {"penalty": "elasticnet", "l1_ratio": 0.5, "solver": "saga"},
        {"penalty": "elasticnet", "l1_ratio": None, "solver": "saga"},
        {"penalty": "elasticnet", "l1_ratio": 0.5},
        *({"l1_ratio": l1_ratio, "solver": solver} for l1_ratio in (0.5, 1) for solver in SOLVERS),
        *({"C": np.inf, "solver": solver} for solver in SOLVERS),
        *({"dual": True, "solver": solver} for solver in SOLVERS),
        {"dual": True, "l1_ratio": 1, "solver": "liblinear"},
    ],
    ids=str,
)
def test_parameters_are_taken_or_refused_as_in_scikit_learn(parameters: dict[str, Any]) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    outcomes = []
    for kind in (LogisticRegression, sklearn.linear_model.LogisticRegression):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                kind(**parameters).fit(X, y)
                problem = None
            except ValueError as error:
                problem = (type(error), in_any_order(re.sub(r"solver.*str among.*", "", str(error))))
        told = [
            (each.category, str(each.message)) for each in caught if not issubclass(each.category, ConvergenceWarning)
        ]
        outcomes.append((problem, told))
    # liblinear's "supported when" lists the arguments in its own order.
    assert outcomes[0] == outcomes[1]


def in_any_order(message: str) -> str:
    """The message with the names between braces sorted: scikit-learn lists them as its sets' hashes fall."""
    return re.sub(r"\{(.*?)\}", lambda names: "{" + ", ".join(sorted(names[1].split(", "))) + "}", message)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_class_is_refused_in_scikit_learns_words() -> None:
    problems = []
    for kind in (LogisticRegression, sklearn.linear_model.LogisticRegression):
        with pytest.raises(ValueError, match="only one class") as caught:
            kind().fit(load_iris().data, np.zeros(150))
        problems.append(str(caught.value))
    assert problems[0] == problems[1]


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array(["no", "yes"], dtype=object),
        np.array([False, True]),
        np.array([-1.0, 1.0]),
        np.array([7, 3], dtype=np.uint8),
        np.array([10**12, -(10**12)]),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_keep_their_type(labels: np.ndarray) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    ours = LogisticRegression().fit(X, labels[y])
    theirs = sklearn.linear_model.LogisticRegression().fit(X, labels[y])
    assert_array_equal(ours.classes_, theirs.classes_)
    assert ours.classes_.dtype == theirs.classes_.dtype == ours.predict(X).dtype
    assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("y", [np.linspace(0, 1, 150), np.full(150, np.nan), np.eye(150)[:, :3], ["a"] * 149])
def test_labels_that_are_none_are_refused_as_in_scikit_learn(y: Any) -> None:
    X = load_iris().data
    problems = []
    for kind in (LogisticRegression, sklearn.linear_model.LogisticRegression):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 (compared below)
            kind().fit(X, y)
        problems.append(str(caught.value))
    assert problems[0] == problems[1]


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.2, 1: 3.0, 2: 1.0}, {1: 5.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights(class_weight: Any, weighted: bool) -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[:130], y[:130]
    weights = np.linspace(0.1, 2, 130) if weighted else None
    parameters: dict[str, Any] = {"class_weight": class_weight, "solver": "newton-cholesky", "tol": 1e-10}
    ours = LogisticRegression(**parameters).fit(X, y, sample_weight=weights)
    theirs = sklearn.linear_model.LogisticRegression(**parameters).fit(X, y, sample_weight=weights)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)


def test_a_warm_start_goes_on() -> None:
    X, y = load_digits(return_X_y=True)
    cold = LogisticRegression(C=0.01, max_iter=1000).fit(X, y)
    warm = LogisticRegression(C=0.01, max_iter=1000, warm_start=True).fit(X, y)
    assert warm.fit(X, y).n_iter_[0] < 3 < cold.n_iter_[0]
    assert_allclose(warm.coef_, cold.coef_, atol=1e-3)
    with pytest.raises(ValueError, match="Initialization coef is of shape"):
        warm.fit(X[:, :10], y)
    sparsified = warm.sparsify()
    assert sparsified.fit(X, y).n_iter_[0] < 3


def test_sparsify_and_densify() -> None:
    X, y = load_digits(return_X_y=True)
    model = LogisticRegression(l1_ratio=1.0, C=0.01, solver="saga").fit(X, y)
    before = model.coef_, model.predict_proba(X)
    assert sparse.issparse(model.sparsify().coef_)
    assert_array_equal(model.predict_proba(X), before[1])
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), before[1])
    assert_array_equal(model.densify().coef_, before[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_coefficients_are_read_however_they_lie(n_classes: int, dtype: Any) -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes].astype(dtype), y[y < n_classes]
    model = LogisticRegression(warm_start=True, max_iter=1000).fit(X, y)
    coefficients = model.coef_
    packed = np.zeros(coefficients.shape, dtype=[("value", dtype), ("count", "i2")])
    packed["value"] = coefficients
    odd = np.frombuffer(b"." + coefficients.tobytes(), dtype=np.uint8)[1:].view(dtype).reshape(coefficients.shape)
    ways = [
        np.ascontiguousarray(coefficients),
        coefficients[:, ::-1][:, ::-1],
        packed["value"],
        odd,
        sparse.csr_matrix(coefficients),
    ]
    for rows in (X, sparse.csr_array(X), X[:1], sparse.csr_array(X[:1])):
        expected = model.predict_proba(rows)
        assert expected.dtype == dtype
        for way in ways:
            model.coef_ = way
            assert_array_equal(model.predict_proba(rows), expected, strict=True)
        model.coef_ = coefficients
    model.coef_ = packed["value"]
    assert model.fit(X, y).n_iter_[0] < 3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_that_name_nothing_say_the_intercept(dtype: Any) -> None:
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    model.coef_ = np.ascontiguousarray(model.coef_, dtype=dtype)
    empty = model.predict_proba(sparse.csr_array((3, 4)))
    assert_array_equal(empty, model.predict_proba(np.zeros((3, 4))))


def _read_only(X: np.ndarray) -> np.ndarray:
    X = X.copy()
    X.flags.writeable = False
    return X


def _shuffled(X: np.ndarray) -> sparse.csr_array:
    """Unsorted columns, every value in two parts, 64-bit indices."""
    plain = sparse.csr_array(X)
    parts = []
    for row in range(plain.shape[0]):
        span = slice(plain.indptr[row], plain.indptr[row + 1])
        columns, values = plain.indices[span][::-1], plain.data[span][::-1]
        parts.append((np.repeat(columns, 2), np.repeat(values / 2, 2)))
    indptr = np.cumsum([0, *(len(columns) for columns, _ in parts)]).astype(np.int64)
    indices = np.concatenate([columns for columns, _ in parts]).astype(np.int64)
    return sparse.csr_array((np.concatenate([values for _, values in parts]), indices, indptr), shape=X.shape)


@pytest.mark.parametrize(
    "kind",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X[::-1][::-1],
        _read_only,
        lambda X: X.tolist(),
        lambda X: X.astype(np.int32),
        lambda X: X.astype(np.uint8),
        sparse.csr_matrix,
        sparse.csr_array,
        sparse.csc_array,
        sparse.coo_matrix,
        _shuffled,
    ],
)
def test_rows_of_any_kind(kind: Any) -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    reference = LogisticRegression(solver="newton-cholesky", C=0.1).fit(X, y)
    model = LogisticRegression(solver="newton-cholesky", C=0.1).fit(kind(X), y)
    assert_allclose(model.coef_, reference.coef_, rtol=1e-7, atol=1e-9)
    assert_allclose(model.predict_proba(kind(X)), model.predict_proba(X), rtol=1e-12)


def test_a_memory_map(tmp_path: Any) -> None:
    X, y = load_iris(return_X_y=True)
    np.save(tmp_path / "X.npy", X)
    model = LogisticRegression(solver="auto").fit(np.load(tmp_path / "X.npy", mmap_mode="r"), y)
    assert_array_equal(model.coef_, LogisticRegression(solver="auto").fit(X, y).coef_)


def test_search_routing_and_names() -> None:
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(LogisticRegression(solver="auto"), {"C": [0.01, 1.0], "l1_ratio": [0.0, 1.0]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        weights = np.linspace(0.1, 1, len(X))
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
        alone = LogisticRegression().fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
        assert_array_equal(routed[-1].coef_, alone.coef_)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky", "newton-cg"])
def test_no_iteration_is_what_it_is_in_scikit_learn(solver: str) -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="failed to converge after 0 iteration"):
        model = LogisticRegression(max_iter=0, solver=solver).fit(X, y)
    with pytest.warns(ConvergenceWarning):
        theirs = sklearn.linear_model.LogisticRegression(max_iter=0, solver=solver).fit(X, y)
    assert model.n_iter_.tolist() == theirs.n_iter_.tolist() == [0]
    # For L-BFGS a step that is not counted, for the others zeros.
    assert_allclose(model.coef_, theirs.coef_, rtol=1e-12)
    assert model.coef_.any() == (solver == "lbfgs")
    with pytest.raises(ValueError, match="sample_weight"):
        LogisticRegression(max_iter=0, solver=solver).fit(X, y, sample_weight=-np.ones(len(y)))


def test_a_fit_tells_of_its_iterations(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    for solver, l1_ratio in [("lbfgs", 0.0), ("newton-cholesky", 0.0), ("saga", 1.0)]:
        seen: list[Progress] = []
        model = LogisticRegression(solver=solver, l1_ratio=l1_ratio, verbose=1).set_progress(seen.append).fit(X, y)
        assert [progress.n_iter for progress in seen] == list(range(1, model.n_iter_[0] + 1))
        objectives = [progress.objective for progress in seen]
        # The last may differ from the one before by rounding.
        assert all(after <= before * (1 + 1e-14) for before, after in pairwise(objectives))
        assert len(capsys.readouterr().out.splitlines()) == model.n_iter_[0]

    def stop(_: Progress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        LogisticRegression().set_progress(stop).fit(X, y)


@pytest.mark.parametrize(("solver", "l1_ratio"), [("lbfgs", 0.0), ("newton-cholesky", 0.0), ("saga", 0.5)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_control_c_ends_a_fit(solver: str, l1_ratio: float, kind: Any) -> None:
    rng = np.random.default_rng(0)
    # Columns of unequal scale: none of the solvers is done soon.
    X, y = kind(rng.normal(size=(60_000, 60)) * np.geomspace(1e-3, 1.0, 60)), rng.integers(0, 6, 60_000)
    # Never done: the signal comes from within the fit.
    model = LogisticRegression(solver=solver, l1_ratio=l1_ratio, tol=0.0, max_iter=10**6)
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    # A test run in the background of a shell inherits an ignored SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    finally:
        signal.signal(signal.SIGINT, before)
    # 20 ms between two looks at signals, then one tile of rows; the rest is for a machine that is busy.
    assert time.perf_counter() - sent[0] < 1.0
    timer.join()
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), KMeans(2), MiniBatchKMeans(2)], ids=lambda one: type(one).__name__
)
def test_a_fit_that_is_stopped_leaves_the_estimator_as_it_was(estimator: Any) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 4)), np.arange(40) % 2
    expected = estimator.fit(X, y).predict(X)

    def stop(_: Progress) -> None:
        raise RuntimeError("enough")

    estimator.set_progress(stop)
    with pytest.raises(RuntimeError, match="enough"):
        estimator.fit(X[:, :2], y)
    assert estimator.n_features_in_ == 4
    np.testing.assert_array_equal(estimator.predict(X), expected)


def test_counts_may_be_any_whole_number() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    huge = 2**70
    assert LogisticRegression(max_iter=huge).fit(X, y).n_iter_[0] > 0
    assert KMeans(3, max_iter=huge, random_state=0).fit(X).n_iter_ > 0
    mini = MiniBatchKMeans(3, max_iter=huge, batch_size=huge, init_size=huge, max_no_improvement=5, random_state=0)
    assert mini.fit(X).n_steps_ > 0
    assert MiniBatchKMeans(3, max_iter=huge, batch_size=1, random_state=0).fit(X).n_steps_ > 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("classes", [2, 3, 20])
def test_predictions_read_the_coefficients_as_they_are(classes: int, dtype: type) -> None:
    rng = np.random.default_rng(classes)
    X = sparse.random_array((40, 500), density=0.02, rng=rng, format="csr", dtype=np.float64)
    y = np.arange(40) % classes
    model = LogisticRegression().fit(X.astype(dtype), y)
    assert model.coef_.flags.f_contiguous
    assert model.coef_.dtype == dtype

    def expected() -> np.ndarray:
        scores = X @ model.coef_.T.astype(np.float64) + model.intercept_
        return np.hstack([expit(-scores), expit(scores)]) if classes == 2 else softmax(scores, axis=1)

    for coefficients in (model.coef_, np.ascontiguousarray(model.coef_), np.repeat(model.coef_, 2, axis=1)[:, ::2]):
        model.coef_ = coefficients
        for rows in (X, X[:1], X.toarray(), X.toarray()[:1]):
            assert_allclose(model.predict_proba(rows), expected()[: rows.shape[0]], rtol=1e-13)
            single = rows.astype(np.float32)
            for ask in (model.predict_proba, model.decision_function):
                assert ask(rows).dtype == np.float64
                assert ask(single).dtype == dtype
                assert_array_equal(ask(single), ask(single.astype(np.float64)).astype(dtype))
    # Edited where they lie, between two calls.
    model.coef_[:, X.indices[0]] += 0.5
    model.intercept_[0] -= 0.25
    for rows in (X, X[:1], X.toarray()):
        assert_allclose(model.predict_proba(rows), expected()[: rows.shape[0]], rtol=1e-13)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    # The type of what was pickled equals NumPy's own, but is another object.
    assert np.shares_memory(copy._coefficients()[0], copy.coef_)


@pytest.mark.parametrize("form", ["dense", "csr_array", "csr_matrix"])
def test_wrong_rows_are_refused_as_in_scikit_learn(form: str) -> None:
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    theirs = sklearn.linear_model.LogisticRegression(max_iter=1000).fit(X, y)
    as_form = np.asarray if form == "dense" else getattr(sparse, form)
    wrong = [X[:, :3].copy(), X[:0].copy()]
    for value in (np.nan, np.inf):
        rows = X.copy()
        rows[7, 2] = value
        wrong.append(rows)
    for rows in wrong:
        with pytest.raises(ValueError, match=r"LogisticRegression|Input X") as refused:
            theirs.predict(as_form(rows))
        with pytest.raises(ValueError, match=re.escape(str(refused.value))):
            model.predict(as_form(rows))
    for rows in wrong[2:]:
        with pytest.raises(ValueError, match="Input X contains") as refused:
            theirs.fit(as_form(rows), y)
        with pytest.raises(ValueError, match=re.escape(str(refused.value))):
            model.fit(as_form(rows), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(as_form(X), y[:-1])
    assert_array_equal(model.classes_, [0, 1, 2])
    # A parameter at fault is named first, as there.
    with pytest.raises(ValueError, match="The 'tol' parameter"):
        LogisticRegression(tol=-1).fit(as_form(wrong[2]), y)


@pytest.mark.parametrize("form", ["csr_array", "csr_matrix"])
def test_sparse_rows_are_learnt_however_their_indices_are_kept(form: str) -> None:
    X, y = load_iris(return_X_y=True)
    rows = getattr(sparse, form)(X)
    expected = LogisticRegression(max_iter=1000).fit(rows, y)
    wide = rows.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    model = LogisticRegression(max_iter=1000)
    model.feature_names_in_ = np.array(list("abcd"), dtype=object)
    model.fit(wide, y)
    assert_array_equal(model.coef_, expected.coef_)
    assert model.n_features_in_ == 4
    assert not hasattr(model, "feature_names_in_")


def test_coefficients_that_are_not_finite_are_named() -> None:
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    model.coef_[1, 1] = np.nan
    with pytest.raises(ValueError, match="coefficients"):
        model.predict_proba(X)
