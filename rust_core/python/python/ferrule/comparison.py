"""How far a stored model's answers are from those of the estimator that it was made of.

Both sides round. What the source may be off by its own rounding is known from its formulas: a sum of n products is off by
at most about n × ε × the sum of the products' sizes (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed.,
section 3.1), with the ε of the type that it computes in. A difference above that means that the model is another one.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ferrule import _core
from ferrule.model_arrays import ModelArrays, Numbers

#: Values of rows that are looked at together.
BATCH_VALUES = 1 << 22


@dataclass(frozen=True)
class Difference:
    """One output's."""

    output: str
    #: The largest absolute difference; for labels, the number of rows whose labels differ.
    largest: float
    #: What rounding allows for, where the difference is the largest share of it.
    allowed: float
    #: The largest share of what is allowed; above 1 the answers differ.
    share: float

    @property
    def passed(self) -> bool:
        """Whether rounding explains it."""
        return self.share <= 1


@dataclass(frozen=True)
class Comparison:
    """All outputs of a model."""

    rows: int
    dtype: str
    #: Rows whose labels differ because two are equally near within the source's rounding; they do not count as different.
    ties: int
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether the answers are those of the source."""
        return all(difference.passed for difference in self.differences)


def compared(source: Any, stored: _core.StoredModel, rows: Any) -> Comparison:
    """Asks both for every output.

    Args:
        source: The fitted estimator.
        stored: What was made of it.
        rows: A float64 or float32 array, or a CSR matrix, with at least one row.
    """
    model = ModelArrays.of(stored)
    count = max(1, BATCH_VALUES // rows.shape[1])
    with warnings.catch_warnings():
        # Rows have no names here, and the estimator may have been fitted with some.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        batches = [
            _Batch(source, stored, model, rows[start : start + count]) for start in range(0, rows.shape[0], count)
        ]
    different = sum(batch.different for batch in batches)
    differences = [Difference("labels", different, 0, np.inf if different else 0)]
    for outputs in zip(*(batch.outputs for batch in batches), strict=True):
        worst = max(outputs, key=lambda one: one.share)
        largest = max(one.largest for one in outputs)
        differences.append(Difference(worst.output, largest, worst.allowed, worst.share))
    ties = sum(batch.ties for batch in batches)
    return Comparison(rows.shape[0], str(rows.dtype), ties, tuple(differences))


class _Batch:
    """Some of the rows."""

    def __init__(self, source: Any, stored: _core.StoredModel, model: ModelArrays, rows: Any) -> None:
        x: Any = np.ascontiguousarray(rows) if not sparse.issparse(rows) else _csr(rows)
        rounding = _Rounding(model, rows, single=_single(source, rows))
        if model.kind == "k_means":
            distances = stored.transform(x)
            self.outputs = [_difference("distances", source.transform(rows), distances, rounding.distances(distances))]
            labels: Any = stored.predict(x).astype(np.int64)
            # By what the source tells clusters apart: the highest wins.
            values, allowed = -(distances**2), rounding.squared_distances()
        else:
            scores = stored.decision_function(x)
            theirs = np.asarray(source.decision_function(rows)).reshape(scores.shape)
            allowed = rounding.scores()
            self.outputs = [
                _difference("decision function", theirs, scores, allowed),
                _difference(
                    "probabilities", source.predict_proba(rows), stored.predict_proba(x), rounding.probabilities()
                ),
            ]
            labels = source.classes_[stored.predict(x)]
            # Two classes have one score, that of the second; that of the first is 0.
            values = np.column_stack([np.zeros(len(scores)), scores]) if scores.shape[1] == 1 else scores
        differ = np.flatnonzero(np.asarray(source.predict(rows) != labels))
        #: Rows with another label, of which so many are as good as undecided.
        self.ties = _ties(values[differ], allowed[differ])
        self.different = len(differ) - self.ties


def _single(source: Any, rows: Any) -> bool:
    """Whether the source computes anything in float32: the rows, or an array of one of its steps."""
    parts = [source, *(step for _, step in getattr(source, "steps", ()) if not isinstance(step, str | None))]
    arrays = (value for part in parts for value in vars(part).values())
    return rows.dtype == np.float32 or any(getattr(array, "dtype", None) == np.float32 for array in arrays)


def _csr(rows: Any) -> Any:
    return rows.data, rows.indices, rows.indptr, rows.shape


def _difference(output: str, theirs: Any, ours: Numbers, allowed: Numbers) -> Difference:
    differences = np.abs(np.asarray(theirs, dtype=np.float64) - ours)
    shares = np.divide(differences, allowed, out=np.where(differences > 0, np.inf, 0.0), where=allowed > 0)
    worst = np.unravel_index(np.argmax(shares), shares.shape)
    return Difference(output, float(differences.max()), float(allowed[worst]), float(shares[worst]))


def _ties(values: Numbers, allowed: Numbers) -> int:
    """Rows in which the best two values are nearer to each other than both together may be off."""
    if len(values) == 0 or values.shape[1] < 2:
        return 0
    ordered = np.sort(values, axis=1)
    return int(np.count_nonzero(ordered[:, -1] - ordered[:, -2] <= 2 * allowed.max(axis=1)))


class _Rounding:
    """What each answer of the source may be off by, in the type that it computes in."""

    def __init__(self, model: ModelArrays, rows: Any, *, single: bool) -> None:
        values = np.asarray(rows.toarray() if sparse.issparse(rows) else rows, dtype=np.float64)
        sizes = np.abs(values)
        for step in model.steps:
            values, sizes = step.applied(values), step.magnitude(values, sizes)
        self._model = model
        self._sizes = sizes
        self._epsilon = float(np.finfo(np.float32 if single else np.float64).eps)
        # A few more than the columns: the steps round too.
        self._roundings = (rows.shape[1] + 8) * self._epsilon

    def squared_distances(self) -> Numbers:
        """By ‖x‖² − 2x·c + ‖c‖², which loses what the three have in common."""
        lengths = np.linalg.norm(self._sizes, axis=1)[:, None] + np.linalg.norm(self._model.centers, axis=1)
        allowed: Numbers = self._roundings * lengths**2
        return allowed

    def distances(self, distances: Numbers) -> Numbers:
        """|√a − √b| is |a − b| / (√a + √b), and at most √|a − b|."""
        squared = self.squared_distances()
        allowed: Numbers = squared / np.maximum(distances, np.sqrt(squared)) + self._epsilon * distances
        return allowed

    def scores(self) -> Numbers:
        """A sum of products for each class."""
        sums = self._sizes @ np.abs(self._model.coef).T + np.abs(self._model.intercept)
        allowed: Numbers = self._roundings * sums
        return allowed

    def probabilities(self) -> Numbers:
        """A probability moves by less than twice what the scores move by."""
        most: Numbers = 2 * self.scores().max(axis=1, keepdims=True) + 8 * self._epsilon
        return np.broadcast_to(most, (len(most), max(2, len(self._model.intercept))))
