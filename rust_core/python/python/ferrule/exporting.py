"""From a fitted estimator, ours or scikit-learn's, to what a model file holds.

Everything is read from the attributes of a live object.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy import sparse
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler
from sklearn.utils.validation import check_is_fitted

from ferrule import class_labels
from ferrule._core import StoredModel
from ferrule.json_values import NotRepresentableError, to_json

#: What the file keeps of an estimator besides parameters and the arrays that decide answers, where it is there.
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "KMeans": ("inertia_", "n_iter_"),
    "MiniBatchKMeans": (
        "inertia_", "n_iter_", "n_steps_", "_counts", "_batch_size", "_init_size", "_n_since_last_reassign",
    ),
    "LogisticRegression": ("n_iter_",),
    "LogisticRegressionCV": ("C_", "l1_ratio_"),
    "StandardScaler": ("mean_", "var_", "scale_", "n_samples_seen_"),
    "MinMaxScaler": ("min_", "scale_", "data_min_", "data_max_", "data_range_", "n_samples_seen_"),
    "MaxAbsScaler": ("scale_", "max_abs_", "n_samples_seen_"),
    "Normalizer": (),
}  # fmt: skip


#: What LogisticRegressionCV chose.
_FOUND = {"C_", "l1_ratio_"}
#: What files call by scikit-learn's name and our estimators by another.
OURS = {"_n_since_last_reassign": "_rows_since_reassignment"}


@dataclass(frozen=True)
class Exported:
    """A model file's content."""

    model: StoredModel
    #: What is not kept, and other things to know; none of it changes an answer.
    notes: tuple[str, ...]


@dataclass
class _Content:
    """What is collected."""

    arrays: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    scaling: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, values: Any) -> None:
        self.arrays[name] = np.array(values, dtype=np.float64, order="C")


def export(estimator: Any, *, version: str | None = None) -> Exported:
    """The content of a model file for a fitted estimator.

    Args:
        estimator: `KMeans`, `MiniBatchKMeans`, `LogisticRegression` of ferrule or scikit-learn, scikit-learn's
            `LogisticRegressionCV`, or a `Pipeline` of scalers and one of them.
        version: scikit-learn's version that fitted it, where that is not the one at hand.

    Raises:
        NotRepresentableError: The estimator, or something of it that decides answers, is not supported; it is named.
        NotFittedError: The estimator is not fitted.
    """
    steps = list(_steps(estimator))
    _, model = steps.pop()
    if _name(model) not in _MODELS:
        raise NotRepresentableError(_unsupported(model))
    check_is_fitted(model)
    content = _Content()
    described: list[Any] = []
    for name, step in steps:
        if step is None or step == "passthrough":
            described.append({"name": name, "class": "passthrough"})
            continue
        _SCALERS[_name(step)](content, step)
        described.append({"name": name, **_described(content, step)})
    kind, facts = _MODELS[_name(model)](content, model)
    facts |= _described(content, model)
    if isinstance(estimator, Pipeline):
        facts |= {"name": estimator.steps[-1][0], "steps": described}
    names = _feature_names(content, [step for _, step in steps], model)
    parameters = model.cluster_centers_ if kind == "k_means" else model.coef_
    description = {
        "kind": kind,
        "precision": "float32" if parameters.dtype == np.float32 else "float64",
        "scaling": content.scaling,
        "feature_names": names,
        "source": _source(model, version),
        "estimator": facts,
    }
    try:
        stored = StoredModel.compose(json.dumps(description, allow_nan=False), content.arrays)
    except ValueError as error:
        raise NotRepresentableError(f"{_name(estimator)}: {error}") from error
    return Exported(stored, tuple(content.notes))


def _steps(estimator: Any) -> Iterator[tuple[str, Any]]:
    """The scalers by name, in order, then the model, whose name is not used."""
    if type(estimator) is not Pipeline:
        yield "", estimator
        return
    for name, step in estimator.steps[:-1]:
        if not (step is None or (isinstance(step, str) and step == "passthrough") or _name(step) in _SCALERS):
            raise NotRepresentableError(
                f"the pipeline's step {name!r} is {_qualified(step)}: expected {', '.join(_SCALERS)} or 'passthrough'"
            )
        yield name, step
    name, last = estimator.steps[-1]
    if type(last) is Pipeline or last is None or isinstance(last, str):
        raise NotRepresentableError(f"the pipeline's last step {name!r} is {last!r}: expected {', '.join(_MODELS)}")
    yield name, last


def _k_means(content: _Content, model: Any) -> tuple[Any, dict[str, Any]]:
    content.add("cluster_centers", model.cluster_centers_)
    return "k_means", {}


def _logistic_regression(content: _Content, model: Any) -> tuple[Any, dict[str, Any]]:
    classes, dtype = class_labels.to_file(model.classes_)
    _refuse_one_vs_rest(model, len(model.classes_))
    coefficients = model.coef_
    if sparse.issparse(coefficients):
        coefficients = coefficients.toarray()
        content.notes.append("coef_ was sparse and is kept dense")
    content.add("coef", np.atleast_2d(coefficients))
    # liblinear without an intercept leaves one zero.
    content.add("intercept", np.broadcast_to(model.intercept_, len(content.arrays["coef"])))
    if model.classes_.dtype.kind in "bf":
        content.notes.append(
            f"classes of type {model.classes_.dtype} are served as integers: {next(iter(classes.values()))}"
        )
    return {"logistic_regression": {"classes": classes}}, {"classes_dtype": dtype}


