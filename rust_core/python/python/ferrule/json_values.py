"""Parameters and attributes of estimators as JSON, and back, with their types."""

import math
from typing import Any

import numpy as np

#: What JSON has no word for is an object with one of these keys.
_ARRAY, _SCALAR, _TUPLE, _MAPPING, _FLOAT = "array", "scalar", "tuple", "mapping", "float"


class NotRepresentableError(ValueError):
    """A value, a parameter or a whole estimator that a model file has no room for; the message names it."""


def to_json(value: object) -> Any:  # noqa: PLR0911 (a line for each type)
    """The value as JSON.

    Raises:
        NotRepresentableError: The value is not made of None, booleans, numbers, strings, lists, tuples, dictionaries
            and arrays of numbers, booleans and strings.
    """
    match value:
        case None | bool() | int() | str() if type(value) in {type(None), bool, int, str}:
            return value
        case float() if type(value) is float:
            return value if math.isfinite(value) else {_FLOAT: str(value)}
        case list():
            return [to_json(item) for item in value]
        case tuple():
            return {_TUPLE: [to_json(item) for item in value]}
        case dict():
            return {_MAPPING: [[to_json(key), to_json(item)] for key, item in value.items()]}
        case np.generic() if value.dtype.kind in "biufU":
            return {_SCALAR: to_json(value.item()), "dtype": value.dtype.str}
        case np.ndarray() if value.dtype.kind in "biufU":
            items = [to_json(item) for item in value.ravel().tolist()]
            return {_ARRAY: items, "dtype": value.dtype.str, "shape": list(value.shape)}
    raise NotRepresentableError(type(value).__name__)


def from_json(value: Any) -> Any:  # noqa: PLR0911 (a line for each type)
    """The value that `to_json` made JSON of."""
    match value:
        case list():
            return [from_json(item) for item in value]
        case {"array": items, "dtype": dtype, "shape": shape}:
            return np.array(from_json(items), dtype=dtype).reshape(shape)
        case {"scalar": item, "dtype": dtype}:
            return np.array(from_json(item), dtype=dtype)[()]
        case {"tuple": items}:
            return tuple(from_json(items))
        case {"mapping": items}:
            return {from_json(key): from_json(item) for key, item in items}
        case {"float": text}:
            return float(text)
    return value
