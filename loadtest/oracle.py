"""The right answers: scikit-learn fitted to the rows of a scenario."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn import cluster, datasets, linear_model

from .scenario import Algorithm, Model

#: Rows that the model was not fitted to; requests are made of these.
HELD_OUT = 256
#: Convergence of logistic regression: tight, so that whoever fits finds the same minimum.
TOLERANCE = 1e-8
MAX_ITERATIONS = 10_000
#: Rows whose two best classes are closer than this, as probabilities, are not asked: their label is nobody's to give.
_MARGIN = 1e-3


@dataclass(frozen=True, eq=False)
class Oracle:
    """A fitted model's data and answers. Rows are a dense array or a SciPy CSR array."""

    training: Any
    targets: npt.NDArray[np.int64] | None
    """The class of each training row; None for K-Means."""
    rows: Any
    """Rows that the model was not fitted to."""
    labels: npt.NDArray[np.int64]
    """scikit-learn's label of each of them."""
    arrays: Mapping[str, npt.NDArray[Any]]
    """The model: ``centers``; or ``coef``, ``intercept`` and ``classes``."""

    def save(self, file: Path) -> None:
        """Writes the arrays as ``.npz``."""
        np.savez(file, allow_pickle=False, **self.arrays)


def of(model: Model) -> Oracle:
    """Draws the rows and fits."""
    return _k_means(model) if model.algorithm is Algorithm.K_MEANS else _logistic(model)


def blobs(rows: int, model: Model) -> npt.NDArray[np.float64]:
    """So many rows around the model's number of centres."""
    drawn, _ = datasets.make_blobs(rows, n_features=model.columns, centers=model.clusters, random_state=model.seed)
    return np.asarray(drawn, dtype=np.float64)


def cluster_labels(rows: npt.NDArray[np.float64], clusters: int, seed: int) -> npt.NDArray[np.int64]:
    """What K-Means labels the rows that it is fitted to."""
    fitted = cluster.KMeans(n_clusters=clusters, n_init=1, random_state=seed).fit(rows)
    return np.asarray(fitted.labels_, dtype=np.int64)


def _k_means(model: Model) -> Oracle:
    drawn = blobs(model.training_rows + HELD_OUT, model)
    training, rows = drawn[: model.training_rows], drawn[model.training_rows :]
    fitted = cluster.KMeans(n_clusters=model.clusters, n_init=1, random_state=model.seed).fit(training)
    return Oracle(training, None, rows, fitted.predict(rows).astype(np.int64), {"centers": fitted.cluster_centers_})


def _logistic(model: Model) -> Oracle:
    random = np.random.default_rng(model.seed)
    classes = model.classes or 2
    count = model.training_rows + HELD_OUT
    if model.nonzeros is None:
        drawn: Any = random.standard_normal((count, model.columns))
        truth = random.standard_normal((model.columns, classes))
        scores = drawn @ truth
    else:
        columns = random.integers(0, model.columns, (count, model.nonzeros), dtype=np.int32)
        columns.sort(axis=1)
        indptr = np.arange(0, count * model.nonzeros + 1, model.nonzeros, dtype=np.int64)
        values = random.standard_normal(count * model.nonzeros)
        drawn = scipy.sparse.csr_array((values, columns.ravel(), indptr), shape=(count, model.columns))
        scores = drawn @ random.standard_normal((model.columns, classes))
    targets = np.argmax(scores + random.gumbel(size=scores.shape), axis=1).astype(np.int64)
    training = drawn[: model.training_rows]
    fitted = linear_model.LogisticRegression(tol=TOLERANCE, max_iter=MAX_ITERATIONS).fit(
        training, targets[: model.training_rows]
    )
    held_out = drawn[model.training_rows :]
    best = np.sort(fitted.predict_proba(held_out), axis=1)
    clear = np.flatnonzero(best[:, -1] - best[:, -2] > _MARGIN)
    rows = held_out[clear]
    arrays = {"coef": fitted.coef_, "intercept": fitted.intercept_, "classes": fitted.classes_}
    return Oracle(training, targets[: model.training_rows], rows, fitted.predict(rows).astype(np.int64), arrays)
