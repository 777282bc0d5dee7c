"""Rows to compare a model with its source on, at the model's own scale."""

import numpy as np

from ferrule.model_arrays import ModelArrays, Numbers

#: Most rows that are made when none are given, and most values in them.
ROWS, VALUES = 1000, 1 << 24


def made_for(model: ModelArrays) -> Numbers:
    """Rows around the centres and between them, or on both sides of where one class meets another.

    They are drawn behind the scaling steps, then sent back through the steps. The same model gets the same rows.
    """
    draw = np.random.default_rng(0)
    count = max(1, min(ROWS, VALUES // model.centers.shape[1]))
    if model.kind == "k_means":
        rows = _around_centers(draw, count, model.centers)
    else:
        rows = _near_boundaries(draw, count, model.coef, model.intercept)
    for step in reversed(model.steps):
        rows = step.undone(rows)
    return rows


def _around_centers(draw: np.random.Generator, count: int, centers: Numbers) -> Numbers:
    first, second = draw.integers(len(centers), size=(2, count))
    share = draw.random((count, 1)) * draw.integers(2, size=(count, 1))
    spread = _positive(centers.std(axis=0))
    places = centers[first] * (1 - share) + centers[second] * share
    rows: Numbers = places + draw.normal(scale=0.3, size=(count, centers.shape[1])) * spread
    return rows


def _near_boundaries(draw: np.random.Generator, count: int, coefficients: Numbers, intercepts: Numbers) -> Numbers:
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
    moved_rows: Numbers = rows + moved[:, None] * across
    return moved_rows


def _positive(values: Numbers) -> Numbers:
    """The values; where one is 0, 1."""
    return np.where(values > 0, values, 1.0)
