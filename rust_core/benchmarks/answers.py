"""Whether a subject's answer is right: judged here, in float64, by the rows and not by what the subject says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from .data import Arrays
from .works import GAPS, Work

#: Relative difference of inertia that is allowed.
INERTIA = {"float64": 1e-6, "float32": 1e-4}
#: The same for who drew other first centres: another way to the same clusters stops at another point within the tolerance.
INERTIA_OF_OTHER_DRAWS = 1e-4
#: Difference of a centre's coordinate or of a probability that is allowed.
VALUES = {"float64": 1e-9, "float32": 2e-5}
#: How much farther than the nearest centre a row's own may be, as a part of the squared lengths in play: rounding.
NEAREST = {"float64": 1e-12, "float32": 1e-5}
_BLOCK = 65_536


@dataclass(frozen=True)
class Score:
    """What an answer comes to, by which it is compared with others'."""

    value: float
    """Inertia, or the final objective; 0 where only ``error`` counts."""
    error: float
    """Distance from what is known to be right, in parts of what is allowed: at most 1."""
    n_iter: int | None


@dataclass(frozen=True)
class Verdict:
    """Of an answer beside the others."""

    right: bool
    words: str
    """How far it is off, for people."""


def rows_of(arrays: Arrays) -> Any:
    """The rows: an array, or CSR."""
    if "X" in arrays:
        return arrays["X"]
    parts = (arrays["X_data"], arrays["X_indices"], arrays["X_indptr"])
    return sparse.csr_matrix(parts, shape=tuple(arrays["X_shape"].tolist()))


def score(work: Work, arrays: Arrays, found: Arrays, said: Mapping[str, Any]) -> Score:
    """Scores an answer. Raises ValueError when it has not the right shape."""
    value, error = _SCORES[work.task](work, arrays, found)
    return Score(value, error, said.get("n_iter"))


def verdict(work: Work, one: Score, reference: Score, lowest: float, *, other_draws: bool = False) -> Verdict:
    """Holds a score against scikit-learn's, and for a loss against the lowest of all.

    ``other_draws`` is for a subject that drew other first centres than scikit-learn did.
    """
    if not (np.isfinite(one.value) and one.error <= 1):
        return Verdict(False, f"answers differ by {one.error:.3g} times what is allowed")
    if work.task == "kmeans-fit":
        off = abs(one.value - reference.value) / reference.value
        if other_draws:
            # They may end in a lower minimum.
            right = one.value < reference.value or off <= INERTIA_OF_OTHER_DRAWS
            return Verdict(right, f"inertia off by {off:.1e}, from other draws")
        if one.n_iter is not None and one.n_iter != reference.n_iter:
            return Verdict(False, f"{one.n_iter} iterations, scikit-learn's fit has {reference.n_iter}")
        return Verdict(off <= INERTIA[work.dtype], f"inertia off by {off:.1e}")
    if work.task == "logistic-fit":
        gap = (one.value - lowest) / abs(lowest)
        return Verdict(gap <= work.options.get("gap", GAPS[work.dtype]), f"objective {gap:.1e} above the lowest")
    return Verdict(True, f"off by {one.error:.1g} of what is allowed")


