"""Predictions are read from their bytes, the short ones by hand, as protobuf would."""

from typing import Any

import numpy as np
import pytest
from ferrule_client import messages
from ferrule_client.results import Prediction
from ferrule_client.short_answer import read_prediction
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st


def same(ours: Prediction, theirs: Prediction) -> None:
    assert (ours.model, ours.version) == (theirs.model, theirs.version)
    for name in ("labels", "probabilities", "decision_function", "distances"):
        mine, expected = getattr(ours, name), getattr(theirs, name)
        if expected is None:
            assert mine is None
        else:
            assert mine.dtype == expected.dtype
            assert mine.flags.writeable
            np.testing.assert_array_equal(mine, expected)


small = st.integers(-64, 63)


@given(
    st.text("ab-_.9é", max_size=40),
    st.integers(0, 300),
    st.one_of(st.lists(small, max_size=130), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)),
    st.booleans(),
)
@example("m", 1, [0], False)
@example("m", 127, [63, -64], False)
@example("m", 128, [64], False)
@example("", 0, [], False)
def test_answers_of_labels(model: str, version: int, labels: list[int], distances: bool) -> None:
    answer = messages.PredictResponse(model=model, version=version)
    answer.prediction.labels.integers.values.extend(labels)
    if distances:
        answer.prediction.distances.MergeFrom(messages.Matrix(rows=1, columns=1, float64=bytes(8)))
    same(read_prediction(answer.SerializeToString()), Prediction.read(answer))


def check(answer: bytes) -> None:
    """Both readers make the same of these bytes."""
    expected: Any
    try:
        expected = messages.PredictResponse.FromString(answer)
    except DecodeError:
        with pytest.raises(DecodeError):
            read_prediction(answer)
        return
    same(read_prediction(answer), Prediction.read(expected))


@given(st.binary(max_size=40))
@example(b"")
@example(b"\x0a\x01m\x10\x01\x1a\x07\x0a\x05\x0a\x03\x0a\x01\x02")
@example(b"\x0a\x01m\x10\x01\x1a\x07\x0a\x05\x0a\x03\x12\x01\x02")
@example(b"\x0a\x01m\x10\x01\x1a\x07\x12\x05\x0a\x03\x0a\x01\x02")
@example(b"\x0a\x00\x10\x01")
def test_any_bytes_are_read_as_protobuf_reads_them(answer: bytes) -> None:
    check(answer)


@given(st.binary(max_size=3), st.integers(0, 16), st.integers(0, 255))
def test_near_misses_are_read_as_protobuf_reads_them(name: bytes, place: int, byte: int) -> None:
    answer = bytearray(b"\x0a\x03abc\x10\x01\x1a\x08\x0a\x06\x0a\x04\x0a\x02\x02\x03")
    answer[2 : 2 + len(name)] = name
    answer[place] = byte
    check(bytes(answer))
