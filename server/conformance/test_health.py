"""Health as the official client sees it."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.conformance.call import ask, request_type
from server.conformance.conftest import KINDS, Pair, Start
from server.conformance.load import short_fit

# The published types lack the methods, and List.
EVERYTHING: Any = getattr(health_pb2, "HealthListRequest")()  # noqa: B009 - unknown to the types

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def health(channel: grpc.Channel) -> Any:
    """The official client."""
    return health_pb2_grpc.HealthStub(channel)


@pytest.mark.parametrize("kind", KINDS)
def test_check(pair: Pair, kind: str) -> None:
    with pair[kind].channel() as channel:
        stub = health(channel)
        for service in ("", "ferrule.v1.PredictionService", "ferrule.v1.ModelService", "models/pets"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="no"), timeout=10)
        failed: Any = caught.value
        assert failed.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("kind", KINDS)
def test_list(pair: Pair, kind: str) -> None:
    with pair[kind].channel() as channel:
        listed = health(channel).List(EVERYTHING, timeout=10).statuses
    for service in (
        "",
        "ferrule.v1.PredictionService",
        "ferrule.v1.ModelService",
        "grpc.health.v1.Health",
        "models/pets",
    ):
        assert listed[service].status == SERVING
    assert listed["models/asleep"].status == NOT_SERVING


@pytest.mark.parametrize("kind", KINDS)
def test_watch(start: Start, kind: str) -> None:
    # Enough connections that every worker has watchers: a change reaches them all.
    server = start(kind, workers=2, settings={"models_poll_interval": "100ms"})
    channels = [server.channel() for _ in range(8)]
    watches: list[Iterator[Any]] = []
    for channel in channels:
        stub = health(channel)
        watches.append(stub.Watch(health_pb2.HealthCheckRequest(service="models/m"), timeout=60))
    assert {next(watch).status for watch in watches} == {SERVICE_UNKNOWN}
    with server.channel() as channel:
        ask(channel, "FitPredict", short_fit("m"))
        assert {next(watch).status for watch in watches} == {SERVING}
        ask(channel, "UnloadModel", request_type("UnloadModel")(model="m"))
        assert {next(watch).status for watch in watches} == {NOT_SERVING}
        ask(channel, "LoadModel", request_type("LoadModel")(model="m"))
        assert {next(watch).status for watch in watches} == {SERVING}
    for channel in channels:
        channel.close()


@pytest.mark.parametrize("kind", KINDS)
def test_watch_says_that_the_server_stops(start: Start, kind: str) -> None:
    # Long enough for a watcher to hear of it; the server ends as soon as the delay is over.
    server = start(kind, settings={"server_drain_delay": "300ms"})
    with server.channel() as channel:
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == SERVING
        server.ask_to_stop()
        assert next(watch).status == NOT_SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(watch)
        failed: Any = caught.value
        assert failed.code() is grpc.StatusCode.UNAVAILABLE
    server.wait()
