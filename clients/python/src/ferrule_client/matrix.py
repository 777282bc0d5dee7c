"""Rows and answers to and from the contract's matrices."""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from . import messages, wire
from .rows import Floats, Rows, floats, is_sparse


def encode(rows: Rows) -> wire.Parts:
    """A ``Matrix`` of rows. Values that lie row after row, and indices of 32 bits, are not copied here.

    Raises ValueError when there are more rows or columns than the contract can count.
    """
    values = rows.values
    head = _head(*values.shape, rows.names)
    if is_sparse(values):
        # SciPy allows room after the last value.
        count = int(values.indptr[-1])
        places = wire.field(messages.Csr, "indptr", [_integers(values.indptr, 8)])
        places += wire.field(messages.Csr, "indices", [_integers(values.indices[:count], 4)])
        return [head, *wire.field(messages.Matrix, "csr", places), *_numbers(values.data[:count])]
    return [head, *_numbers(values)]


def encode_weights(values: npt.ArrayLike) -> wire.Parts:
    """The packed ``sample_weight`` of anything that makes a 1-D float64 array. Raises ValueError otherwise."""
    array = floats(np.asarray(values), "sample_weight")
    if array.ndim != 1:
        raise ValueError(f"sample_weight: expected 1 dimension, got shape {array.shape}")
    return [np.ascontiguousarray(array, dtype="<f8").data]


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


@lru_cache(maxsize=64)
def _head(rows: int, columns: int, names: tuple[str, ...]) -> bytes:
    try:
        head: bytes = messages.Matrix(rows=rows, columns=columns, feature_names=names).SerializeToString()
    except ValueError:
        raise ValueError(f"X: expected less than 2^32 rows and columns, got {rows} × {columns}") from None
    return head


def _numbers(values: npt.NDArray[Any]) -> wire.Parts:
    return wire.field(
        messages.Matrix, "float32" if values.dtype.itemsize == 4 else "float64", [np.ascontiguousarray(values).data]
    )


def _integers(values: npt.NDArray[Any], width: int) -> memoryview:
    # What is not negative has the same bytes with and without a sign.
    return np.ascontiguousarray(values, dtype=f"<i{width}").data
