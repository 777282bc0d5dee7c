"""The client against a gRPC server that answers as told: what it sends, and what becomes of answers and errors."""

from collections.abc import Callable, Iterator
from typing import Any

import ferrule_client
import grpc
import numpy as np
import pytest
from ferrule_client import Client, KMeans, LogisticRegression, ModelState, ServingStatus, messages

from clients.python.tests.scripted import GET_MODEL, PREDICT, Script, serving


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with serving(script) as address, Client(address) as client:
        yield client


def test_predict_sends_what_was_asked(client: Client, script: Script) -> None:
    distances = np.array([[1.0, 2.0], [3.0, 4.0]])
    answer = messages.PredictResponse(model="points", version=3)
    answer.prediction.labels.integers.values.extend([0, 1])
    answer.prediction.distances.MergeFrom(messages.Matrix(rows=2, columns=2, float64=distances.tobytes()))
    script.answers[PREDICT] = answer.SerializeToString()
    script.answers[GET_MODEL] = messages.GetModelResponse(feature_names="abc").SerializeToString()
    rows = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])

    got = client.predict("points", rows, version=3, outputs=["labels", "distances"], feature_names=list("abc"))

    assert script.path == "/ferrule.v1.PredictionService/Predict"
    sent = messages.PredictRequest.FromString(script.request)
    assert (sent.model, sent.version, list(sent.outputs)) == ("points", 3, [1, 4])
    assert (sent.input.rows, sent.input.columns, sent.input.float64) == (2, 3, rows.tobytes())
    assert list(sent.input.feature_names) == ["a", "b", "c"]
    assert (got.model, got.version) == ("points", 3)
    assert got.labels is not None
    assert got.labels.dtype == np.int64
    np.testing.assert_array_equal(got.labels, [0, 1])
    assert got.distances is not None
    np.testing.assert_array_equal(got.distances, distances)
    assert got.probabilities is None
    assert got.decision_function is None


def test_without_a_version_none_is_sent(client: Client, script: Script) -> None:
    script.answer = messages.PredictResponse(model="m", version=1).SerializeToString()
    client.predict("m", [[1]])
    assert messages.PredictRequest.FromString(script.request).WhichOneof("selector") is None
    client.predict("m", [[1]], version=0)
    assert messages.PredictRequest.FromString(script.request).WhichOneof("selector") == "version"


def test_fit_predict_sends_what_was_asked(client: Client, script: Script) -> None:
    answer = messages.FitPredictResponse()
    answer.report.n_iter, answer.report.converged, answer.report.version, answer.report.loss = 7, True, 2, 0.25
    answer.prediction.labels.strings.values.extend(["cat", "dog"])
    script.answer = answer.SerializeToString()

    got = client.fit_predict(
        [[1.0], [2.0]],
        ["cat", "dog"],
        model="pets",
        algorithm=LogisticRegression(C=0.5, fit_intercept=False),
        outputs=("labels",),
        sample_weight=[1, 2],
    )

    sent = messages.FitPredictRequest.FromString(script.request)
    chosen = sent.spec.logistic_regression
    assert (sent.spec.model, sent.spec.WhichOneof("algorithm")) == ("pets", "logistic_regression")
    assert (chosen.c, chosen.fit_intercept, chosen.HasField("fit_intercept")) == (0.5, False, True)
    assert not chosen.HasField("max_iter")
    assert not chosen.HasField("tol")
    assert list(sent.data.targets.strings.values) == ["cat", "dog"]
    assert list(sent.data.sample_weight) == [1.0, 2.0]
    assert sent.data.input.float64 == np.array([1.0, 2.0]).tobytes()
    assert (got.report.n_iter, got.report.converged, got.report.version) == (7, True, 2)
    assert (got.report.loss, got.report.inertia) == (0.25, None)
    assert (got.prediction.model, got.prediction.version) == ("pets", 2)
    assert got.prediction.labels is not None
    assert got.prediction.labels.tolist() == ["cat", "dog"]


