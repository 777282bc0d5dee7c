"""Arrays to and from the contract's matrices and labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import messages, wire

#: Doubles as the contract writes them.
_DOUBLE = np.dtype("<f8")


def encode(values: npt.ArrayLike, feature_names: Sequence[str] | None = None) -> wire.Parts:
    """A ``Matrix`` of anything that ``numpy.asarray`` makes a 2-D float64 array of.

    The values of a C-contiguous float64 array are not copied here. ``feature_names`` has one name for each column;
    without it, the names of a data frame's columns are taken when all are strings.

    Raises ValueError when the array is not two-dimensional or its values are not numbers.
    """
    if feature_names is None:
        feature_names = _column_names(values)
    array = _doubles(values, "X")
    if array.ndim != 2:
        raise ValueError(f"X: expected 2 dimensions (rows, columns), got shape {array.shape}")
    rows, columns = array.shape
    head = messages.Matrix(rows=rows, columns=columns, feature_names=feature_names or ())
    return [head.SerializeToString(), *wire.field(messages.Matrix, "float64", [_view(array)])]


def encode_weights(values: npt.ArrayLike) -> wire.Parts:
    """The packed ``sample_weight`` of anything that makes a 1-D float64 array. Raises ValueError otherwise."""
    array = _doubles(values, "sample_weight")
    if array.ndim != 1:
        raise ValueError(f"sample_weight: expected 1 dimension, got shape {array.shape}")
    return [_view(array)]


def decode(matrix: Any) -> npt.NDArray[np.float64]:
    """The values of a ``Matrix``, rows × columns, in an array of the caller's own."""
    if matrix.float64:
        values = np.frombuffer(bytearray(matrix.float64), dtype=_DOUBLE).astype(np.float64, copy=False)
    else:
        values = np.array(matrix.values, dtype=np.float64)
    return values.reshape(matrix.rows, matrix.columns)


def encode_labels(values: npt.ArrayLike) -> Any:
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


def decode_labels(labels: Any) -> npt.NDArray[Any]:
    """An int64 array, or an object array of ``str``: as the model was trained."""
    if labels.WhichOneof("kind") == "strings":
        return np.array(list(labels.strings.values), dtype=object)
    return np.array(labels.integers.values, dtype=np.int64)


def _doubles(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    try:
        array = np.asarray(values)
        doubles = array.astype(_DOUBLE, copy=False) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError) as problem:
        raise ValueError(f"{name}: expected numbers, got {problem}") from None
    # NumPy would drop imaginary parts, parse text and count days.
    if doubles is None:
        raise ValueError(f"{name}: expected numbers, got dtype {array.dtype}")
    return doubles


def _view(array: npt.NDArray[np.float64]) -> memoryview:
    # A memoryview with a zero in its shape can't be cast to bytes.
    return np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")


def _column_names(values: object) -> list[str] | None:
    names = getattr(values, "columns", None)
    if names is None:
        return None
    names = list(names)
    return names if all(isinstance(name, str) for name in names) else None
