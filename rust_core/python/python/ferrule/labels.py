"""Labels as fits take them: distinct ones in order, and the place of each row's among them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

#: Whole numbers within such a range are counted rather than sorted.
_NARROW = 1 << 16


def is_plain_labels(y: Any, rows: int) -> bool:
    """Whether y is an array of a whole number or truth for each row: then no check of it is left."""
    return type(y) is np.ndarray and y.dtype.kind in "biu" and y.shape == (rows,)


def distinct_labels(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """The distinct labels in order, and for each row the place of its label among them: as `numpy.unique` gives them, and
    several times as fast for whole numbers that lie near each other.

    Raises:
        ValueError: The labels are no classes, as `sklearn.utils.multiclass.check_classification_targets` says.
    """
    counted = _counted(labels)
    if counted is None:
        check_classification_targets(labels)
        classes, places = np.unique(labels, return_inverse=True)
        return classes, places.astype(np.uint32)
    if 2 * len(counted[0]) >= len(labels):
        # It warns of labels that are nearly all distinct.
        check_classification_targets(labels)
    return counted


def _counted(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint32]] | None:
    """`distinct_labels` of whole numbers (or truths) within a narrow range; None for others."""
    if labels.dtype.kind not in "biu" or labels.ndim != 1 or not len(labels):
        return None
    least, most = int(labels.min()), int(labels.max())
    if most - least >= _NARROW:
        return None
    # Differences of 64-bit numbers are right even where the numbers themselves wrap around.
    offsets = labels.astype(np.int64, copy=False)
    if least:
        offsets = offsets - np.array(least).astype(labels.dtype).astype(np.int64)
    counts = np.bincount(offsets)
    present = np.flatnonzero(counts)
    classes = np.array([least + int(offset) for offset in present], dtype=labels.dtype)
    if len(present) == len(counts):
        return classes, offsets.astype(np.uint32)
    places = np.zeros(len(counts), dtype=np.uint32)
    places[present] = np.arange(len(present), dtype=np.uint32)
    return classes, places[offsets]
