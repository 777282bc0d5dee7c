"""What a client can do, each written once for the blocking and the asyncio client."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, get_args

import numpy.typing as npt

from . import labels, matrix, messages, wire
from .algorithms import Algorithm
from .connection import Call, Connection, Operation
from .errors import InvalidArgument, PermissionDenied
from .results import FitReport, FitResult, Model, ModelInfo, Output, Prediction, ServingStatus
from .rows import Rows, RowsLike
from .short_answer import read_prediction

_OUTPUTS = {
    name: messages.POOL.FindEnumTypeByName("ferrule.v1.Output").values_by_name[f"OUTPUT_{name.upper()}"].number
    for name in get_args(Output)
}


def predict(
    connection: Connection,
    model: str,
    X: RowsLike,
    *,
    version: int | None = None,
    outputs: Sequence[Output] = ("labels",),
    feature_names: Sequence[str] | None = None,
    timeout: float | None = None,
) -> Operation[Prediction]:
    """Answers rows with a model of the server's repository.

    ``X`` is rows × columns: anything that ``numpy.asarray`` makes a 2-D array of numbers of, a data frame of pandas or
    polars, or a sparse matrix or array of SciPy, which stays sparse. float32 is sent and computed as such, everything
    else as float64. Numeric answers have the type of the input.

    ``version`` None is the newest. ``feature_names``, or the column names of a data frame, are matched to the model's,
    which are asked for once for each model and version, and the columns are sent in the model's order. Columns that
    are missing or not of the model raise ValueError with their names. When either side has no names, the order of the
    columns is taken as it is.
    """
    head = _predict_head(model, version, (outputs,) if isinstance(outputs, str) else tuple(outputs))
    rows = Rows.of(X, feature_names)
    deadline = connection.deadline(timeout)
    answer: Prediction
    if not rows.names:
        answer = yield _predict(head, rows, deadline)
        return answer
    known = connection.feature_names.get((model, version))
    if known is not None:
        try:
            answer = yield _predict(head, rows.in_order(known), deadline)
        except (ValueError, InvalidArgument):
            # By now another version may be the newest. The server checks the names too, so none goes unnoticed.
            if (yield from _learn_names(connection, model, version, deadline)) == known:
                raise
        else:
            return answer
    else:
        yield from _learn_names(connection, model, version, deadline)
    answer = yield _predict(head, rows.in_order(connection.feature_names[model, version]), deadline)
    return answer


def fit_predict(
    connection: Connection,
    X: RowsLike,
    y: npt.ArrayLike | None = None,
    *,
    algorithm: Algorithm,
    model: str = "",
    outputs: Sequence[Output] = ("labels",),
    sample_weight: npt.ArrayLike | None = None,
    feature_names: Sequence[str] | None = None,
    timeout: float | None = None,
) -> Operation[FitResult]:
    """Fits an algorithm to the rows of ``X``, answers the same rows, and publishes the model as a new version
    when ``model`` names one.

    ``X`` and ``feature_names`` are as for ``predict``; the model keeps the names. ``y`` has the class of each row,
    integers or strings, for classification; ``sample_weight`` a weight of each row, at least 0. After an error, a fit
    that publishes may or may not have published; it is never tried again by itself.
    """
    head = messages.FitPredictRequest()
    head.spec.model = model
    head.spec.outputs.extend(_numbers((outputs,) if isinstance(outputs, str) else tuple(outputs)))
    algorithm.write(head.spec)
    data: wire.Parts = wire.field(messages.FitData, "input", matrix.encode(Rows.of(X, feature_names)))
    if y is not None:
        data += wire.field(messages.FitData, "targets", [labels.encode(y).SerializeToString()])
    if sample_weight is not None:
        data += wire.field(messages.FitData, "sample_weight", matrix.encode_weights(sample_weight))
    answered = yield Call(
        "/ferrule.v1.PredictionService/FitPredict",
        [head.SerializeToString(), *wire.field(messages.FitPredictRequest, "data", data)],
        messages.FitPredictResponse.FromString,
        connection.deadline(timeout),
    )
    report = FitReport.read(answered.report)
    return FitResult(report, Prediction.of(answered.prediction, model, report.version))


def list_models(connection: Connection, *, timeout: float | None = None) -> Operation[list[Model]]:
    """Every model and its versions, ordered by name and version."""
    answered = yield Call(
        "/ferrule.v1.ModelService/ListModels", [], messages.ListModelsResponse.FromString, connection.deadline(timeout)
    )
    return [Model.read(model) for model in answered.models]


def get_model(
    connection: Connection, model: str, *, version: int | None = None, timeout: float | None = None
) -> Operation[ModelInfo]:
    """Describes one version of a model; ``version`` None is the newest."""
    answered = yield _about("GetModel", model, version, connection.deadline(timeout))
    return ModelInfo.read(answered)


def load_model(
    connection: Connection, model: str, *, version: int | None = None, timeout: float | None = None
) -> Operation[Model]:
    """Reads a version, or with None all, from disk again and lets it answer."""
    answered = yield _about("LoadModel", model, version, connection.deadline(timeout))
    return Model.read(answered.model)


def unload_model(
    connection: Connection, model: str, *, version: int | None = None, timeout: float | None = None
) -> Operation[Model]:
    """Takes a version, or with None all, out of the server's memory; the files stay."""
    answered = yield _about("UnloadModel", model, version, connection.deadline(timeout))
    return Model.read(answered.model)


