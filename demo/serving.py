"""Training, asking and loading the servers over gRPC."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ferrule_client import Client

from loadtest import dialects, ghz
from loadtest.ghz import Ghz, Load, Report
from loadtest.servers import Server

from .cases import Case, Labels

#: A short run: enough for a first impression. `make loadtest` measures.
_LOAD = Load(connections=4, concurrency=16, duration_seconds=1.5)
_WARM_UP = Load(connections=4, concurrency=16, duration_seconds=0.5)


@dataclass(frozen=True, eq=False)
class Trained:
    """A case whose model is published."""

    case: Case
    version: int
    iterations: int
    by: str
    """Name of the server that trained it."""


@dataclass(frozen=True, eq=False)
class Answered:
    """A server's answers for the held-out rows of a case."""

    trained: Trained
    server: str
    labels: Labels


def train(server: Server, case: Case) -> Trained:
    """Fits and publishes by one FitPredict. Raises FerruleError."""
    with Client(server.address, timeout=120.0) as client:
        fit = client.fit_predict(
            case.dataset.training, case.targets, model=case.model, algorithm=case.algorithm, outputs=["labels"]
        )
    return Trained(case, fit.report.version, fit.report.n_iter, server.name)


def ask(server: Server, trained: Trained) -> Answered:
    """Predicts the held-out rows by one Predict. Raises FerruleError."""
    with Client(server.address) as client:
        answer = client.predict(trained.case.model, trained.case.dataset.held_out, version=trained.version)
    if answer.labels is None:
        raise ValueError(f"the {server.name} server left out the labels")
    return Answered(trained, server.name, answer.labels)


def load(program: Ghz, server: Server, trained: Trained) -> Report:
    """A short run of ghz that asks for one held-out row again and again, after a warm-up."""
    request = dialects.FERRULE.encode(trained.case.model, trained.version, trained.case.dataset.held_out[:1])
    ghz.run(program, server.address, ghz.PREDICT, request, _WARM_UP)
    return ghz.run(program, server.address, ghz.PREDICT, request, _LOAD).report


def differing(answers: Sequence[Answered]) -> Iterator[str]:
    """Models that the servers label differently, in words."""
    first: dict[str, Answered] = {}
    for answer in answers:
        model = answer.trained.case.model
        other = first.setdefault(model, answer)
        unequal = int(np.sum(answer.labels != other.labels))
        if unequal:
            yield f"{model}: {other.server} and {answer.server} differ in {unequal} of {len(answer.labels)} rows"
