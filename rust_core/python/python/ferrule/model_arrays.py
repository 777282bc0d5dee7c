"""The numbers of a stored model under their names, and the size of what it computes with them."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrule._core import StoredModel


@dataclass(frozen=True)
class Step:
    """A scaling step; vectors have one value for each column."""

    kind: str
    mean: NDArray[np.float64] | None
    #: An array wherever the kind has one.
    scale: Any
    min: Any
    norm: str | None

    def applied(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rows behind the step, for all that clipping cuts off."""
        match self.kind:
            case "standard_scaler":
                if self.mean is not None:
                    rows = rows - self.mean
                return rows if self.scale is None else rows / self.scale
            case "min_max_scaler":
                return rows * self.scale + self.min
            case "max_abs_scaler":
                return rows / self.scale
        return rows / self._norms(rows)

    def magnitude(self, rows: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sizes behind the step of what is added up there. `rows` and their `sizes` go into the step."""
        match self.kind:
            case "standard_scaler":
                if self.mean is not None:
                    sizes = sizes + np.abs(self.mean)
                return sizes if self.scale is None else sizes / np.abs(self.scale)
            case "min_max_scaler":
                return sizes * np.abs(self.scale) + np.abs(self.min)
            case "max_abs_scaler":
                return sizes / np.abs(self.scale)
        return sizes / self._norms(rows)

    def _norms(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        order = {"l1": 1, "l2": 2, "max": np.inf}[self.norm or "l2"]
        norms = np.linalg.norm(rows, ord=order, axis=1, keepdims=True)
        return np.where(norms > 0, norms, 1.0)


@dataclass(frozen=True)
class ModelArrays:
    """A stored model's arrays."""

    steps: tuple[Step, ...]
    #: K-Means: clusters × columns; else empty.
    centers: NDArray[np.float64]
    #: Logistic regression: 1 or classes × columns; else None.
    coef: NDArray[np.float64] | None
    intercept: NDArray[np.float64]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, stored: StoredModel) -> "ModelArrays":
        """The arrays of a model."""
        description = json.loads(stored.description)
        arrays = stored.arrays()
        steps = []
        for index, step in enumerate(description.get("scaling", [])):
            kind = step if isinstance(step, str) else next(iter(step))
            vectors = [arrays.get(f"scaling.{index}.{part}") for part in ("mean", "scale", "min")]
            norm = step[kind].get("norm") if isinstance(step, dict) else None
            steps.append(Step(kind, *vectors, norm))
        return cls(
            steps=tuple(steps),
            centers=arrays.get("cluster_centers", np.empty((0, stored.columns))),
            coef=arrays.get("coef"),
            intercept=arrays.get("intercept", np.empty(0)),
            dtype=np.dtype(description.get("precision", "float64")),
        )
