"""How many rows go in a request."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ferrule_client.results import ModelInfo

#: Bytes of values in a request, and in its answer: well below the 16 MiB that servers take and clients accept.
BUDGET = 4 * 1024 * 1024

#: Bytes of an integer label, at most.
_LABEL = 10


def rows_per_batch(values: Any, model: ModelInfo, outputs: tuple[str, ...]) -> int:
    """As many as keep the request and its answer within the budget, at least 1."""
    return max(1, BUDGET // max(_request_bytes(values), _answer_bytes(model, outputs)))


def batches(rows: int, size: int) -> Iterator[slice]:
    """The rows in turn."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def _request_bytes(values: Any) -> int:
    """Of the largest row."""
    if isinstance(values, np.ndarray):
        return int(values.shape[1]) * (4 if values.dtype == np.float32 else 8)
    entries = int(np.diff(values.indptr).max(initial=0))
    return 8 + entries * (4 + 8)


def _answer_bytes(model: ModelInfo, outputs: tuple[str, ...]) -> int:
    """Of a row."""
    label = _LABEL
    if model.classes is not None and model.classes.dtype == object:
        label += max(len(name.encode()) for name in model.classes)
    width = model.n_clusters if model.classes is None else len(model.classes)
    numeric = sum(output != "labels" for output in outputs)
    return label + numeric * width * 8