def squared_distances(rows: Any, centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every row to every centre; only good for finding the nearest."""
    products = np.asarray(rows @ centers.T)
    squares = rows.multiply(rows).sum(axis=1) if sparse.issparse(rows) else np.einsum("ij,ij->i", rows, rows)
    distances: NDArray[np.float64] = np.asarray(squares).reshape(-1, 1) - 2 * products + (centers**2).sum(axis=1)
    return distances


def inertia(rows: Any, centers: NDArray[Any]) -> float:
    """Sum of squared distances to the nearest centre: dense rows by differences, sparse ones by products."""
    total = 0.0
    centers = np.asarray(centers, dtype=np.float64)
    for start in range(0, rows.shape[0], _BLOCK):
        block = rows[start : start + _BLOCK].astype(np.float64)
        if sparse.issparse(block):
            total += float(squared_distances(block, centers).min(axis=1).sum())
        else:
            # By the mean of the centres: products lose fewer digits there.
            middle = centers.mean(axis=0)
            nearest = squared_distances(block - middle, centers - middle).argmin(axis=1)
            total += float(((block - centers[nearest]) ** 2).sum())
    return total


def objective(
    rows: Any, labels: NDArray[Any], coef: NDArray[Any], intercept: NDArray[Any], options: Mapping[str, Any]
) -> float:
    """C × the summed loss, plus the penalty, divided by C × rows: scikit-learn's objective for each row."""
    coef = np.asarray(coef, dtype=np.float64)
    scores = np.asarray(rows.astype(np.float64) @ coef.T) + np.asarray(intercept, dtype=np.float64)
    if len(coef) == 1:
        margins = np.where(labels == 1, scores[:, 0], -scores[:, 0])
        loss = float(np.logaddexp(0.0, -margins).sum())
    else:
        own = scores[np.arange(len(labels)), labels]
        loss = float((special.logsumexp(scores, axis=1) - own).sum())
    ratio = options["l1_ratio"]
    penalty = ratio * float(np.abs(coef).sum()) + (1 - ratio) / 2 * float((coef**2).sum())
    return float((loss + penalty / options["C"]) / rows.shape[0])


def _of_kmeans_fit(_work: Work, arrays: Arrays, found: Arrays) -> tuple[float, float]:
    centers = found["centers"]
    if centers.shape != arrays["init"].shape or not np.isfinite(centers).all():
        raise ValueError(f"expected {arrays['init'].shape} finite centres, got {centers.shape}")
    return inertia(rows_of(arrays), centers), 0.0


def _of_partial_fit(work: Work, arrays: Arrays, found: Arrays) -> tuple[float, float]:
    from sklearn.cluster import MiniBatchKMeans

    oracle = MiniBatchKMeans(
        work.options["n_clusters"], init=arrays["init"], n_init=1, random_state=0, reassignment_ratio=0.0
    )
    for _ in range(3):
        oracle.partial_fit(arrays["X"])
    error = np.abs(found["centers"] - oracle.cluster_centers_).max() / np.abs(oracle.cluster_centers_).max()
    return 0.0, float(error) / VALUES[work.dtype]


def _of_kmeans_predict(work: Work, arrays: Arrays, found: Arrays) -> tuple[float, float]:
    rows = arrays["X"][: work.options["rows"]].astype(np.float64)
    centers, labels = arrays["init"].astype(np.float64), found["labels"]
    if labels.shape != (len(rows),) or labels.min() < 0 or labels.max() >= len(centers):
        raise ValueError(f"expected a label below {len(centers)} for each of {len(rows)} rows")
    worst = 0.0
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        distances = ((block[:, None, :] - centers) ** 2).sum(axis=2)
        own = np.take_along_axis(distances, labels[start : start + _BLOCK, None].astype(np.int64), axis=1)[:, 0]
        scale = (block**2).sum(axis=1) + (centers**2).sum(axis=1).max()
        worst = max(worst, float(((own - distances.min(axis=1)) / scale).max()))
    return 0.0, worst / NEAREST[work.dtype]


def _of_logistic_fit(work: Work, arrays: Arrays, found: Arrays) -> tuple[float, float]:
    rows, classes = rows_of(arrays), work.options["n_classes"]
    expected = (1 if classes == 2 else classes, rows.shape[1])
    if found["coef"].shape != expected:
        raise ValueError(f"expected coefficients of shape {expected}, got {found['coef'].shape}")
    return objective(rows, arrays["y"], found["coef"], found["intercept"], work.options), 0.0


def _of_logistic_predict(work: Work, arrays: Arrays, found: Arrays) -> tuple[float, float]:
    rows = rows_of(arrays).astype(np.float64)
    scores = np.asarray(rows @ arrays["coef"].astype(np.float64).T) + arrays["intercept"].astype(np.float64)
    # Two classes have one score: the second's, with the first's at 0.
    both = np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores
    expected = special.softmax(both, axis=1)
    if found["probabilities"].shape != expected.shape:
        raise ValueError(f"expected probabilities of shape {expected.shape}, got {found['probabilities'].shape}")
    return 0.0, float(np.abs(found["probabilities"] - expected).max()) / VALUES[work.dtype]


_SCORES: Mapping[str, Callable[[Work, Arrays, Arrays], tuple[float, float]]] = {
    "kmeans-fit": _of_kmeans_fit,
    "kmeans-partial-fit": _of_partial_fit,
    "kmeans-predict": _of_kmeans_predict,
    "logistic-fit": _of_logistic_fit,
    "logistic-predict": _of_logistic_predict,
}
