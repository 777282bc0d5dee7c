"""One sparse row over gRPC: both servers beside scikit-learn behind plain grpcio, with the same request and answer."""

import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ferrule
import grpc
import numpy as np
from ferrule_client import messages

from loadtest import servers
from measuring.rounds import orders

from . import answers, report
from .data import Arrays, Data, folder, load
from .environments import ROOT
from .peers import OURS
from .rounds import Measured, Outcome, Pace
from .subjects import SubjectError, Timing
from .works import Work

TASK = "serve-sparse-predict"
_PREDICT = "/ferrule.v1.PredictionService/Predict"
_PYTHON, _USUAL, _FORTRAN = (
    "Ferrule, Python server",
    "scikit-learn behind grpcio",
    "scikit-learn behind grpcio, Fortran-order coef_",
)


def all_works() -> list[Work]:
    """The row of the table."""
    data = Data("sparse_scored", {"rows": 1, "columns": 1_000_000, "nonzeros": 47, "classes": 20})
    title = "Predict over gRPC: probabilities of one CSR row, 47 nonzeros, 1M features × 20 classes (Rust server)"
    work = Work("logistic/serve-sparse-one", title, TASK, TASK, data, {"n_classes": 20})
    return [replace(work, peers=(_FORTRAN,), quoted=(_PYTHON, _USUAL))]


def measure(work: Work, outcome: Outcome, pace: Pace, progress: Callable[[str], None], *, only_ours: bool) -> None:
    """One call after the other on one connection; a round's figure is the median of its calls.

    Raises SubjectError when a server does not start or does not answer right.
    """
    rows = folder(work.data, work.dtype)
    arrays = load(rows)
    outcome.load_average.append(os.getloadavg()[0])
    with tempfile.TemporaryDirectory(prefix="ferrule-bench-serve-") as scratch, ExitStack() as stack:
        models = Path(scratch, "models")
        progress("publishing the model")
        ferrule.save(_model(work, arrays), models, model="wide")
        serve = ("serve", "--host", "127.0.0.1", "--port", "0", "--workers", "1", "--models", str(models))
        peer = (sys.executable, "-m", f"{__package__}.serving_peer", str(rows))
        commands = {OURS.name: (*servers.COMMANDS["rust"], *serve), _PYTHON: (*servers.COMMANDS["python"], *serve)}
        if not only_ours:
            commands |= {_USUAL: (*peer, "C"), _FORTRAN: (*peer, "F")}
        request = request_bytes(arrays)
        calls: dict[str, Callable[[], bytes]] = {}
        for name, command in commands.items():
            progress(f"starting {name}")
            try:
                log = Path(scratch, f"{len(calls)}.log")
                server = stack.enter_context(
                    servers.launched(name, command, log=log, settings={"PYTHONPATH": str(ROOT)})
                )
            except servers.ServerError as problem:
                raise SubjectError(str(problem)) from problem
            channel = stack.enter_context(grpc.insecure_channel(server.address))
            method: Any = channel.unary_unary(_PREDICT, request_serializer=None, response_deserializer=None)
            calls[name] = partial(method, request, timeout=30, wait_for_ready=True)
            outcome.measured.append(_judged(work, arrays, name, calls[name]()))
        by_name = {each.peer: each for each in outcome.measured}
        counts = {
            name: max(20, math.ceil(pace.seconds / max(statistics.median(_timed(call, 20)), 1e-6)))
            for name, call in calls.items()
        }
        every: dict[str, list[float]] = {name: [] for name in calls}
        for number, names in orders(list(calls), pace.rounds):
            progress(f"round {number} of {pace.rounds}")
            for name in names:
                taken = _timed(calls[name], counts[name])
                by_name[name].timings.append(Timing(counts[name], statistics.median(taken), None))
                every[name] += taken
        outcome.figures[report.LATENCIES] = {name: _percentiles(taken) for name, taken in every.items()}
    outcome.load_average.append(os.getloadavg()[0])


def request_bytes(arrays: Arrays) -> bytes:
    """The serialized question: probabilities of the CSR rows."""
    rows, columns = arrays["X_shape"].tolist()
    outputs = messages.POOL.FindEnumTypeByName("ferrule.v1.Output").values_by_name
    request = messages.PredictRequest(model="wide", outputs=[outputs["OUTPUT_PROBABILITIES"].number])
    matrix = request.input
    matrix.rows, matrix.columns, matrix.float64 = rows, columns, arrays["X_data"].astype("<f8").tobytes()
    matrix.csr.indptr = arrays["X_indptr"].astype("<u8").tobytes()
    matrix.csr.indices = arrays["X_indices"].astype("<u4").tobytes()
    return bytes(request.SerializeToString())


def _model(work: Work, arrays: Arrays) -> Any:
    """An estimator with the coefficients that are given."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    model.coef_, model.intercept_ = arrays["coef"], arrays["intercept"]
    model.classes_, model.n_iter_ = np.arange(work.options["n_classes"]), np.array([1], dtype=np.int32)
    model.n_features_in_ = arrays["coef"].shape[1]
    return model


def _judged(work: Work, arrays: Arrays, name: str, answered: bytes) -> Measured:
    matrix = messages.PredictResponse.FromString(answered).prediction.probabilities
    probabilities = np.frombuffer(matrix.float64, "<f8").reshape(matrix.rows, matrix.columns)
    scored = answers.score(replace(work, task="logistic-predict"), arrays, {"probabilities": probabilities}, {})
    verdict = answers.verdict(work, scored, scored, 0.0)
    return Measured(name, {}, verdict.right, verdict.words, None, 0.0, {})


def _timed(call: Callable[[], bytes], count: int) -> list[float]:
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return taken


def _percentiles(taken: list[float]) -> dict[str, float]:
    """In seconds, of all rounds' calls."""
    found = {f"p{percent}": float(np.percentile(taken, percent)) for percent in (50, 90, 99)}
    return {**found, "calls": len(taken)}
