"""The numbers of a stored model under their names, and the size of what it computes with them."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrule._core import StoredModel

#: float64 numbers.
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """A scaling step; vectors have one value for each column, those that the step lacks the one that changes nothing."""

    kind: str
    mean: Numbers
    scale: Numbers
    min: Numbers
    norm: str | None

    def applied(self, rows: Numbers) -> Numbers:
        """The rows behind the step, with all that clipping cuts off."""
        match self.kind:
            case "normalizer":
                rows = rows / self._norms(rows)
            case "min_max_scaler":
                rows = rows * self.scale + self.min
            case _:
                rows = (rows - self.mean) / self.scale
        return rows

    def undone(self, rows: Numbers) -> Numbers:
        """Rows that the step makes into these; any length stands for a normalised one."""
        match self.kind:
            case "normalizer":
                rows = rows * np.exp(np.random.default_rng(1).normal(size=(len(rows), 1)))
            case "min_max_scaler":
                rows = (rows - self.min) / self.scale
            case _:
                rows = rows * self.scale + self.mean
        return rows

    def magnitude(self, rows: Numbers, sizes: Numbers) -> Numbers:
        """The sizes behind the step of what is added up there. `rows` and their `sizes` go into the step."""
        match self.kind:
            case "normalizer":
                sizes = sizes / self._norms(rows)
            case "min_max_scaler":
                sizes = sizes * np.abs(self.scale) + np.abs(self.min)
            case _:
                sizes = (sizes + np.abs(self.mean)) / np.abs(self.scale)
        return sizes

    def _norms(self, rows: Numbers) -> Numbers:
        order = {"l1": 1, "l2": 2, "max": np.inf}[self.norm or "l2"]
        norms = np.linalg.norm(rows, ord=order, axis=1, keepdims=True)
        return np.where(norms > 0, norms, 1.0)


@dataclass(frozen=True)
class ModelArrays:
    """A stored model's arrays."""

    kind: str
    steps: tuple[Step, ...]
    #: K-Means: clusters × columns.
    centers: Numbers
    #: Logistic regression: 1 or classes × columns, and one for each row.
    coef: Numbers
    intercept: Numbers
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, stored: StoredModel) -> "ModelArrays":
        """The arrays of a model."""
        description = json.loads(stored.description)
        arrays = stored.arrays()
        steps = []
        for index, step in enumerate(description.get("scaling", [])):
            kind = step if isinstance(step, str) else next(iter(step))
            ones = np.ones(stored.columns)
            mean, scale, minimum = (
                arrays.get(f"scaling.{index}.{part}", otherwise)
                for part, otherwise in (("mean", 0 * ones), ("scale", ones), ("min", 0 * ones))
            )
            norm = step[kind].get("norm") if isinstance(step, dict) else None
            steps.append(Step(kind, mean, scale, minimum, norm))
        return cls(
            kind=stored.kind,
            steps=tuple(steps),
            centers=arrays.get("cluster_centers", np.empty((0, stored.columns))),
            coef=arrays.get("coef", np.empty((0, stored.columns))),
            intercept=arrays.get("intercept", np.empty(0)),
            dtype=np.dtype(description.get("precision", "float64")),
        )
