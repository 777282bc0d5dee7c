"""Calls as a client sees them."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from server.python.tests.conftest import (
    FIT_PREDICT,
    PATIENCE,
    PREDICT,
    Messages,
    Serve,
    Server,
    begun,
    eventually,
    health,
)


def refused(server: Server, path: str, request: bytes = b"", timeout: float = PATIENCE) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        server.call(path, request, timeout)
    return caught.value


def trailers(error: grpc.RpcError) -> dict[str, str | bytes]:
    return {entry.key: entry.value for entry in error.trailing_metadata() or ()}


def test_a_model_published_through_one_worker_is_answered_by_all(serve: Serve) -> None:
    server = serve()
    messages = Messages(server.address)
    fitted = messages.FitPredictResponse.FromString(server.call(FIT_PREDICT, messages.small_fit("points")))
    assert fitted.report.version == 1
    low, high = fitted.prediction.labels.integers.values[0], fitted.prediction.labels.integers.values[3]
    assert sorted([low, high]) == [0, 1]
    request = messages.prediction("points", [2.0, 9.0])
    # New connections, which the kernel spreads over the workers.
    for _ in range(20):
        answer = messages.PredictResponse.FromString(server.call(PREDICT, request))
        assert (answer.model, answer.version) == ("points", 1)
        assert list(answer.prediction.labels.integers.values) == [low, high]


def test_statuses_carry_code_message_and_details(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1")
    messages = Messages(server.address)
    missing = refused(server, PREDICT, messages.prediction("nope", [1.0]))
    assert (missing.code(), missing.details()) == (grpc.StatusCode.NOT_FOUND, 'there is no model "nope"')
    assert b"google.rpc.ResourceInfo" in trailers(missing)["grpc-status-details-bin"]
    malformed = refused(server, PREDICT, b"\xff")
    assert malformed.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "not a valid ferrule.v1.PredictRequest" in (malformed.details() or "")
    for path in ("/ferrule.v1.PredictionService/Nope", "/nope/Nope", "/x"):
        unknown = refused(server, path)
        assert (unknown.code(), unknown.details()) == (grpc.StatusCode.UNIMPLEMENTED, f"there is no method {path}")
    # No refusal is an event for the log at its usual level.
    assert [line["message"] for line in server.log_lines()] == ["listening"]


def test_an_unknown_method_is_refused_before_its_body_comes(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1")
    with Stalled(server, "/nope/Nope", connections=1, calls=1) as stalled:
        assert stalled.calls[0].code() is grpc.StatusCode.UNIMPLEMENTED


def test_messages_over_the_limit_are_refused_both_ways(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1", limits_max_message_bytes="4096")
    assert refused(server, PREDICT, bytes(5000)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert server.call("/grpc.health.v1.Health/Check")


def test_a_deadline_ends_a_fit_that_runs(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1", limits_max_fits_in_flight="1")
    messages = Messages(server.address)
    late = refused(server, FIT_PREDICT, messages.long_fit(200), timeout=0.5)
    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    # Its place is free again, long before the fit would have ended.
    eventually(lambda: fits(server, messages), "a place for a fit")


def test_cancelling_ends_a_fit_that_runs(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1", limits_max_fits_in_flight="1")
    messages = Messages(server.address)
    running = begun(server, messages, 200)
    busy = fit_refusal(server, messages)
    assert busy is not None
    assert busy.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert int(trailers(busy)["grpc-retry-pushback-ms"]) > 0
    assert b"google.rpc.RetryInfo" in trailers(busy)["grpc-status-details-bin"]
    running.cancel()
    eventually(lambda: fits(server, messages), "a place for a fit")


def fit_refusal(server: Server, messages: Messages) -> grpc.RpcError | None:
    try:
        server.call(FIT_PREDICT, messages.small_fit())
    except grpc.RpcError as error:
        return error
    return None


def fits(server: Server, messages: Messages) -> bool:
    return fit_refusal(server, messages) is None


def test_streams_beyond_the_threads_are_refused_and_places_come_back(serve: Serve) -> None:
    # One stream on a connection: room for four stalled ones and four more.
    server = serve("--port", "0", "--workers", "1", limits_max_concurrent_streams="1")
    everything = health_pb2.HealthCheckRequest()

    def watch() -> Any:
        return health(server.channel()).Watch(everything, timeout=PATIENCE)

    def refusal(call: Any) -> grpc.RpcError | None:
        try:
            assert next(call).status == health_pb2.HealthCheckResponse.SERVING
        except grpc.RpcError as error:
            return error
        return None

    open_streams = [watch() for _ in range(8)]
    assert [refusal(call) for call in open_streams] == [None] * 8
    error = refusal(watch())
    assert error is not None
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.details() == "streams in flight are at the limit of 8 (limits.max_concurrent_streams)"
    assert int(trailers(error)["grpc-retry-pushback-ms"]) > 0
    assert server.call("/grpc.health.v1.Health/Check")
    open_streams[0].cancel()
    eventually(lambda: refusal(watch()) is None, "the place of a stream that ended")


class Stalled:
    """Calls that send headers and never a body."""

    def __init__(self, server: Server, path: str, connections: int, calls: int) -> None:
        self._over = threading.Event()
        self.calls: list[Any] = []
        for _ in range(connections):
            call: grpc.StreamUnaryMultiCallable[bytes, bytes] = server.channel().stream_unary(path)
            self.calls += [call.future(self._nothing(), timeout=PATIENCE * 2) for _ in range(calls)]

    def _nothing(self) -> Iterator[bytes]:
        self._over.wait()
        yield from ()

    def __enter__(self) -> "Stalled":
        return self

    def __exit__(self, *_: object) -> None:
        for call in self.calls:
            call.cancel()
        self._over.set()


@pytest.mark.parametrize("path", [PREDICT, FIT_PREDICT, "/grpc.health.v1.Health/Watch"])
def test_headers_without_bodies_leave_other_calls_answered(serve: Serve, path: str) -> None:
    server = serve("--port", "0", "--workers", "1")
    messages = Messages(server.address)
    (worker,) = server.workers()

    def threads() -> int:
        return len(list(Path(f"/proc/{worker}/task").iterdir()))

    before = threads()
    # More on each connection than it may have: the rest waits in the client.
    with Stalled(server, path, connections=4, calls=20):
        # A few threads were there already, from the calls above.
        eventually(lambda: threads() >= before + 4 * 14, "the calls to take their threads")
        assert server.call(FIT_PREDICT, messages.small_fit("points"))
        with ThreadPoolExecutor(8) as pool:
            requests = [messages.prediction("points", [value]) for value in (1.0, 9.0)] * 8
            answers = list(pool.map(lambda request: server.call(PREDICT, request), requests))
        assert len(set(answers)) == 2
        assert next(health(server.channel()).Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE)).status == 1


def test_garbage_on_the_port_does_not_disturb(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1")
    for garbage in (
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(range(256)) * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 999,
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(garbage)
            assert server.call("/grpc.health.v1.Health/Check")
    assert server.stop() == 0