def _refuse_one_vs_rest(model: Any, n_classes: int) -> None:
    """Estimators of older versions of scikit-learn may say that their scores mean something else."""
    if type(model) not in _SKLEARN:
        return
    scheme = getattr(model, "multi_class", "auto")
    if n_classes > 2 and (scheme == "ovr" or model.solver == "liblinear"):
        raise NotRepresentableError(
            f"{_name(model)} of {n_classes} classes one against the rest (multi_class={scheme!r}, "
            f"solver={model.solver!r}): probabilities here are multinomial"
        )
    if n_classes == 2 and scheme == "multinomial":
        raise NotRepresentableError(
            f"{_name(model)} with multi_class='multinomial' for two classes: its probabilities are not the sigmoid of "
            "its decision function"
        )


def _standard_scaler(content: _Content, scaler: Any) -> None:
    check_is_fitted(scaler)
    index = len(content.scaling)
    if scaler.with_mean:
        content.add(f"scaling.{index}.mean", scaler.mean_)
    if scaler.with_std:
        content.add(f"scaling.{index}.scale", scaler.scale_)
    content.scaling.append("standard_scaler")


def _min_max_scaler(content: _Content, scaler: Any) -> None:
    check_is_fitted(scaler)
    index = len(content.scaling)
    content.add(f"scaling.{index}.scale", scaler.scale_)
    content.add(f"scaling.{index}.min", scaler.min_)
    clip = [float(bound) for bound in scaler.feature_range] if getattr(scaler, "clip", False) else None
    content.scaling.append({"min_max_scaler": {"clip": clip}})


def _max_abs_scaler(content: _Content, scaler: Any) -> None:
    check_is_fitted(scaler)
    content.add(f"scaling.{len(content.scaling)}.scale", scaler.scale_)
    content.scaling.append({"max_abs_scaler": {"clip": bool(getattr(scaler, "clip", False))}})


def _normalizer(content: _Content, scaler: Any) -> None:
    content.scaling.append({"normalizer": {"norm": scaler.norm}})


_MODELS: Mapping[str, Callable[[_Content, Any], tuple[Any, dict[str, Any]]]] = {
    "KMeans": _k_means,
    "MiniBatchKMeans": _k_means,
    "LogisticRegression": _logistic_regression,
    "LogisticRegressionCV": _logistic_regression,
}
_SCALERS: Mapping[str, Callable[[_Content, Any], None]] = {
    "StandardScaler": _standard_scaler,
    "MinMaxScaler": _min_max_scaler,
    "MaxAbsScaler": _max_abs_scaler,
    "Normalizer": _normalizer,
}
_SKLEARN = {
    KMeans, MiniBatchKMeans, LogisticRegression, LogisticRegressionCV,
    StandardScaler, MinMaxScaler, MaxAbsScaler, Normalizer,
}  # fmt: skip


def _name(estimator: Any) -> str:
    """The class's name, if we know that class; a subclass may compute something else, so it has none."""
    kind = type(estimator)
    ours = kind.__module__.partition(".")[0] == "ferrule"
    return kind.__name__ if ours or kind in _SKLEARN else ""


def _unsupported(estimator: Any) -> str:
    expected = f"expected {', '.join(_MODELS)}, or a Pipeline of scalers and one of them"
    if hasattr(estimator, "best_estimator_"):
        return f"{_qualified(estimator)} is not supported: use its best_estimator_"
    return f"{_qualified(estimator)} is not supported: {expected}"


def _qualified(estimator: Any) -> str:
    """The class by its public name, as ``sklearn.cluster.KMeans``."""
    kind = type(estimator)
    modules = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    if modules[:1] == ["ferrule"]:
        modules = modules[:1]
    return ".".join([*modules, kind.__qualname__])


def _source(model: Any, version: str | None) -> str:
    if type(model) in _SKLEARN:
        return f"scikit-learn {version or sklearn.__version__}, {_qualified(model)}"
    return _qualified(model)


def _described(content: _Content, estimator: Any) -> dict[str, Any]:
    """Class, parameters and attributes, for Python to make the estimator anew."""
    described: dict[str, Any] = {"class": _name(estimator), "parameters": {}, "attributes": {}}
    for name in estimator._get_param_names():
        # Estimators of older versions of scikit-learn lack parameters that came later.
        value = getattr(estimator, name, None)
        try:
            described["parameters"][name] = to_json(value)
        except NotRepresentableError as error:
            content.notes.append(f"parameter {name} of {_name(estimator)} is not kept: it is a {error}")
    ours = type(estimator) not in _SKLEARN
    for name in ATTRIBUTES[_name(estimator)]:
        attribute = OURS.get(name, name) if ours else name
        if hasattr(estimator, attribute):
            value = getattr(estimator, attribute)
            try:
                # What a search found is one value or one for each class, and may be None: a list holds all of that.
                described["attributes"][name] = to_json(np.ravel(value).tolist() if name in _FOUND else value)
            except NotRepresentableError as error:
                raise NotRepresentableError(f"attribute {attribute} of {_name(estimator)} is a {error}") from error
    described["named"] = hasattr(estimator, "feature_names_in_")
    return described


def _feature_names(content: _Content, scalers: list[Any], model: Any) -> list[str]:
    """The names that the entry knows. All steps keep the columns, so they are the names of every step that has some."""
    first = next((step for step in [*scalers, model] if step is not None and not isinstance(step, str)), model)
    columns = model.n_features_in_
    for step in scalers:
        count = getattr(step, "n_features_in_", columns)
        if count != columns:
            raise NotRepresentableError(f"{_name(step)} of {count} columns before {_name(model)} of {columns}")
    if not hasattr(first, "feature_names_in_"):
        if hasattr(model, "feature_names_in_"):
            content.notes.append("feature names that only a later step of the pipeline has are not kept")
        return []
    return [str(name) for name in first.feature_names_in_]
