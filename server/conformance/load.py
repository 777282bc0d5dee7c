"""Requests that take long, and threads that keep asking."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from server.conformance.call import request_type


def long_fit(model: str = "") -> bytes:
    """A FitPredict request that takes minutes, if no one stops it."""
    rows = np.random.default_rng(0).normal(size=(4000, 50))
    request = request_type("FitPredict")()
    request.spec.model = model
    request.spec.k_means.n_clusters = 200
    request.spec.k_means.n_init = 100
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
