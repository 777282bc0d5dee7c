"""From what a model file holds to an estimator, ours or scikit-learn's."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import cluster, linear_model, preprocessing
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

import ferrule
from ferrule import class_labels
from ferrule._core import StoredModel
from ferrule.exporting import ATTRIBUTES, OURS
from ferrule.json_values import from_json

_SCIKIT_LEARN: Mapping[str, Any] = {
    "KMeans": cluster.KMeans,
    "MiniBatchKMeans": cluster.MiniBatchKMeans,
    "LogisticRegression": linear_model.LogisticRegression,
}
_SCALERS: Mapping[str, Any] = {
    "StandardScaler": preprocessing.StandardScaler,
    "MinMaxScaler": preprocessing.MinMaxScaler,
    "MaxAbsScaler": preprocessing.MaxAbsScaler,
    "Normalizer": preprocessing.Normalizer,
}
#: Steps of files whose writer was no Python estimator, by the name that the file has for them.
_STEPS = {
    "standard_scaler": "StandardScaler",
    "min_max_scaler": "MinMaxScaler",
    "max_abs_scaler": "MaxAbsScaler",
    "normalizer": "Normalizer",
}


def to_ferrule(stored: StoredModel) -> Any:
    """A fitted estimator of ours; a scikit-learn `Pipeline` with one as its last step where there are steps.

    Raises:
        ValueError: What the file says of the estimator makes none.
    """
    return _restored(stored, {name: getattr(ferrule, name) for name in _SCIKIT_LEARN})


def to_scikit_learn(stored: StoredModel) -> Any:
    """A fitted estimator of scikit-learn with equal answers, a `Pipeline` where there are steps.

    Raises:
        ValueError: What the file says of the estimator makes none.
    """
    return _restored(stored, _SCIKIT_LEARN)


def _restored(stored: StoredModel, classes: Mapping[str, Any]) -> Any:
    try:
        return _Restoration(stored).estimator(classes.__getitem__)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        # The engine has checked what decides answers; the rest is what the writer said of the estimator.
        raise ValueError(f"what the file says of the estimator makes none: {error!r}") from error


class _Restoration:
    """One file on its way to an estimator."""

    def __init__(self, stored: StoredModel) -> None:
        self.columns = stored.columns
        self.description = json.loads(stored.description)
        self.arrays = stored.arrays()
        self.facts = self.description.get("estimator") or {}
        self.names = self.description.get("feature_names", [])
        self.dtype = np.dtype(self.description.get("precision", "float64"))

    def estimator(self, class_of: Any) -> Any:
        model = self.model(class_of)
        steps = self.facts.get("steps")
        scaling = self.description.get("scaling", [])
        if steps is None and not scaling:
            return model
        if steps is None:
            kinds = [_kind(step) for step in scaling]
            steps = [{"name": f"{kind}_{index}", "class": _STEPS[kind]} for index, kind in enumerate(kinds)]
        restored: list[tuple[str, Any]] = []
        index = 0
        for step in steps:
            if step["class"] == "passthrough":
                restored.append((step["name"], "passthrough"))
                continue
            restored.append((step["name"], self.scaler(index, step)))
            index += 1
        return Pipeline([*restored, (self.facts.get("name", "model"), model)])

    def model(self, class_of: Any) -> Any:
        """The model behind the steps."""
        kind = self.description["kind"]
        name = self.facts.get("class", "KMeans" if kind == "k_means" else "LogisticRegression")
        parameters = {key: from_json(value) for key, value in self.facts.get("parameters", {}).items()}
        attributes = {key: from_json(value) for key, value in self.facts.get("attributes", {}).items()}
        if name == "LogisticRegressionCV":
            # What it found is a logistic regression; how it was found is not kept.
            name = "LogisticRegression"
            ratio = attributes.pop("l1_ratio_", None)
            parameters |= {
                "C": float(np.ravel(attributes.pop("C_"))[0]),
                "l1_ratio": 0.0 if ratio is None or np.ravel(ratio)[0] is None else float(np.ravel(ratio)[0]),
            }
        if kind == "k_means":
            parameters.setdefault("n_clusters", len(self.arrays["cluster_centers"]))
        model = _made(class_of(name), parameters)
        theirs = type(model).__module__.startswith("sklearn.")
        if kind == "k_means":
            model.cluster_centers_ = self.arrays["cluster_centers"].astype(self.dtype)
            if theirs:
                model._n_features_out = len(model.cluster_centers_)
                model._n_threads = _openmp_effective_n_threads()
            if theirs and name == "MiniBatchKMeans":
                # Draws of a continued fit start anew.
                model._random_state = check_random_state(model.random_state)
        else:
            # As fits leave them: sparse predictions of ours read this order without a copy.
            model.coef_ = self.arrays["coef"].astype(self.dtype, order="C" if theirs else "F")
            model.intercept_ = self.arrays["intercept"].astype(self.dtype)
            model.classes_ = self.classes()
        self.note(model, attributes, of=name, named=self.facts.get("named", bool(self.names)), ours=not theirs)
        return model

    def classes(self) -> NDArray[Any]:
        return class_labels.from_file(
            self.description["kind"]["logistic_regression"]["classes"], self.facts.get("classes_dtype")
        )

    def scaler(self, index: int, step: Mapping[str, Any]) -> Any:
        """Step `index` of those that scale."""
        parameters = {key: from_json(value) for key, value in step.get("parameters", {}).items()}
        attributes = {key: from_json(value) for key, value in step.get("attributes", {}).items()}
        said = self.description["scaling"][index]
        content = said[_kind(said)] if isinstance(said, dict) else {}
        vectors = {
            part: self.arrays.get(f"scaling.{index}.{part}")
            for part in ("mean", "scale", "min")
        }  # fmt: skip
        if step["class"] == "StandardScaler":
            parameters |= {"with_mean": vectors["mean"] is not None, "with_std": vectors["scale"] is not None}
        elif step["class"] == "Normalizer":
            parameters["norm"] = content["norm"]
        elif step["class"] == "MinMaxScaler":
            parameters["clip"] = content["clip"] is not None
            if content["clip"] is not None:
                parameters.setdefault("feature_range", tuple(content["clip"]))
        else:
            parameters["clip"] = content["clip"]
        scaler = _made(_SCALERS[step["class"]], parameters)
        for part, vector in vectors.items():
            if vector is not None:
                # What decides answers is the array; its type is noted beside.
                noted = attributes.pop(f"{part}_", None)
                setattr(scaler, f"{part}_", vector.astype(getattr(noted, "dtype", np.float64)))
        self.note(scaler, attributes, of=step["class"], named=step.get("named", False))
        return scaler

    def note(self, estimator: Any, attributes: Mapping[str, Any], *, of: str, named: bool, ours: bool = False) -> None:
        """Sets what a fit leaves besides arrays, and nothing else that a file may name."""
        for name in ATTRIBUTES[of]:
            if name in attributes:
                setattr(estimator, OURS.get(name, name) if ours else name, attributes[name])
        estimator.n_features_in_ = self.columns
        if named and self.names:
            estimator.feature_names_in_ = np.array(self.names, dtype=object)


def _kind(step: Any) -> str:
    return step if isinstance(step, str) else next(iter(step))


def _made(kind: Any, parameters: Mapping[str, Any]) -> Any:
    """An unfitted estimator with those of the parameters that its class has."""
    known = {
        name: value
        for name, value in parameters.items()
        # The mark of a parameter that was not given, which not every version of scikit-learn knows.
        if name in kind._get_param_names() and not (isinstance(value, str) and value == "deprecated")
    }
    if kind.__module__.startswith("sklearn.") and known.get("solver") == "auto":
        # Ours; the minimum is the same by any that has the penalty.
        known["solver"] = "saga" if known.get("l1_ratio") else "lbfgs"
    return kind(**known)
