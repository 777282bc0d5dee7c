"""Rows and answers to and from the contract's matrices."""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from . import messages, wire
from .rows import Floats, Rows, floats

#: The fields for numbers, by their bytes.
_ENCODINGS = {4: "float32", 8: "float64"}

_FEW_BYTES = 4096


def encode(rows: Rows) -> wire.Parts:
    """A ``Matrix`` of rows. Many values that lie row after row, and indices of 32 bits, are not copied here.

    Raises ValueError when there are more rows or columns than the contract can count.
    """
    values, names = rows
    if isinstance(values, np.ndarray):
        return [_head(*values.shape, names, values.dtype.itemsize), _buffer(values)]
    # SciPy allows room after the last value.
    count = int(values.indptr[-1])
    places = wire.field(messages.Csr, "indptr", [_integers(values.indptr, 8)])
    places += wire.field(messages.Csr, "indices", [_integers(values.indices[:count], 4)])
    entries = wire.field(messages.Matrix, _ENCODINGS[values.dtype.itemsize], [_buffer(values.data[:count])])
    height, width = values.shape
    return [_shape(height, width, names), *wire.field(messages.Matrix, "csr", places), *entries]


def encode_weights(values: npt.ArrayLike) -> wire.Parts:
    """The packed ``sample_weight`` of anything that makes a 1-D float64 array. Raises ValueError otherwise."""
    array = floats(np.asarray(values), "sample_weight")
    if array.ndim != 1:
        raise ValueError(f"sample_weight: expected 1 dimension, got shape {array.shape}")
    return [_buffer(array.astype("<f8", copy=False))]


def decode(matrix: Any) -> Floats:
    """The values of a dense ``Matrix``, rows × columns, of the type that it has, in an array of the caller's own."""
    values: Floats
    if matrix.float64:
        values = np.frombuffer(matrix.float64, dtype="<f8").astype(np.float64)
    elif matrix.float32:
        values = np.frombuffer(matrix.float32, dtype="<f4").astype(np.float32)
    else:
        values = np.array(matrix.values, dtype=np.float64)
    return values.reshape(matrix.rows, matrix.columns)


# Most callers send rows of few shapes.
@lru_cache(maxsize=64)
def _head(rows: int, columns: int, names: tuple[str, ...], width: int) -> bytes:
    """All but the values of a dense matrix, whose numbers have ``width`` bytes."""
    return _shape(rows, columns, names) + wire.head(messages.Matrix, _ENCODINGS[width], rows * columns * width)


def _shape(rows: int, columns: int, names: tuple[str, ...]) -> bytes:
    try:
        shape: bytes = messages.Matrix(rows=rows, columns=columns, feature_names=names).SerializeToString()
    except ValueError:
        raise ValueError(f"X: expected less than 2^32 rows and columns, got {rows} × {columns}") from None
    return shape


def _integers(values: npt.NDArray[Any], width: int) -> bytes | memoryview:
    # What is not negative has the same bytes with and without a sign.
    return _buffer(values.astype(f"<i{width}", copy=False))


def _buffer(values: npt.NDArray[Any]) -> bytes | memoryview:
    """The values' bytes, row after row. To copy a few of them takes less time than not to."""
    return values.tobytes() if values.nbytes < _FEW_BYTES else np.ascontiguousarray(values).data
