"""Class labels of any type as model files have them: integers or strings.

Booleans are kept as 0 and 1, whole floats as integers: a server answers with those. The type is noted beside them, so
that Python gets its own labels back. Everything else is refused.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrule.json_values import NotRepresentableError

#: Above this, not every whole float is an integer of its own.
_EXACT = 2**53


def to_file(labels: NDArray[Any]) -> tuple[dict[str, list[Any]], str]:
    """The labels as a file has them, and the name of their type.

    Raises:
        NotRepresentableError: The labels are of another type, or out of range.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise NotRepresentableError(f"classes_ of {labels.ndim} dimensions: several outputs are not supported")
    if labels.dtype.kind == "U" or (labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels)):
        return {"strings": [str(label) for label in labels]}, labels.dtype.str
    if labels.dtype.kind not in "biuf":
        raise NotRepresentableError(f"classes_ of type {labels.dtype}: a model file has integers and strings")
    if labels.dtype.kind == "f" and not all(float(label).is_integer() and abs(label) <= _EXACT for label in labels):
        raise NotRepresentableError(f"classes_ that are not whole numbers up to 2^53: {labels.tolist()}")
    integers = [int(label) for label in labels]
    if any(not -(2**63) <= label < 2**63 for label in integers):
        raise NotRepresentableError("classes_ beyond 64-bit signed integers")
    return {"integers": integers}, labels.dtype.str


def from_file(classes: dict[str, list[Any]], dtype: str | None) -> NDArray[Any]:
    """The labels as an array of the type that they had; `dtype` None stands for int64 or str."""
    if "strings" in classes:
        return np.array(classes["strings"], dtype=dtype or np.str_)
    return np.array(classes["integers"], dtype=np.int64).astype(dtype or np.int64)
