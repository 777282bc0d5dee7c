"""The handlers around a model, with protobuf's classes: as one writes a service of Ferrule's contract by hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .models import LIBRARIES, Predict

SERVICE = "ferrule.v1.PredictionService"
PREDICT = f"/{SERVICE}/Predict"
#: As much as an echo sends back at most; labels are fewer bytes than rows.
MOST_ECHOED = 64 * 1024


@dataclass(frozen=True)
class Method:
    """A unary method."""

    answer: Callable[[Any], Any]
    """Request in, response out."""
    deserialize: Callable[[bytes], Any] | None = None
    """None for bytes."""
    serialize: Callable[[Any], bytes] | None = None
    """None for bytes."""
    takes_long: bool = False
    """Whether an event loop should not wait for it."""


def echo() -> Mapping[str, Method]:
    """No classes at all: (the beginning of) the bytes that came. What grpcio costs before anything is done."""
    return {"Predict": Method(lambda request: request[:MOST_ECHOED])}


def service(library: str, file: Path | None) -> Mapping[str, Method]:
    """Predict with the model of a file, if there is one; with scikit-learn FitPredict of K-Means, too."""
    from ferrule_client import messages

    methods = {}
    if file is not None:
        methods["Predict"] = Method(
            _predict(LIBRARIES[library](file)),
            messages.PredictRequest.FromString,
            messages.PredictResponse.SerializeToString,
        )
    if library == "scikit-learn":
        methods["FitPredict"] = Method(
            _fit_predict,
            messages.FitPredictRequest.FromString,
            messages.FitPredictResponse.SerializeToString,
            takes_long=True,
        )
    return methods


def _predict(predict: Predict) -> Callable[[Any], Any]:
    from ferrule_client import messages

    def answer(request: Any) -> Any:
        response = messages.PredictResponse(model=request.model, version=request.version)
        response.prediction.labels.integers.values.extend(predict(_rows(request.input)).tolist())
        return response

    return answer


def _fit_predict(request: Any) -> Any:
    from ferrule_client import messages
    from sklearn.cluster import KMeans

    wanted = request.spec.k_means
    # Ferrule's names are scikit-learn's.
    given = {field.name: value for field, value in wanted.ListFields() if field.name not in ("init", "centers")}
    model = KMeans(**{"random_state": 0, **given}).fit(_rows(request.data.input))
    response = messages.FitPredictResponse()
    response.report.n_iter = model.n_iter_
    response.report.converged = model.n_iter_ < model.max_iter
    response.report.inertia = model.inertia_
    response.prediction.labels.integers.values.extend(model.labels_.tolist())
    return response


def _rows(matrix: Any) -> Any:
    """Rows as float64, dense or CSR: what the scenarios send."""
    import numpy as np

    values = np.frombuffer(matrix.float64, "<f8")
    if not matrix.HasField("csr"):
        return values.reshape(matrix.rows, matrix.columns)
    from scipy.sparse import csr_array

    places = np.frombuffer(matrix.csr.indices, "<i4"), np.frombuffer(matrix.csr.indptr, "<i8")
    return csr_array((values, *places), shape=(matrix.rows, matrix.columns))
