"""Rows to compare a model with its source on, at the model's own scale."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrule.model_arrays import ModelArrays, Step

#: Most rows that are made when none are given, and most values in them.
ROWS, VALUES = 1000, 1 << 24


def made_for(model: ModelArrays) -> NDArray[np.float64]:
    """Rows around the centres and between them, or on both sides of where one class meets another.

    They are drawn behind the scaling steps, then sent back through the steps. The same model gets the same rows.
    """
    draw = np.random.default_rng(0)
    count = max(1, min(ROWS, VALUES // (model.centers if model.coef is None else model.coef).shape[1]))
    rows = (
        _around_centers(draw, count, model.centers)
        if model.coef is None
        else _near_boundaries(draw, count, model.coef, model.intercept)
    )
    for step in reversed(model.steps):
        rows = _before(step, rows)
    return rows


def _around_centers(draw: np.random.Generator, count: int, centers: NDArray[np.float64]) -> NDArray[np.float64]:
    first, second = draw.integers(len(centers), size=(2, count))
    share = draw.random((count, 1)) * draw.integers(2, size=(count, 1))
    spread = _positive(centers.std(axis=0))
    places = centers[first] * (1 - share) + centers[second] * share
    return places + draw.normal(scale=0.3, size=(count, centers.shape[1])) * spread


def _near_boundaries(
    draw: np.random.Generator, count: int, coefficients: NDArray[np.float64], intercepts: NDArray[np.float64]
) -> NDArray[np.float64]:
    if len(coefficients) == 1:
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([[0.0], intercepts])
    columns = coefficients.shape[1]
    largest = _positive(np.abs(coefficients).max(axis=0))
    # A column with a tiny coefficient would get rows of any size.
    largest = np.maximum(largest, largest.max() * 1e-3)
    rows = draw.normal(size=(count, columns)) * 3 / (largest * np.sqrt(columns))
    first = draw.integers(len(coefficients), size=count)
    second = (first + draw.integers(1, len(coefficients), size=count)) % len(coefficients)
    across = coefficients[first] - coefficients[second]
    lead = np.einsum("ij,ij->i", rows, across) + intercepts[first] - intercepts[second]
    wanted = draw.normal(scale=2, size=count)
    length = np.einsum("ij,ij->i", across, across)
    moved = np.divide(wanted - lead, length, out=np.zeros(count), where=length > 0)
    moved_rows: NDArray[np.float64] = rows + moved[:, None] * across
    return moved_rows


def _before(step: Step, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that the step makes into these, but for what it cuts off or shortens."""
    match step.kind:
        case "standard_scaler":
            if step.scale is not None:
                rows = rows * step.scale
            return rows if step.mean is None else rows + step.mean
        case "min_max_scaler":
            return (rows - step.min) / step.scale
        case "max_abs_scaler":
            return rows * step.scale
    return rows * np.exp(np.random.default_rng(1).normal(size=(len(rows), 1)))


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values; where one is 0, 1."""
    return np.where(values > 0, values, 1.0)


