"""Reads a prediction, and the shortest ones without protobuf.

The answer for one row is a dozen bytes. To have protobuf's objects made for its five nested messages took a third of
what the client adds to a call.
"""

import numpy as np

from . import messages
from .results import Prediction

_MODEL, _VERSION, _PREDICTION, _LABELS, _INTEGERS, _VALUES = 0x0A, 0x10, 0x1A, 0x0A, 0x0A, 0x0A
_ONE_BYTE = 0x80


def read_prediction(answer: bytes) -> Prediction:
    """From the bytes of a ``PredictResponse``. Raises DecodeError for what is none."""
    return _read_few_labels(answer) or Prediction.read(messages.PredictResponse.FromString(answer))


def _read_few_labels(answer: bytes) -> Prediction | None:
    """From the one form that an answer with a few small integers as labels, and nothing else, has in the order of its
    fields; None for any other.
    """
    if not 2 < len(answer) < _ONE_BYTE or answer[0] != _MODEL or answer[1] >= len(answer) - 2:
        return None
    start = 2 + answer[1]
    values = answer[start + 10 :]
    count = len(values)
    # Each message ends with the answer, which fixes its length. What is ASCII is no name with a mistake in its UTF-8, and
    # no number of several bytes.
    expected = (_PREDICTION, count + 6, _LABELS, count + 4, _INTEGERS, count + 2, _VALUES, count)
    if (
        not values
        or answer[start] != _VERSION
        or answer[start + 2 : start + 10] != bytes(expected)
        or not answer[2 : start + 2].isascii()
        or not values.isascii()
    ):
        return None
    # Signs stand in the lowest bit.
    labels = np.array([value >> 1 ^ -(value & 1) for value in values], np.int64)
    return Prediction(answer[2:start].decode(), answer[start + 1], labels, None, None, None)
