"""Clusters far from the origin keep their rows, wherever the rows' own rounding leaves them apart.

Run as a program, it prints how many rows each library labels otherwise than the rows themselves say::

    python test_shifted_blobs.py
"""

# ruff: noqa: T201 (it is a program too)
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from ferrule import KMeans, MiniBatchKMeans
from scipy import sparse

SHIFTS = [1e3, 1e4, 1e5, 1e6]
DTYPES = ["float64", "float32"]
LAYOUTS = ["dense", "CSR"]
PLACES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])


def blobs(shift: float, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Three blobs (σ = 0.5) shifted in both columns and rounded to the type; and the place that each row was drawn around."""
    random = np.random.RandomState(0)
    places = random.randint(0, 3, 3000)
    rows = PLACES[places] + 0.5 * random.normal(size=(3000, 2)) + shift
    return rows.astype(dtype), places


def truth(rows: np.ndarray, shift: float) -> np.ndarray:
    """The clusters of the rows as they are: Lloyd's algorithm to the end on rows moved back, which is exact in float64."""
    here = rows.astype(np.float64) - shift
    centers, labels = PLACES, np.full(len(here), -1)
    while True:
        after = ((here[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        if np.array_equal(after, labels):
            return labels
        labels = after
        centers = np.array([here[labels == cluster].mean(axis=0) for cluster in range(3)])


def wrong(kind: Any, shift: float, dtype: str, layout: str) -> tuple[int, int]:
    """How many rows `fit` and `predict` label otherwise, the clusters numbered as suits best."""
    rows, _ = blobs(shift, dtype)
    right = truth(rows, shift)
    given = sparse.csr_matrix(rows) if layout == "CSR" else rows
    model = kind(3, random_state=0, tol=0.0).fit(given)
    counts = []
    for labels in (model.labels_, model.predict(given)):
        table = np.zeros((3, 3), int)
        np.add.at(table, (labels, right), 1)
        renamed = table.argmax(axis=1)
        counts.append(int((renamed[labels] != right).sum()))
    return counts[0], counts[1]


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_shifted_blobs_keep_their_rows(shift: float, dtype: str, layout: str) -> None:
    assert wrong(KMeans, shift, dtype, layout) == (0, 0)


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_mini_batches_keep_them_too(shift: float, layout: str) -> None:
    rows, places = blobs(shift, "float64")
    given = sparse.csr_matrix(rows) if layout == "CSR" else rows
    labels = MiniBatchKMeans(3, random_state=0).fit(given).labels_
    agreeing = sum(np.bincount(places[labels == cluster]).max() for cluster in range(3))
    assert agreeing >= 0.999 * len(rows)


def main() -> None:
    """Prints the table."""
    print("rows of 3000 that fit / predict label otherwise than exact arithmetic does")
    print(f"{'type':8} {'layout':6} {'shift':>6} {'ferrule':>12} {'scikit-learn':>14}")
    for dtype in DTYPES:
        for layout in LAYOUTS:
            for shift in SHIFTS:
                ours, theirs = (wrong(kind, shift, dtype, layout) for kind in (KMeans, sklearn.cluster.KMeans))
                cells = [f"{fit} / {predict}" for fit, predict in (ours, theirs)]
                print(f"{dtype:8} {layout:6} {shift:6.0e} {cells[0]:>12} {cells[1]:>14}")


if __name__ == "__main__":
    main()
