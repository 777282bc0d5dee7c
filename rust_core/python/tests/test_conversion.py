"""What `ferrule convert` makes of every supported estimator, and what it refuses."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn.base
from ferrule import _core, convert
from ferrule.command_line import main
from scipy import sparse
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

ROWS, COLUMNS = 120, 5
#: Largest absolute difference of outputs of the order of 1, in the type that the source computes in.
MOST = {"float64": 1e-12, "float32": 2e-5}


def data(dtype: str = "float64", classes: int = 3, *, csr: bool = False) -> tuple[Any, Any]:
    """Columns of different offsets and scales, and classes that overlap a little."""
    draw = np.random.default_rng(7)
    y = draw.integers(classes, size=ROWS)
    centers = draw.normal(scale=2, size=(classes, COLUMNS))
    X = (centers[y] + draw.normal(size=(ROWS, COLUMNS))) * [1, 0.1, 3, 2, 0.5] + [0, 1, -3, 5, 0.2]
    if csr:
        X[draw.random(X.shape) < 0.6] = 0
        return sparse.csr_array(X.astype(dtype)), y
    return X.astype(dtype), y


SCALERS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "passthrough": lambda: "passthrough",
    "standard": StandardScaler,
    "standard without mean": lambda: StandardScaler(with_mean=False),
    "standard without std": lambda: StandardScaler(with_std=False),
    "min-max": lambda: MinMaxScaler(feature_range=(-1, 2)),
    "min-max clipped": lambda: MinMaxScaler(clip=True),
    "max-abs": MaxAbsScaler,
    "max-abs clipped": lambda: MaxAbsScaler(clip=True),
    "normalizer l1": lambda: Normalizer(norm="l1"),
    "normalizer l2": Normalizer,
    "normalizer max": lambda: Normalizer(norm="max"),
}
DENSE_ONLY = {"standard", "standard without std", "min-max", "min-max clipped"}
MODELS: dict[str, Callable[[], Any]] = {
    "KMeans": lambda: KMeans(3, random_state=0),
    "MiniBatchKMeans": lambda: MiniBatchKMeans(3, random_state=0, batch_size=64),
    "LogisticRegression": lambda: LogisticRegression(max_iter=3000),
}
SEARCH = {
    "LogisticRegressionCV": lambda: LogisticRegressionCV(
        Cs=2, cv=2, l1_ratios=(0,), max_iter=3000, use_legacy_attributes=False, scoring="neg_log_loss"
    )
}
#: Scalers by name, and models behind each; the search, which is slow, behind one of each kind.
CASES = [(scaler, model) for scaler in SCALERS for model in MODELS]
CASES += [(scaler, "LogisticRegressionCV") for scaler in ("none", "standard", "max-abs", "normalizer l2")]


def converted(estimator: Any, folder: Path, sample: Any = None) -> convert.Conversion:
    joblib.dump(estimator, folder / "model.joblib")
    given = None
    if sample is not None:
        given = folder / ("rows.npz" if sparse.issparse(sample) else "rows.npy")
        if sparse.issparse(sample):
            sparse.save_npz(given, sample)
        else:
            np.save(given, sample)
    return convert.convert(folder / "model.joblib", folder / "models", "m", given)


def fitted(scaler: str, model: str, X: Any, y: Any) -> Any:
    step = SCALERS[scaler]()
    estimator = (MODELS | SEARCH)[model]()
    if step is not None:
        estimator = make_pipeline(step, estimator)
    return estimator.fit(X, y)


@pytest.mark.parametrize(("scaler", "model"), CASES)
@pytest.mark.parametrize("dtype", MOST)
def test_answers_are_those_of_scikit_learn(scaler: str, model: str, dtype: str, tmp_path: Path) -> None:
    X, y = data(dtype)
    estimator = fitted(scaler, model, X, y)
    for sample in (None, X):
        conversion = converted(estimator, tmp_path, sample)
        differences = {one.output: one for one in conversion.comparison.differences}
        # LogisticRegressionCV averages in float64 whatever it was given.
        assert conversion.comparison.dtype == ("float64" if model == "LogisticRegressionCV" else dtype)
        assert conversion.comparison.ties == 0
        assert differences.pop("labels").largest == 0
        for one in differences.values():
            assert one.passed, one
            # Distances of rows near a centre are what scikit-learn's formula leaves of two larger numbers.
            assert one.largest <= MOST[dtype] * (1 if "Logistic" in model else 20), one
    assert (conversion.version, conversion.path) == (2, tmp_path / "models/m/2/model.safetensors")


@pytest.mark.parametrize(("scaler", "model"), [case for case in CASES if case[0] not in DENSE_ONLY])
@pytest.mark.parametrize("dtype", MOST)
def test_sparse_rows_get_the_same_answers(scaler: str, model: str, dtype: str, tmp_path: Path) -> None:
    X, y = data(dtype, csr=True)
    conversion = converted(fitted(scaler, model, X, y), tmp_path, X)
    assert conversion.comparison.passed, conversion.comparison
    assert conversion.comparison.ties == 0
    assert conversion.comparison.rows == ROWS


@pytest.mark.parametrize("scaler", sorted(DENSE_ONLY))
def test_steps_that_refuse_sparse_rows_refuse_them_here(scaler: str, tmp_path: Path) -> None:
    X, y = data()
    conversion = converted(fitted(scaler, "KMeans", X, y), tmp_path)
    assert conversion.path is not None
    stored = _core.StoredModel.read(conversion.path)
    rows = sparse.csr_array(X[:2])
    with pytest.raises(ValueError, match="can't take sparse ones"):
        stored.predict((rows.data, rows.indices, rows.indptr, rows.shape))


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(solver="liblinear"),
        LogisticRegression(solver="liblinear", fit_intercept=False),
        LogisticRegression(solver="newton-cholesky", C=0.1, class_weight="balanced"),
        LogisticRegression(solver="saga", l1_ratio=0.5, max_iter=5000),
    ],
    ids=str,
)
def test_two_classes_by_any_solver(model: Any, tmp_path: Path) -> None:
    X, y = data(classes=2)
    comparison = converted(make_pipeline(StandardScaler(), model).fit(X, y), tmp_path, X).comparison
    assert comparison.passed
    assert {one.output for one in comparison.differences} == {"labels", "decision function", "probabilities"}
    assert max(one.largest for one in comparison.differences) <= MOST["float64"]


def test_sparse_coefficients_are_kept_dense(tmp_path: Path) -> None:
    X, y = data()
    conversion = converted(LogisticRegression(max_iter=3000).fit(X, y).sparsify(), tmp_path, X)
    assert conversion.version == 1
    assert conversion.notes == ("coef_ was sparse and is kept dense",)


def test_what_changes_no_answer_is_noted(tmp_path: Path) -> None:
    X, y = data(classes=2)
    model = KMeans(2, init=_first_rows, n_init=1, random_state=np.random.RandomState(0)).fit(X)
    conversion = converted(model, tmp_path, X)
    assert conversion.version == 1
    assert conversion.notes == (
        "parameter init of KMeans is not kept: it is a function",
        "parameter random_state of KMeans is not kept: it is a RandomState",
    )
    conversion = converted(LogisticRegression(max_iter=3000).fit(X, y == 1), tmp_path, X)
    assert conversion.notes == ("classes of type bool are served as integers: [0, 1]",)


def _first_rows(X: Any, n_clusters: int, random_state: Any) -> Any:
    return X[:n_clusters]


def test_a_tie_within_the_sources_rounding_is_no_difference(tmp_path: Path) -> None:
    # float32 far from the origin: scikit-learn's labels there are a matter of rounding.
    draw = np.random.default_rng(0)
    X = (np.repeat([[0.0], [3.0]], 50, axis=0) + draw.normal(size=(100, 2)) + 1e4).astype("float32")
    conversion = converted(KMeans(2, random_state=0, n_init=1).fit(X - np.float32(1e4)), tmp_path, X - np.float32(1e4))
    assert conversion.comparison.ties == 0
    conversion = converted(KMeans(2, random_state=0, n_init=1).fit(X), tmp_path, X)
    assert conversion.comparison.passed
    assert conversion.comparison.ties > 0


def test_nothing_is_published_when_answers_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    X, y = data()
    model = LogisticRegression(max_iter=3000).fit(X, y)
    model.predict_proba = lambda rows: LogisticRegression.predict_proba(model, rows) + 1e-9
    monkeypatch.setattr(convert, "_loaded", lambda file: (model, None))
    models = tmp_path / "models"
    arguments = ["convert", "model.joblib", "--models", str(models), "--name", "m", "--trusted"]
    assert main(arguments) == 1
    assert "NOT published" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["published"] is None
    assert {one["output"]: one["passed"] for one in report["differences"]} == {
        "labels": True,
        "decision function": True,
        "probabilities": False,
    }
    del model.predict_proba
    model.predict = lambda rows: np.roll(LogisticRegression.predict(model, rows), 1)
    assert main([*arguments, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [one["passed"] for one in report["differences"]] == [False, True, True]
    assert list(models.iterdir()) == []


def one_vs_rest() -> Any:
    model = LogisticRegression(max_iter=3000).fit(*data())
    model.multi_class = "ovr"
    return model


def softmax_of_two() -> Any:
    model = LogisticRegression(max_iter=3000).fit(*data(classes=2))
    model.multi_class = "multinomial"
    return model


class OwnKMeans(KMeans):  # type: ignore[misc]
    """May compute anything."""


def with_classes(classes: Any) -> Any:
    model = LogisticRegression(max_iter=3000).fit(*data())
    model.classes_ = np.asarray(classes)
    return model


def spoilt() -> Any:
    model = KMeans(2, random_state=0).fit(data()[0])
    model.cluster_centers_[0, 0] = np.nan
    return model


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "another class": (
        lambda: RandomForestClassifier(2).fit(*data()),
        "sklearn.ensemble.RandomForestClassifier is not supported: expected KMeans,",
    ),
    "a sibling": (lambda: BisectingKMeans(2).fit(data()[0]), "sklearn.cluster.BisectingKMeans is not supported"),
    "a subclass": (lambda: OwnKMeans(2).fit(data()[0]), "OwnKMeans is not supported"),
    "a search": (
        lambda: GridSearchCV(KMeans(2), {"tol": [1e-3]}).fit(data()[0]),
        "GridSearchCV is not supported: use its best_estimator_",
    ),
    "another step": (
        lambda: make_pipeline(PCA(2), KMeans(2)).fit(data()[0]),
        "the pipeline's step 'pca' is sklearn.decomposition.PCA: expected StandardScaler,",
    ),
    "another scaler": (
        lambda: make_pipeline(RobustScaler(), KMeans(2)).fit(data()[0]),
        "the pipeline's step 'robustscaler' is sklearn.preprocessing.RobustScaler",
    ),
    "no model": (
        lambda: Pipeline([("scale", StandardScaler()), ("end", "passthrough")]).fit(data()[0]),
        "the pipeline's last step 'end' is 'passthrough'",
    ),
    "one against the rest": (one_vs_rest, "of 3 classes one against the rest"),
    "a softmax of two": (softmax_of_two, "multi_class='multinomial' for two classes"),
    "fractions": (
        lambda: with_classes([0.5, 1.5, 2.0]),
        "classes_ that are not whole numbers up to 2^53: [0.5, 1.5, 2.0]",
    ),
    "bytes": (lambda: with_classes([b"a", b"b", b"c"]), "classes_ of type |S1"),
    "several outputs": (lambda: with_classes([[0, 1], [2, 3]]), "several outputs are not supported"),
    "large integers": (
        lambda: with_classes(np.array([1, 2, 2**63], dtype=np.uint64)),
        "classes_ beyond 64-bit signed integers",
    ),
    "not fitted": (lambda: KMeans(2), "not fitted"),
    "a number that is none": (spoilt, "value 0 is not finite"),
    "no estimator": (lambda: {"coef": 1}, "builtins.dict is not supported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cant_be_represented_is_refused_by_name(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, expected = REFUSED[case]
    model = make()
    monkeypatch.setattr(convert, "_loaded", lambda file: (model, None))
    models = tmp_path / "models"
    assert main(["convert", "model.joblib", "--models", str(models), "--name", "m", "--trusted"]) == 1
    assert expected in capsys.readouterr().err
    assert not models.exists()


def test_a_file_of_another_scikit_learn_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X, _ = data()
    model = KMeans(2, random_state=0).fit(X)
    with monkeypatch.context() as patched:
        patched.setattr(sklearn.base, "__version__", "1.5.2")
        (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    conversion = convert.convert(tmp_path / "model.pkl", tmp_path / "models", "m")
    assert conversion.version == 1
    assert conversion.path is not None
    assert conversion.notes[0].startswith(f"fitted by scikit-learn 1.5.2 and loaded by {sklearn.__version__}:")
    stored = json.loads(_core.StoredModel.read(conversion.path).description)
    assert stored["source"] == "scikit-learn 1.5.2, sklearn.cluster.KMeans"


@pytest.mark.parametrize("lost", ["cluster_centers_", "_n_threads"])
def test_an_estimator_that_lacks_something_is_said_to(lost: str, tmp_path: Path) -> None:
    model = KMeans(2, random_state=0).fit(data()[0])
    delattr(model, lost)
    model.labels_ = np.zeros(1)
    with pytest.raises(convert.ConversionError, match=rf"^KMeans can't be used by scikit-learn .*{lost}"):
        converted(model, tmp_path)
    assert not list(tmp_path.glob("models/*"))


class Marker:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_no_pickle_is_loaded_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark = tmp_path / "the code ran"
    file = tmp_path / "model.joblib"
    joblib.dump(Marker(mark), file)
    arguments = ["convert", str(file), "--models", str(tmp_path / "models"), "--name", "m"]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert "Loading it runs whatever code is in it" in printed.err
    assert "add --trusted" in printed.err
    assert not mark.exists()
    # With a word it is, and it is no estimator.
    assert main([*arguments, "--trusted"]) == 1
    assert "builtins.NoneType is not supported" in capsys.readouterr().err
    assert mark.exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"not a pickle", "is not a joblib or pickle file"),
        (b"", "is not a joblib or pickle file"),
        (b"cno.such.module\nThing\n.", "can't be loaded here: ModuleNotFoundError: No module named 'no'"),
    ],
)
def test_a_file_that_cant_be_loaded(
    content: bytes, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.joblib"
    file.write_bytes(content)
    assert main(["convert", str(file), "--models", str(tmp_path / "models"), "--name", "m", "--trusted"]) == 1
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (np.ones((3, 2)), "expected at least one row of 5 columns, got shape (3, 2)"),
        (np.ones((0, 5)), "expected at least one row of 5 columns, got shape (0, 5)"),
        (np.ones(5), "expected rows × columns numbers, got float64 of shape (5,)"),
        (np.full((1, 5), np.nan), "expected finite numbers"),
        (np.array([["a"] * 5]), "expected rows × columns numbers, got <U1"),
    ],
    ids=str,
)
def test_rows_of_no_use_are_refused(rows: Any, problem: str, tmp_path: Path) -> None:
    model = KMeans(2, random_state=0).fit(data()[0])
    with pytest.raises(convert.ConversionError) as refused:
        converted(model, tmp_path, rows)
    assert problem in str(refused.value)
    assert list((tmp_path / "models").iterdir()) == []
