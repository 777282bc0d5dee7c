"""Saving and loading models: estimators, ours and scikit-learn's, to and from the files that servers read.

A file holds arrays and JSON, no code: loading one runs nothing. It keeps everything that decides an answer, to the last
digit: centres or coefficients, classes, scaling steps, names of the columns; and parameters, iterations and inertia. It
does not keep the labels of the training rows, nor parameters that are functions or random states.
"""

from os import PathLike
from pathlib import Path
from typing import Any

from ferrule import _core
from ferrule.exporting import export
from ferrule.model_versions import checked_version
from ferrule.restoring import to_ferrule, to_scikit_learn


def save(estimator: Any, path: str | PathLike[str], *, model: str | None = None) -> Path:
    """Writes a fitted estimator to a file, or publishes it in a model repository.

    Args:
        estimator: `KMeans`, `MiniBatchKMeans` or `LogisticRegression` of ferrule or scikit-learn, scikit-learn's
            `LogisticRegressionCV`, or a `Pipeline` of StandardScaler, MinMaxScaler, MaxAbsScaler, Normalizer and one
            of them.
        path: The file, which is replaced; with `model` a repository, which is made if there is none.
        model: The name to publish under, 1 to 64 of ``a-z``, ``0-9``, ``_``, ``-``, ``.``. Servers on the repository
            answer with the new version within `models.poll_interval`.

    Returns:
        The file that was written.

    Raises:
        ValueError: The estimator, or something of it that decides answers, can't be in a file; the message names it.
        NotFittedError: The estimator is not fitted.
        OSError: The file can't be written.
    """
    stored = export(estimator).model
    if model is None:
        stored.write(path)
        return Path(path)
    _, published = stored.prepare(path, model).publish()
    return published


def load(path: str | PathLike[str], *, model: str | None = None, version: int | None = None) -> Any:
    """Reads a fitted estimator of ferrule from a file or from a model repository, whoever wrote it.

    Args:
        path: A file; with `model` a repository.
        model: The model's name.
        version: Its version; None for the newest.

    Returns:
        `ferrule.KMeans`, `ferrule.MiniBatchKMeans` or `ferrule.LogisticRegression`; a scikit-learn `Pipeline` with one of
        them at its end where the file has scaling steps.

    Raises:
        ValueError: The file is damaged or of a later format.
        OSError: There is no such file, model or version.
    """
    return to_ferrule(read(path, model=model, version=version))


def to_sklearn(model: Any) -> Any:
    """The scikit-learn estimator with the same answers.

    Args:
        model: A fitted estimator, or the path of a model file.

    Returns:
        `sklearn.cluster.KMeans`, `sklearn.cluster.MiniBatchKMeans` or `sklearn.linear_model.LogisticRegression` with the
        attributes of a fitted one (without `labels_`); a `Pipeline` where there are steps. What was a
        `LogisticRegressionCV` becomes a `LogisticRegression` with the `C` that was found.

    Raises:
        ValueError: The model can't be represented, or the file is damaged.
    """
    stored = read(model) if isinstance(model, str | PathLike) else export(model).model
    return to_scikit_learn(stored)


def read(path: str | PathLike[str], *, model: str | None = None, version: int | None = None) -> _core.StoredModel:
    """The content of a file, or of a model in a repository."""
    if model is None:
        if version is not None:
            raise ValueError("version: expected together with model")
        if not Path(path).exists():
            raise FileNotFoundError(f"{path}: no such file")
        return _core.StoredModel.read(path)
    selected = None if version is None else checked_version(version)
    newest = _core.repository_entries(path, model, selected)[-1]
    return _core.StoredModel.read(newest.path)