def health(connection: Connection, service: str = "", *, timeout: float | None = None) -> Operation[ServingStatus]:
    """Whether the server answers, or a service by its full name, or a model as ``models/NAME``.

    Raises NotFound for a name that the server does not know. Of several servers, one that is serving is asked.
    """
    answered = yield Call(
        "/grpc.health.v1.Health/Check",
        [messages.HealthCheckRequest(service=service).SerializeToString()],
        messages.HealthCheckResponse.FromString,
        connection.deadline(timeout),
    )
    return ServingStatus.read(answered.status)


def _predict(head: bytes, rows: Rows, deadline: float) -> Call:
    return Call(
        "/ferrule.v1.PredictionService/Predict",
        [head, *wire.field(messages.PredictRequest, "input", matrix.encode(rows))],
        read_prediction,
        deadline,
    )


def _learn_names(
    connection: Connection, model: str, version: int | None, deadline: float
) -> Operation[tuple[str, ...]]:
    try:
        names = tuple((yield _about("GetModel", model, version, deadline)).feature_names)
    except PermissionDenied:
        # The token is for predictions only: the server, which checks the names, has the last word.
        names = ()
    connection.feature_names[model, version] = names
    return names


def _about(method: str, model: str, version: int | None, deadline: float) -> Call:
    request = getattr(messages, f"{method}Request")(model=model)
    _set_version(request, version)
    read = getattr(messages, f"{method}Response").FromString
    return Call(f"/ferrule.v1.ModelService/{method}", [request.SerializeToString()], read, deadline)


@lru_cache(maxsize=64, typed=True)
def _predict_head(model: str, version: int | None, outputs: tuple[str, ...]) -> bytes:
    request = messages.PredictRequest(model=model, outputs=_numbers(outputs))
    _set_version(request, version)
    return bytes(request.SerializeToString())


def _numbers(outputs: tuple[str, ...]) -> list[int]:
    for name in outputs:
        if name not in _OUTPUTS:
            raise ValueError(f"outputs: expected {', '.join(_OUTPUTS)}, got {name!r}")
    return [_OUTPUTS[name] for name in outputs]


def _set_version(request: Any, version: int | None) -> None:
    if version is not None:
        try:
            request.version = version
        except (TypeError, ValueError) as problem:
            raise ValueError(f"version: {problem}") from None
