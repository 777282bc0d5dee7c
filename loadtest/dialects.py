"""Ferrule's own way to ask for rows."""

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from ferrule_client import messages
from google.protobuf.message import DecodeError

from .subjects import Dialect

#: The contract and the standard services, as the client carries them.
PROTOSET = Path(str(resources.files("ferrule_client").joinpath("ferrule.binpb")))


def matrix(rows: Any) -> Any:
    """The message of dense rows or of a SciPy CSR array, in float64."""
    count, columns = rows.shape
    if not scipy.sparse.issparse(rows):
        return messages.Matrix(rows=count, columns=columns, float64=np.ascontiguousarray(rows, "<f8").tobytes())
    places = messages.Csr(indptr=rows.indptr.astype("<u8").tobytes(), indices=rows.indices.astype("<u4").tobytes())
    return messages.Matrix(rows=count, columns=columns, float64=rows.data.astype("<f8").tobytes(), csr=places)


def _predict(model: str, version: int, rows: Any) -> bytes:
    labels = messages.POOL.FindEnumTypeByName("ferrule.v1.Output").values_by_name["OUTPUT_LABELS"].number
    request = messages.PredictRequest(model=model, version=version, input=matrix(rows), outputs=[labels])
    return bytes(request.SerializeToString())


def _labels(answer: bytes) -> npt.NDArray[np.int64]:
    try:
        prediction = messages.PredictResponse.FromString(answer).prediction
    except DecodeError as problem:
        raise ValueError(f"not a PredictResponse: {problem}") from problem
    return np.array(prediction.labels.integers.values, dtype=np.int64)


FERRULE = Dialect("ferrule", "ferrule.v1.PredictionService/Predict", _predict, _labels, PROTOSET)
