"""Saving, loading and handing back: nothing that decides an answer is lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ferrule
import numpy as np
import pytest
from ferrule import _core
from numpy.typing import NDArray
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler

DRAW = np.random.default_rng(11)
Y = np.arange(90) % 3
X: NDArray[np.float64] = DRAW.normal(size=(90, 4)) * [1, 10, 0.1, 3] + DRAW.normal(size=(3, 4))[Y] * 4 + [0, 5, 1, -2]

ESTIMATORS: dict[str, Callable[[], Any]] = {
    "ferrule.KMeans": lambda: ferrule.KMeans(3, random_state=0, tol=1e-3),
    "ferrule.LogisticRegression": lambda: ferrule.LogisticRegression(C=0.5, max_iter=2000),
    "KMeans": lambda: KMeans(3, random_state=0, init=X[:3], n_init=1),
    "MiniBatchKMeans": lambda: MiniBatchKMeans(3, random_state=0),
    "LogisticRegression": lambda: LogisticRegression(C=0.5, max_iter=2000, class_weight={0: 1.0, 1: 2.0, 2: 0.1}),
    "every step": lambda: Pipeline(
        [
            ("first", StandardScaler()),
            ("nothing", "passthrough"),
            ("second", MinMaxScaler((-1, 3), clip=True)),
            ("third", MaxAbsScaler(clip=True)),
            ("fourth", StandardScaler(with_std=False)),
            ("fifth", StandardScaler(with_mean=False)),
            ("sixth", Normalizer("l1")),
            ("end", LogisticRegression(max_iter=2000)),
        ]
    ),
    "ours behind a step": lambda: make_pipeline(StandardScaler(), ferrule.KMeans(3, random_state=0)),
    "one step": lambda: Pipeline([("alone", KMeans(3, random_state=0))]),
}


def last(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def answers(estimator: Any, rows: Any = X) -> list[NDArray[Any]]:
    methods = ("predict", "transform", "decision_function", "predict_proba")
    return [getattr(estimator, method)(rows) for method in methods if hasattr(estimator, method)]


@pytest.mark.parametrize("case", ESTIMATORS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scikit_learn_gets_back_what_it_gave(case: str, dtype: str, tmp_path: Path) -> None:
    rows = X.astype(dtype)
    given = ESTIMATORS[case]().fit(rows, Y)
    path = ferrule.save(given, tmp_path / "m.safetensors")
    assert path == tmp_path / "m.safetensors"
    for source in (path, str(path), given):
        back = ferrule.to_sklearn(source)
        assert type(last(back)).__module__.startswith("sklearn.")
        if type(last(given)).__module__.startswith("sklearn."):
            # The same objects: not a bit is lost.
            for expected, answer in zip(answers(given, rows), answers(back, rows), strict=True):
                assert expected.dtype == answer.dtype
                np.testing.assert_array_equal(expected, answer)
            assert not isinstance(given, Pipeline) or [name for name, _ in given.steps] == [
                name for name, _ in back.steps
            ]
            for before, after in zip(parts(given), parts(back), strict=True):
                np.testing.assert_equal(after.get_params(), before.get_params())
                assert type(after) is type(before)
        else:
            np.testing.assert_array_equal(given.predict(rows), back.predict(rows))
        assert back.n_features_in_ == 4
        assert np.array_equal(last(back).n_iter_, last(given).n_iter_)


def parts(estimator: Any) -> list[Any]:
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    return [step for step in steps if not isinstance(step, str)]


@pytest.mark.parametrize("case", ESTIMATORS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ours_answers_like_what_was_saved(case: str, dtype: str, tmp_path: Path) -> None:
    rows = X.astype(dtype)
    given = ESTIMATORS[case]().fit(rows, Y)
    loaded = ferrule.load(ferrule.save(given, tmp_path / "m.safetensors"))
    assert type(last(loaded)).__module__.startswith("ferrule.")
    assert type(last(loaded)).__name__ == type(last(given)).__name__
    for expected, answer in zip(answers(given, rows), answers(loaded, rows), strict=True):
        assert expected.dtype == answer.dtype
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-12 if dtype == "float64" else 1e-3)
    # A second round is the identity.
    again = ferrule.load(ferrule.save(loaded, tmp_path / "again.safetensors"))
    for expected, answer in zip(answers(loaded, rows), answers(again, rows), strict=True):
        np.testing.assert_array_equal(answer, expected)


def test_a_mini_batch_fit_goes_on_where_it_was(tmp_path: Path) -> None:
    first = MiniBatchKMeans(3, random_state=0, batch_size=30, reassignment_ratio=0).fit(X[:60])
    back = ferrule.to_sklearn(ferrule.save(first, tmp_path / "m"))
    first.partial_fit(X[60:])
    back.partial_fit(X[60:])
    np.testing.assert_array_equal(back.cluster_centers_, first.cluster_centers_)
    np.testing.assert_array_equal(back._counts, first._counts)
    assert (back.n_steps_, back.inertia_) == (first.n_steps_, first.inertia_)


def test_a_scaler_can_go_on_too(tmp_path: Path) -> None:
    for scaler in (StandardScaler(), MinMaxScaler(), MaxAbsScaler()):
        given = make_pipeline(scaler, KMeans(2, random_state=0)).fit(X[:60].astype("float32"))
        back = ferrule.to_sklearn(ferrule.save(given, tmp_path / "m"))
        for pipeline in (given, back):
            pipeline[0].partial_fit(X[60:].astype("float32"))
        assert vars(back[0]).keys() == vars(given[0]).keys()
        for name, value in vars(given[0]).items():
            np.testing.assert_array_equal(getattr(back[0], name), value)
            assert getattr(getattr(back[0], name), "dtype", None) == getattr(value, "dtype", None)


def test_a_search_for_c_becomes_the_regression_it_found(tmp_path: Path) -> None:
    given = LogisticRegressionCV(
        Cs=3, cv=2, l1_ratios=(0,), max_iter=3000, use_legacy_attributes=False, scoring="neg_log_loss"
    ).fit(X, Y)
    back = ferrule.to_sklearn(ferrule.save(given, tmp_path / "m"))
    assert type(back) is LogisticRegression
    assert (back.C, back.l1_ratio, back.max_iter) == (given.C_, 0.0, 3000)
    np.testing.assert_array_equal(back.predict_proba(X), given.predict_proba(X))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_search_with_scikit_learns_defaults_is_kept(tmp_path: Path) -> None:
    for classes in (Y, Y > 0):
        given = LogisticRegressionCV(Cs=2, cv=2, max_iter=3000).fit(X, classes)
        back = ferrule.to_sklearn(ferrule.save(given, tmp_path / "m"))
        assert (back.C, back.l1_ratio) == (np.ravel(given.C_)[0], 0.0)
        np.testing.assert_array_equal(back.predict_proba(X), given.predict_proba(X))


def test_a_file_cannot_set_what_is_no_attribute_of_a_fit(tmp_path: Path) -> None:
    def stored(estimator: object) -> Path:
        description = {"kind": "k_means", "estimator": estimator}
        model = _core.StoredModel.compose(json.dumps(description), {"cluster_centers": np.eye(2)})
        model.write(tmp_path / "m")
        return tmp_path / "m"

    loaded = ferrule.load(stored({"class": "KMeans", "attributes": {"predict": 5, "inertia_": 3.0}}))
    assert loaded.inertia_ == 3.0
    assert loaded.predict(np.eye(2)).tolist() == [0, 1]
    for damaged in ([1], {"class": "load"}, {"class": 7}, {"parameters": 1}, {"steps": [1]}, {"attributes": "x"}):
        with pytest.raises(ValueError, match="what the file says of the estimator"):
            ferrule.load(stored(damaged))


def test_versions_are_numbers_of_the_contract(tmp_path: Path) -> None:
    for version in (-1, 0, 2**32):
        with pytest.raises(ValueError, match=f"expected 1 to 4294967295, got {version}"):
            ferrule.load(tmp_path, model="m", version=version)


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        (np.array(["no", "yes", "perhaps"]), {"strings": ["no", "perhaps", "yes"]}),
        (np.array(["nein", "ja", "vielleicht ☂"], dtype=object), {"strings": ["ja", "nein", "vielleicht ☂"]}),
        (np.array([7, -3, 2**62]), {"integers": [-3, 7, 2**62]}),
        (np.array([1, 2, 255], dtype=np.uint8), {"integers": [1, 2, 255]}),
        (np.array([0.0, -1.0, 2.0**53]), {"integers": [-1, 0, 2**53]}),
        (np.array([False, True, True]), {"integers": [0, 1]}),
    ],
    ids=str,
)
def test_labels_keep_their_type(labels: NDArray[Any], kept: dict[str, Any], tmp_path: Path) -> None:
    given = LogisticRegression(max_iter=3000).fit(X, labels[Y])
    path = ferrule.save(given, tmp_path / "m")
    assert json.loads(_core.StoredModel.read(path).description)["kind"]["logistic_regression"]["classes"] == kept
    for back in (ferrule.load(path), ferrule.to_sklearn(path)):
        assert back.classes_.dtype == given.classes_.dtype
        np.testing.assert_array_equal(back.predict(X), given.predict(X))


def named(estimator: Any, names: list[str]) -> Any:
    """The estimator as a fit to a frame with these names leaves it."""
    for part in parts(estimator):
        part.feature_names_in_ = np.array(names, dtype=object)
    return estimator


def test_names_of_columns_are_kept_where_they_were(tmp_path: Path) -> None:
    names = ["a", "b b", "ç", "d"]
    given = named(make_pipeline(StandardScaler(), KMeans(2, random_state=0)).fit(X), names)
    del given[-1].feature_names_in_
    path = ferrule.save(given, tmp_path / "m")
    assert json.loads(_core.StoredModel.read(path).description)["feature_names"] == names
    for back in (ferrule.load(path), ferrule.to_sklearn(path)):
        assert list(back.feature_names_in_) == names
        assert not hasattr(back[-1], "feature_names_in_")
    ours = ferrule.load(ferrule.save(named(KMeans(2, random_state=0).fit(X), names), tmp_path / "m"))
    assert list(ours.feature_names_in_) == names


def test_a_repository_gets_versions(tmp_path: Path) -> None:
    for clusters in (2, 3):
        path = ferrule.save(ferrule.KMeans(clusters, random_state=0).fit(X), tmp_path / "models", model="groups")
        assert path == tmp_path / f"models/groups/{clusters - 1}/model.safetensors"
    assert ferrule.load(tmp_path / "models", model="groups").n_clusters == 3
    assert ferrule.load(tmp_path / "models", model="groups", version=1).n_clusters == 2
    assert ferrule.load(path).n_clusters == 3
    with pytest.raises(FileNotFoundError, match=r'has no model "groups" of version 9'):
        ferrule.load(tmp_path / "models", model="groups", version=9)
    with pytest.raises(FileNotFoundError, match=r'has no model "nobody"'):
        ferrule.load(tmp_path / "models", model="nobody")
    with pytest.raises(ValueError, match=r"model name: expected 1 to 64"):
        ferrule.save(ferrule.KMeans(2).fit(X), tmp_path / "models", model="../up")


def test_a_model_that_a_server_fitted_can_be_loaded(tmp_path: Path) -> None:
    # Without parameters, as files of version 1 are.
    arrays = {"coef": np.array([[1.0, -2.0]]), "intercept": np.array([0.5])}
    description = {"kind": {"logistic_regression": {"classes": {"strings": ["no", "yes"]}}}}
    stored = _core.StoredModel.compose(json.dumps(description), arrays)
    stored.write(tmp_path / "m")
    for back in (ferrule.load(tmp_path / "m"), ferrule.to_sklearn(tmp_path / "m")):
        assert list(back.predict([[1.0, 0.0], [0.0, 1.0]])) == ["yes", "no"]
        assert back.n_features_in_ == 2
    description = {"kind": "k_means", "scaling": ["standard_scaler", {"normalizer": {"norm": "max"}}]}  # type: ignore[dict-item]
    arrays = {"cluster_centers": np.array([[1.0, 0.0], [0.0, 1.0]]), "scaling.0.scale": np.array([1.0, 100.0])}
    _core.StoredModel.compose(json.dumps(description), arrays).write(tmp_path / "m")
    for back in (ferrule.load(tmp_path / "m"), ferrule.to_sklearn(tmp_path / "m")):
        assert isinstance(back, Pipeline)
        assert list(back.predict(np.array([[3.0, 4.0], [1.0, 400.0]]))) == [0, 1]


def test_damage_is_noticed(tmp_path: Path) -> None:
    path = ferrule.save(ferrule.KMeans(2, random_state=0).fit(X), tmp_path / "m")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="the checksum does not match the content"):
        ferrule.load(path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        ferrule.load(tmp_path / "nothing")


def test_what_is_not_fitted_is_refused(tmp_path: Path) -> None:
    for estimator in (KMeans(), ferrule.LogisticRegression(), make_pipeline(StandardScaler(), KMeans())):
        with pytest.raises(NotFittedError):
            ferrule.save(estimator, tmp_path / "m")
    assert not (tmp_path / "m").exists()
