"""Class labels and clusters to and from the contract's labels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from . import messages

_FEW = 64


def encode(values: npt.ArrayLike) -> Any:
    """``Labels`` of integers or strings, one for each row; booleans are sent as 0 and 1.

    Raises ValueError when they are anything else, mixed, beyond 64 bits or not one-dimensional.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"y: expected 1 dimension, got shape {array.shape}")
    labels = messages.Labels()
    items = array.tolist()
    if all(isinstance(item, int) for item in items):
        try:
            labels.integers.values.extend(map(int, items))
        except (ValueError, OverflowError):
            raise ValueError("y: expected integers of 64 bits") from None
        labels.integers.SetInParent()
    elif all(isinstance(item, str) for item in items):
        labels.strings.values.extend(items)
    else:
        kinds = ", ".join(sorted({type(item).__name__ for item in items}))
        raise ValueError(f"y: expected all integers or all strings, got {kinds}")
    return labels


def decode(labels: Any) -> npt.NDArray[Any]:
    """An int64 array, or an object array of ``str``: as the model was trained."""
    if labels.HasField("strings"):
        return np.array(list(labels.strings.values), dtype=object)
    values = labels.integers.values
    # np.array takes many values at once, and longer than a few take one by one to find out how.
    return np.array(values, np.int64) if len(values) > _FEW else np.fromiter(values, np.int64, len(values))
