"""The connection to a server."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self, get_args

import grpc
import numpy.typing as npt

from . import matrix, messages, wire
from .algorithms import Algorithm
from .errors import from_call
from .results import FitReport, FitResult, Model, ModelInfo, Output, Prediction, ServingStatus

_OUTPUTS = {
    name: messages.POOL.FindEnumTypeByName("ferrule.v1.Output").values_by_name[f"OUTPUT_{name.upper()}"].number
    for name in get_args(Output)
}


class Client:
    """A connection to a Ferrule server; safe to share between threads.

    ``target`` is an address as gRPC names it (``host:port``, ``dns:///host:port``). ``timeout`` is how long each call
    may take in seconds, unless the call says otherwise. ``max_message_bytes`` is the largest answer that is taken;
    how large a request may be is the server's to say. ``options`` are gRPC channel options that go over these.

    No connection is made before the first call. Every call raises a subclass of ``FerruleError`` when it fails, and
    ValueError for arguments that can't be put into a request. Use it in a ``with`` block, or call ``close``.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        timeout: float = 10.0,
        max_message_bytes: int = 16 * 1024 * 1024,
        options: Iterable[tuple[str, Any]] = (),
    ) -> None:
        self.timeout = timeout
        # A request over the server's limit is sent all the same: its refusal names the limit.
        limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", max_message_bytes)]
        self._channel = grpc.insecure_channel(target, options=[*limits, *options])

    def close(self) -> None:
        """Ends the connection and the calls in progress."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def predict(
        self,
        model: str,
        X: npt.ArrayLike,
        *,
        version: int | None = None,
        outputs: Sequence[Output] = ("labels",),
        feature_names: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> Prediction:
        """Answers rows with a model of the server's repository.

        ``X`` is rows × columns, anything that ``numpy.asarray`` makes a 2-D float64 array of. ``version`` None is the
        newest. ``feature_names``, or the column names of a data frame, are checked against the model's.
        """
        request = messages.PredictRequest(model=model, outputs=_numbers(outputs))
        if version is not None:
            _set(request, "version", version)
        answered = self._call(
            "PredictionService/Predict",
            [
                request.SerializeToString(),
                *wire.field(messages.PredictRequest, "input", matrix.encode(X, feature_names)),
            ],
            messages.PredictResponse,
            timeout,
        )
        return Prediction.read(answered.prediction, answered.model, answered.version)

    def fit_predict(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        algorithm: Algorithm,
        model: str = "",
        outputs: Sequence[Output] = ("labels",),
        sample_weight: npt.ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> FitResult:
        """Fits an algorithm to the rows of ``X``, answers the same rows, and publishes the model as a new version
        when ``model`` names one.

        ``y`` has the class of each row, integers or strings, for classification; ``sample_weight`` a weight of each
        row, at least 0. After an error, a fit that publishes may or may not have published.
        """
        head = messages.FitPredictRequest()
        head.spec.model = model
        head.spec.outputs.extend(_numbers(outputs))
        algorithm.write(head.spec)
        data: wire.Parts = wire.field(messages.FitData, "input", matrix.encode(X, feature_names))
        if y is not None:
            data += wire.field(messages.FitData, "targets", [matrix.encode_labels(y).SerializeToString()])
        if sample_weight is not None:
            data += wire.field(messages.FitData, "sample_weight", matrix.encode_weights(sample_weight))
        answered = self._call(
            "PredictionService/FitPredict",
            [head.SerializeToString(), *wire.field(messages.FitPredictRequest, "data", data)],
            messages.FitPredictResponse,
            timeout,
        )
        report = FitReport.read(answered.report)
        return FitResult(report, Prediction.read(answered.prediction, model, report.version))

    def list_models(self, *, timeout: float | None = None) -> list[Model]:
        """Every model and its versions, ordered by name and version."""
        request = messages.ListModelsRequest()
        answered = self._call(
            "ModelService/ListModels", [request.SerializeToString()], messages.ListModelsResponse, timeout
        )
        return [Model.read(model) for model in answered.models]

    def get_model(self, model: str, *, version: int | None = None, timeout: float | None = None) -> ModelInfo:
        """Describes one version of a model; ``version`` None is the newest."""
        answered = self._about("GetModel", model, version, timeout)
        return ModelInfo.read(answered)

    def load_model(self, model: str, *, version: int | None = None, timeout: float | None = None) -> Model:
        """Reads a version, or with None all, from disk again and lets it answer."""
        return Model.read(self._about("LoadModel", model, version, timeout).model)

    def unload_model(self, model: str, *, version: int | None = None, timeout: float | None = None) -> Model:
        """Takes a version, or with None all, out of the server's memory; the files stay."""
        return Model.read(self._about("UnloadModel", model, version, timeout).model)

    def health(self, service: str = "", *, timeout: float | None = None) -> ServingStatus:
        """Whether the server answers, or a service by its full name, or a model as ``models/NAME``.

        Raises NotFound for a name that the server does not know.
        """
        request = messages.HealthCheckRequest(service=service)
        answered = self._call(
            "/grpc.health.v1.Health/Check", [request.SerializeToString()], messages.HealthCheckResponse, timeout
        )
        return ServingStatus.read(answered.status)

    def _about(self, method: str, model: str, version: int | None, timeout: float | None) -> Any:
        request = getattr(messages, f"{method}Request")(model=model)
        if version is not None:
            _set(request, "version", version)
        return self._call(
            f"ModelService/{method}", [request.SerializeToString()], getattr(messages, f"{method}Response"), timeout
        )

    def _call(self, method: str, request: wire.Parts, response: Any, timeout: float | None) -> Any:
        path = method if method.startswith("/") else f"/ferrule.v1.{method}"
        unary = self._channel.unary_unary(path, request_serializer=b"".join, response_deserializer=response.FromString)
        try:
            return unary(request, timeout=self.timeout if timeout is None else timeout)
        except grpc.RpcError as error:
            call: Any = error
            raise from_call(call) from error


def _numbers(outputs: Sequence[Output]) -> list[int]:
    named: Sequence[str] = [outputs] if isinstance(outputs, str) else outputs
    for name in named:
        if name not in _OUTPUTS:
            raise ValueError(f"outputs: expected {', '.join(_OUTPUTS)}, got {name!r}")
    return [_OUTPUTS[name] for name in named]


def _set(request: Any, field: str, value: int) -> None:
    try:
        setattr(request, field, value)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"{field}: {problem}") from None
