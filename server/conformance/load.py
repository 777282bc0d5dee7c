"""Requests that take long, and threads that keep asking."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np

from server.conformance.call import eventually, path, request_type, unary
from server.conformance.process import Server

#: Settings of a server that takes one fit at a time, so that it shows whether one runs.
ONE_FIT = {"limits_max_fits_in_flight": "1"}


def long_fit(model: str = "", *, starts: int = 100) -> bytes:
    """A FitPredict request that takes minutes, if no one stops it, with fewer starts seconds."""
    rows = np.random.default_rng(0).normal(size=(4000, 50))
    request = request_type("FitPredict")()
    request.spec.model = model
    request.spec.k_means.n_clusters = 200
    request.spec.k_means.n_init = starts
    request.spec.k_means.max_iter = 100
    request.spec.k_means.tol = 0.0
    request.data.input.rows, request.data.input.columns = rows.shape
    request.data.input.float64 = rows.tobytes()
    return bytes(request.SerializeToString())


def short_fit(model: str = "") -> Any:
    """A FitPredict request that takes no time."""
    request = request_type("FitPredict")()
    request.spec.model = model
    request.spec.k_means.n_clusters = 1
    request.data.input.rows = request.data.input.columns = 1
    request.data.input.values.append(3.0)
    return request


def predict(model: str, version: int | None = None) -> Any:
    """A Predict request for a model of ``short_fit``."""
    request = request_type("Predict")(model=model)
    if version is not None:
        request.version = version
    request.input.rows = request.input.columns = 1
    request.input.values.append(1.0)
    return request


def fits_again(server: Server) -> bool:
    """Whether a fit is taken, which it is not while another one runs."""
    with server.channel() as channel:
        answer = unary(channel, "FitPredict", short_fit().SerializeToString())
    assert answer.code in {"OK", "RESOURCE_EXHAUSTED"}, answer
    return answer.code == "OK"


def begin_long_fit(server: Server, channel: grpc.Channel, *, starts: int = 100) -> Any:
    """The future of a fit as ``long_fit`` says, which the server works on; it takes one fit at a time."""
    request = long_fit(starts=starts)
    call: Any = channel.unary_unary(path("FitPredict"), request_serializer=None, response_deserializer=None)
    begun = call.future(request, timeout=100, wait_for_ready=True)

    def runs() -> bool:
        nonlocal begun
        if begun.done():
            # It met the fit that asked whether it runs, or was done before that was asked.
            assert begun.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OK}
            begun = call.future(request, timeout=100, wait_for_ready=True)
        return not fits_again(server) and not begun.done()

    eventually("the fit runs", 30, runs)
    return begun


@contextmanager
def repeating(threads: int, work: Callable[[], None]) -> Iterator[None]:
    """Repeats work on so many threads until the block ends, and raises what it raised."""
    stop = threading.Event()
    failures: list[Exception] = []

    def repeat() -> None:
        try:
            while not stop.is_set():
                work()
        except Exception as failure:  # noqa: BLE001 - handed to the test's own thread
            failures.append(failure)

    running = [threading.Thread(target=repeat) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join()
    if failures:
        raise failures[0]
