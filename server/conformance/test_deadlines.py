"""Deadlines, cancellation and load limits: work that no one waits for stops, and makes room."""

import time

import grpc
import numpy as np
import pytest

from server.conformance import http2
from server.conformance.call import Answer, ask, eventually, path, request_type, unary
from server.conformance.conftest import KINDS, Pair, Start
from server.conformance.load import ONE_FIT, begin_long_fit, fits_again, long_fit, short_fit


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_past_its_deadline_stops(start: Start, kind: str) -> None:
    server = start(kind, settings=ONE_FIT)
    with server.channel() as channel:
        began = time.monotonic()
        answer = unary(channel, "FitPredict", long_fit("late"), timeout=1)
        assert answer.code == "DEADLINE_EXCEEDED"
        assert time.monotonic() - began < 20
        eventually("the fit has made room for another", 20, lambda: fits_again(server))
        assert not ask(channel, "ListModels", request_type("ListModels")()).models


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_fit_stops(start: Start, kind: str) -> None:
    server = start(kind, settings=ONE_FIT)
    with server.channel() as channel:
        begun = begin_long_fit(server, channel)
        begun.cancel()
        eventually("the fit has made room for another", 20, lambda: fits_again(server))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_whose_caller_vanishes_stops(start: Start, kind: str) -> None:
    server = start(kind, settings=ONE_FIT)
    channel = server.channel()
    begun = begin_long_fit(server, channel)
    channel.close()
    assert begun.code() is grpc.StatusCode.CANCELLED
    eventually("the fit has made room for another", 20, lambda: fits_again(server))


def test_a_fit_over_the_limit_is_told_when_to_come_back(start: Start) -> None:
    answers: dict[str, Answer] = {}
    for kind in KINDS:
        server = start(kind, settings=ONE_FIT)
        with server.channel() as channel:
            begun = begin_long_fit(server, channel)
            answers[kind] = unary(channel, "FitPredict", short_fit().SerializeToString())
            # Other calls are answered meanwhile, over the same connection.
            assert unary(channel, "ListModels", b"").code == "OK"
            begun.cancel()
    assert answers["python"] == answers["rust"]
    answer = answers["rust"]
    assert answer.code == "RESOURCE_EXHAUSTED"
    assert "limits.max_fits_in_flight" in answer.message
    assert answer.pushback == "100"
    detail = answer.detail()
    assert detail is not None
    assert detail[0] == "RetryInfo"
    assert detail[1].retry_delay.nanos == 100_000_000


def test_the_server_itself_says_that_the_deadline_passed(start: Start) -> None:
    """A client's own clock hides what the server says; this client has none."""
    replies = {}
    for kind in KINDS:
        server = start(kind, settings=ONE_FIT)
        with http2.connected(server) as connection:
            stream = connection.start(path("FitPredict"), [("grpc-timeout", "700m")])
            body = http2.framed(long_fit())
            # Within the connection's first window, then as it grows.
            connection.send_all(stream, body)
            replies[kind] = connection.reply(stream)
    for kind, reply in replies.items():
        assert reply.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0], kind
        assert reply.body == b""


def test_a_deadline_that_passed_on_the_way_publishes_nothing(pair: Pair) -> None:
    # grpcio rounds deadlines up to a millisecond, in which the shortest of fits is done. This one takes longer.
    fit = short_fit("never")
    fit.spec.k_means.n_clusters = 20
    fit.spec.k_means.n_init = fit.spec.k_means.max_iter = 100
    fit.spec.k_means.tol = 0.0
    fit.data.input.rows, fit.data.input.columns = 200, 9
    del fit.data.input.values[:]
    fit.data.input.float64 = np.random.default_rng(0).normal(size=(200, 9)).tobytes()
    for kind, server in pair.items():
        with http2.connected(server) as connection:
            stream = connection.start(path("FitPredict"), [("grpc-timeout", "1n")])
            connection.send(stream, http2.framed(fit.SerializeToString()))
            reply = connection.reply(stream)
            assert reply.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0], kind
        with server.channel() as channel:
            assert (
                unary(channel, "GetModel", request_type("GetModel")(model="never").SerializeToString()).code
                == "NOT_FOUND"
            )