def test_an_algorithm_without_parameters_is_still_chosen(client: Client, script: Script) -> None:
    script.answer = messages.FitPredictResponse().SerializeToString()
    client.fit_predict([[1.0]], algorithm=KMeans())
    sent = messages.FitPredictRequest.FromString(script.request)
    assert sent.spec.WhichOneof("algorithm") == "k_means"
    assert not sent.data.HasField("targets")
    client.fit_predict([[1.0]], algorithm=KMeans(n_clusters=2, n_init=3, max_iter=4, tol=0.5, random_state=0))
    sent = messages.FitPredictRequest.FromString(script.request).spec.k_means
    assert (sent.n_clusters, sent.n_init, sent.max_iter, sent.tol) == (2, 3, 4, 0.5)
    assert sent.HasField("random_state")


def test_models_are_described(client: Client, script: Script) -> None:
    listed = messages.ListModelsResponse()
    model = listed.models.add(name="iris")
    for number, state in enumerate((1, 2, 3, 9), start=1):
        model.versions.add(version=number, state=state)
    script.answer = listed.SerializeToString()
    (got,) = client.list_models()
    assert got.name == "iris"
    assert [version.version for version in got.versions] == [1, 2, 3, 4]
    states = [version.state for version in got.versions]
    assert states == [ModelState.AVAILABLE, ModelState.UNLOADED, ModelState.DAMAGED, ModelState.UNKNOWN]

    described = messages.GetModelResponse(model="iris", version=2, kind="logistic_regression", columns=4)
    described.classes.strings.values.extend(["a", "b"])
    described.feature_names.extend(["w", "x", "y", "z"])
    script.answer = described.SerializeToString()
    info = client.get_model("iris", version=2)
    assert script.path == "/ferrule.v1.ModelService/GetModel"
    assert (info.kind, info.columns, info.feature_names) == ("logistic_regression", 4, ("w", "x", "y", "z"))
    assert info.classes is not None
    assert info.classes.tolist() == ["a", "b"]


@pytest.mark.parametrize("method", ["LoadModel", "UnloadModel"])
def test_models_are_loaded_and_unloaded(client: Client, script: Script, method: str) -> None:
    answer = getattr(messages, f"{method}Response")()
    answer.model.name = "iris"
    script.answer = answer.SerializeToString()
    call: Callable[..., Any] = client.load_model if method == "LoadModel" else client.unload_model
    assert call("iris", version=4).name == "iris"
    assert script.path == f"/ferrule.v1.ModelService/{method}"
    sent = getattr(messages, f"{method}Request").FromString(script.request)
    assert (sent.model, sent.version) == ("iris", 4)


def test_health_is_asked(client: Client, script: Script) -> None:
    script.answer = messages.HealthCheckResponse(status=1).SerializeToString()
    assert client.health("models/iris") is ServingStatus.SERVING
    assert script.path == "/grpc.health.v1.Health/Check"
    assert messages.HealthCheckRequest.FromString(script.request).service == "models/iris"
    script.answer = messages.HealthCheckResponse(status=2).SerializeToString()
    assert client.health() is ServingStatus.NOT_SERVING


def detail(message: Any) -> bytes:
    status = messages.RpcStatus(code=3, message="m")
    packed = status.details.add()
    packed.type_url = f"type.googleapis.com/{message.DESCRIPTOR.full_name}"
    packed.value = message.SerializeToString()
    return bytes(status.SerializeToString())


CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: ferrule_client.InvalidArgument,
    grpc.StatusCode.NOT_FOUND: ferrule_client.NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: ferrule_client.FailedPrecondition,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ferrule_client.ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: ferrule_client.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: ferrule_client.DeadlineExceeded,
    grpc.StatusCode.CANCELLED: ferrule_client.Cancelled,
    grpc.StatusCode.UNAUTHENTICATED: ferrule_client.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: ferrule_client.PermissionDenied,
    grpc.StatusCode.UNIMPLEMENTED: ferrule_client.Unimplemented,
    grpc.StatusCode.INTERNAL: ferrule_client.Internal,
    grpc.StatusCode.UNKNOWN: ferrule_client.Unknown,
    grpc.StatusCode.DATA_LOSS: ferrule_client.Unknown,
}


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_every_code_has_its_exception(client: Client, script: Script, code: grpc.StatusCode) -> None:
    script.code, script.message = code, "expected “this”, got that"
    with pytest.raises(ferrule_client.FerruleError) as caught:
        client.list_models()
    assert type(caught.value) is CODES[code]
    assert str(caught.value) == caught.value.message == "expected “this”, got that"
    assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_fields_at_fault_are_named(client: Client, script: Script) -> None:
    script.code, script.message = grpc.StatusCode.INVALID_ARGUMENT, "input.columns: expected 4, got 3"
    violation = messages.BadRequest.FieldViolation(field="input.columns", description="expected 4, got 3")
    script.details = detail(messages.BadRequest(field_violations=[violation]))
    with pytest.raises(ferrule_client.InvalidArgument) as caught:
        client.predict("iris", [[1.0, 2.0, 3.0]])
    assert caught.value.fields == (ferrule_client.FieldViolation("input.columns", "expected 4, got 3"),)


def test_a_limit_says_when_to_come_back(client: Client, script: Script) -> None:
    script.code = grpc.StatusCode.RESOURCE_EXHAUSTED
    retry = messages.RetryInfo()
    retry.retry_delay.seconds, retry.retry_delay.nanos = 1, 500_000_000
    script.details = detail(retry)
    with pytest.raises(ferrule_client.ResourceExhausted) as caught:
        client.list_models()
    assert caught.value.retry_delay == 1.5
    script.details = b""
    with pytest.raises(ferrule_client.ResourceExhausted) as caught:
        client.list_models()
    assert caught.value.retry_delay is None


def test_details_that_cannot_be_read_do_not_hide_the_error(client: Client, script: Script) -> None:
    script.code, script.message = grpc.StatusCode.INVALID_ARGUMENT, "no"
    broken = messages.RpcStatus(code=3)
    broken.details.add(type_url="type.googleapis.com/google.rpc.BadRequest", value=b"\xff")
    broken.details.add(type_url="type.googleapis.com/somebody.Else", value=b"")
    for script.details in (b"\xff\xff", broken.SerializeToString()):
        with pytest.raises(ferrule_client.InvalidArgument, match="no") as caught:
            client.list_models()
        assert caught.value.fields == ()


def test_calls_have_deadlines(client: Client, script: Script) -> None:
    script.answer = messages.ListModelsResponse().SerializeToString()
    client.list_models()
    assert 5 < script.deadline <= 11
    client.list_models(timeout=100)
    assert 50 < script.deadline <= 110
    script.waits = True
    with pytest.raises(ferrule_client.DeadlineExceeded):
        client.list_models(timeout=0.05)


def test_no_server_is_unavailable() -> None:
    with Client("127.0.0.1:1", timeout=5) as client, pytest.raises(ferrule_client.Unavailable):
        client.list_models()


def test_sixteen_mebibytes_pass_both_ways(client: Client, script: Script) -> None:
    rows = np.zeros((2**21 - 100, 1))
    answer = messages.PredictResponse()
    answer.prediction.distances.MergeFrom(messages.Matrix(rows=len(rows), columns=1, float64=rows.tobytes()))
    script.answer = answer.SerializeToString()
    got = client.predict("m", rows, outputs=["distances"])
    assert got.distances is not None
    assert got.distances.shape == rows.shape
    assert len(script.request) > 16_000_000


def test_mistakes_are_reported_before_anything_is_sent(client: Client, script: Script) -> None:
    anything: Any = "centres"
    with pytest.raises(ValueError, match="outputs: expected labels, probabilities, decision_function, distances, got"):
        client.predict("m", [[1.0]], outputs=[anything])
    with pytest.raises(ValueError, match="version"):
        client.predict("m", [[1.0]], version=-1)
    with pytest.raises(ValueError, match="n_clusters"):
        client.fit_predict([[1.0]], algorithm=KMeans(n_clusters=-1))
    with pytest.raises(ValueError, match="X: expected 2 dimensions"):
        client.predict("m", [1.0])
    assert script.path == ""
