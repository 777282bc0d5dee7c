"""Arrays survive the way to the wire and back."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from ferrule_client import labels, matrix, messages, wire
from ferrule_client.rows import Rows
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays


def parsed(parts: wire.Parts) -> Any:
    return messages.Matrix.FromString(b"".join(parts))


@given(arrays.arrays(np.float64, st.tuples(st.integers(0, 40), st.integers(0, 40))))
def test_a_matrix_survives(values: Any) -> None:
    message = parsed(matrix.encode(Rows.of(values)))
    assert (message.rows, message.columns) == values.shape
    assert len(message.float64) == 8 * values.size
    assert not message.values
    assert matrix.decode(message).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    "values",
    [
        [[1, 2, 3], [4, 5, 6]],
        np.array([[1, 2, 3], [4, 5, 6]], dtype=np.int8),
        np.array([[1, 2, 3], [4, 5, 6]], dtype=">f8"),
        np.array([[1, 4], [2, 5], [3, 6]], dtype=float).T,
        np.array([[1, 0, 2, 0, 3], [4, 0, 5, 0, 6]], dtype=float)[:, ::2],
        np.array([[1, 2, 3], [4, 5, 6]], dtype=object),
    ],
    ids=["lists", "int8", "big-endian", "transposed", "strided", "objects"],
)
def test_every_layout_means_the_same(values: Any) -> None:
    expected = np.array([[1.0, 2, 3], [4, 5, 6]])
    assert parsed(matrix.encode(Rows.of(values))).float64 == expected.tobytes()


@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 40), st.integers(0, 40))))
def test_float32_stays_float32(values: Any) -> None:
    message = parsed(matrix.encode(Rows.of(values)))
    assert len(message.float32) == 4 * values.size
    assert not message.float64
    decoded = matrix.decode(message)
    if values.size:
        assert decoded.dtype == np.float32
    assert decoded.tobytes() == values.tobytes()


@pytest.mark.parametrize("dtype", [">f4", "<f4"])
def test_float32_of_either_byte_order_is_sent_as_little_endian(dtype: str) -> None:
    values = np.array([[1.5, -2.0]], dtype=dtype)
    assert parsed(matrix.encode(Rows.of(values))).float32 == np.array([1.5, -2.0], "<f4").tobytes()


def sparse(message: Any) -> Any:
    """What a ``Matrix`` says, as SciPy has it."""
    values = np.frombuffer(message.float64) if message.float64 else np.frombuffer(message.float32, "<f4")
    places = (np.frombuffer(message.csr.indices, "<u4"), np.frombuffer(message.csr.indptr, "<u8"))
    return scipy.sparse.csr_array((values, *places), shape=(message.rows, message.columns))


DENSE = np.array([[0.0, 1.5, 0.0], [0.0, 0.0, 0.0], [2.5, 0.0, -3.0]])


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_rows_stay_sparse(form: str, kind: str, dtype: Any) -> None:
    message = parsed(matrix.encode(Rows.of(getattr(scipy.sparse, f"{form}_{kind}")(DENSE.astype(dtype)))))
    assert len(message.float64 if dtype is np.float64 else message.float32) == 3 * np.dtype(dtype).itemsize
    assert (len(message.csr.indptr), len(message.csr.indices)) == (4 * 8, 3 * 4)
    np.testing.assert_array_equal(sparse(message).toarray(), DENSE)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.int8, bool, np.float64])
def test_indices_of_any_width_mean_the_same(index: Any, dtype: Any) -> None:
    rows = scipy.sparse.csr_array(DENSE.astype(dtype))
    rows.indices, rows.indptr = rows.indices.astype(index), rows.indptr.astype(index)
    np.testing.assert_array_equal(sparse(parsed(matrix.encode(Rows.of(rows)))).toarray(), DENSE.astype(dtype))


def test_entries_in_any_order_and_twice_are_sent_as_they_are() -> None:
    rows = scipy.sparse.csr_array(([1.0, 2.0, 4.0], [2, 0, 2], [0, 3, 3]), shape=(2, 3))
    message = parsed(matrix.encode(Rows.of(rows)))
    assert np.frombuffer(message.csr.indices, "<u4").tolist() == [2, 0, 2]
    np.testing.assert_array_equal(sparse(message).toarray(), [[2.0, 0.0, 5.0], [0.0, 0.0, 0.0]])


def test_room_after_the_last_entry_is_not_sent() -> None:
    rows = scipy.sparse.csr_array(DENSE)
    rows.data, rows.indices = np.append(rows.data, [9.0]), np.append(rows.indices, np.int32(1))
    message = parsed(matrix.encode(Rows.of(rows)))
    assert len(message.float64) == 3 * 8
    np.testing.assert_array_equal(sparse(message).toarray(), DENSE)


def test_sparse_rows_without_entries_are_sparse() -> None:
    message = parsed(matrix.encode(Rows.of(scipy.sparse.csr_array((5, 3)))))
    assert message.HasField("csr")
    assert (message.rows, message.columns, message.csr.indptr) == (5, 3, bytes(6 * 8))


def test_wide_sparse_rows_are_never_dense() -> None:
    rows = scipy.sparse.coo_array(([1.0], ([1_000_000], [3_000_000_000])), shape=(1_000_001, 4_000_000_000))
    parts = matrix.encode(Rows.of(rows))
    assert len(b"".join(parts)) < 9_000_000
    message = parsed(parts)
    assert np.frombuffer(message.csr.indices, "<u4").tolist() == [3_000_000_000]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (scipy.sparse.csr_array(np.array([[1 + 2j]])), "X: expected numbers, got dtype complex128"),
        (scipy.sparse.csr_array((1, 2**32)), "X: expected less than 2.32 rows and columns"),
        (scipy.sparse.coo_array(np.array([1.0, 2.0])), "X: expected 2 dimensions"),
    ],
)
def test_what_is_no_sparse_matrix_of_numbers_is_refused(rows: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        matrix.encode(Rows.of(rows))


def test_the_values_are_not_copied_before_they_are_sent() -> None:
    values = np.arange(6000.0).reshape(2000, 3)
    part = matrix.encode(Rows.of(values))[-1]
    assert isinstance(part, memoryview)
    assert np.shares_memory(np.asarray(part), values)
    rows = scipy.sparse.csr_array(values)
    *_, indices, _, data = matrix.encode(Rows.of(rows))
    assert isinstance(indices, memoryview)
    assert isinstance(data, memoryview)
    assert np.shares_memory(np.asarray(indices), rows.indices)
    assert np.shares_memory(np.asarray(data), rows.data)


def test_a_decoded_matrix_is_the_callers_own() -> None:
    decoded = matrix.decode(messages.Matrix(rows=1, columns=2, float64=np.array([1.0, 2.0]).tobytes()))
    decoded *= 2
    np.testing.assert_array_equal(decoded, [[2.0, 4.0]])


def test_the_readable_encoding_is_read_too() -> None:
    decoded = matrix.decode(messages.Matrix(rows=2, columns=1, values=[1.5, -0.0]))
    assert decoded.tobytes() == np.array([1.5, -0.0]).tobytes()
    assert decoded.shape == (2, 1)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1.0, 2.0], r"X: expected 2 dimensions \(rows, columns\), got shape \(2,\)"),
        (3.0, r"got shape \(\)"),
        (np.zeros((2, 2, 2)), r"got shape \(2, 2, 2\)"),
        ([["a", "b"]], "X: expected numbers"),
        (np.array([["1.5", 2.0]], dtype=object), "X: expected numbers, got text"),
        (pd.DataFrame({"a": [1.0], "b": ["x"]}), "X: expected numbers, got text"),
        (pl.DataFrame({"a": [1.0], "b": ["x"]}), "X: expected numbers, got text"),
        ([[1 + 2j]], "X: expected numbers"),
        ([[1.0], [1.0, 2.0]], "X: expected numbers"),
        ([[object()]], "X: expected numbers"),
        (np.array([["2026-01-01"]], dtype="M8[D]"), "X: expected numbers"),
    ],
)
def test_what_is_no_matrix_is_refused(values: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        matrix.encode(Rows.of(values))


class Frame:
    """What the encoder sees of a data frame."""

    def __init__(self, columns: list[Any]) -> None:
        self.columns = columns

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.zeros((2, len(self.columns)))


def test_names_travel() -> None:
    assert list(parsed(matrix.encode(Rows.of([[1.0, 2.0]], ["a", "b"]))).feature_names) == ["a", "b"]
    frame: Any = Frame(["x", "y"])
    assert list(parsed(matrix.encode(Rows.of(frame))).feature_names) == ["x", "y"]
    assert list(parsed(matrix.encode(Rows.of(frame, ["a", "b"]))).feature_names) == ["a", "b"]
    with pytest.raises(ValueError, match="feature_names: expected 2, one for each column, got 3"):
        Rows.of([[1.0, 2.0]], ["a", "b", "c"])
    numbered: Any = Frame([0, 1])
    assert not parsed(matrix.encode(Rows.of(numbered))).feature_names


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_integer_labels_survive(values: list[int]) -> None:
    decoded = labels.decode(labels.encode(values))
    assert decoded.dtype == np.int64
    assert decoded.tolist() == values


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_string_labels_survive(values: list[str]) -> None:
    # An array of NumPy's own string type would lose trailing NULs here: sent from a list of objects.
    decoded = labels.decode(labels.encode(np.array(values, dtype=object)))
    assert decoded.dtype == object
    assert decoded.tolist() == values


def test_the_type_of_labels_is_kept() -> None:
    assert labels.encode(["1", "2"]).WhichOneof("kind") == "strings"
    assert labels.encode(np.array([1, 2], dtype=np.uint8)).WhichOneof("kind") == "integers"
    assert list(labels.encode(np.array([True, False])).integers.values) == [1, 0]
    assert labels.encode(np.array([], dtype=int)).WhichOneof("kind") == "integers"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([0.5, 1.5], "y: expected all integers or all strings, got float"),
        (np.array([1, "a"], dtype=object), "got int, str"),
        ([[1], [2]], r"y: expected 1 dimension, got shape \(2, 1\)"),
        (np.array([2**63, 0], dtype=np.uint64), "y: expected integers of 64 bits"),
        ([b"a"], "got bytes"),
    ],
)
def test_what_are_no_labels_is_refused(values: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        labels.encode(values)


def test_weights_are_packed_doubles() -> None:
    parts = wire.field(messages.FitData, "sample_weight", matrix.encode_weights([1, 2.5, 0]))
    assert list(messages.FitData.FromString(b"".join(parts)).sample_weight) == [1.0, 2.5, 0.0]
    with pytest.raises(ValueError, match="sample_weight: expected 1 dimension"):
        matrix.encode_weights([[1.0]])


@pytest.mark.parametrize("size", [1, 127, 128, 16_383, 16_384, 3_000_000])
def test_appended_fields_read_as_if_serialized_whole(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    parts = wire.field(messages.Matrix, "float64", [data[:7], memoryview(data[7:])])
    assert b"".join(parts) == messages.Matrix(float64=data).SerializeToString()
