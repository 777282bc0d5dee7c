"""What subjects are asked, as bytes, and what is a right answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ferrule_client import Client, KMeans, LogisticRegression, messages

from . import dialects, oracle
from .oracle import Oracle
from .scenario import Algorithm, Call, Model
from .subjects import Dialect, Kind

#: Different requests for each call, so that an answer which belongs to another request is noticed.
_SAMPLE = 64
#: The same of calls that take long.
_SAMPLE_OF_LONG = 4
_LONG_ROWS = 4096
#: As much as a byte echo sends back at most.
_MOST_ECHOED = 64 * 1024
#: An empty ``service``, written out: ghz refuses a request of no bytes.
_WHOLE_SERVER = b"\x0a\x00"
_HEALTH = "grpc.health.v1.Health/Check"
_FIT_PREDICT = "ferrule.v1.PredictionService/FitPredict"

Wrong = Callable[[bytes], str | None]
"""What is wrong with an answer, in words; None when it is right."""


@dataclass(frozen=True, eq=False)
class Question:
    """One request."""

    request: bytes
    wrong: Wrong


@dataclass(frozen=True, eq=False)
class Questions:
    """The requests of one call in one dialect. The first is the one that the load consists of."""

    call: str
    """``package.Service/Method``."""
    protoset: Path | None
    """Describes the messages to ghz; None when the server's reflection does."""
    sample: Sequence[Question]

    @property
    def path(self) -> str:
        """``/package.Service/Method``."""
        return f"/{self.call}"

    @property
    def request(self) -> bytes:
        """The request that the load consists of."""
        return self.sample[0].request


@dataclass(frozen=True, eq=False)
class Published:
    """A scenario's model, in a server's repository."""

    model: str
    version: int
    oracle: Oracle
    """Its data, and scikit-learn's answers."""


def publish(address: str, model: Model, name: str) -> Published:
    """Fits and publishes the model through the server at ``address``. Raises FerruleError."""
    found = oracle.of(model)
    with Client(address, timeout=120.0) as client:
        fit = client.fit_predict(found.training, found.targets, model=name, algorithm=_algorithm(model))
    return Published(name, fit.report.version, found)


def of(call: Call, model: Model | None, published: Published | None, dialect: Dialect) -> Questions:
    """The requests of a call. Raises ValueError when the call needs a model and there is none."""
    if call.kind is Kind.HEALTH:
        return Questions(_HEALTH, dialects.PROTOSET, [Question(_WHOLE_SERVER, partial(_other_bytes, b"\x08\x01"))])
    if model is None or published is None:
        raise ValueError(f"{call.kind.value} needs a model")
    if call.kind is Kind.FIT_PREDICT:
        return Questions(_FIT_PREDICT, dialects.PROTOSET, _fits(call, model))
    if call.kind is Kind.ECHO:
        asked = [
            dialect.encode(published.model, published.version, rows) for rows, _ in _batches(call, published.oracle)
        ]
        sample = [Question(request, partial(_other_bytes, request[:_MOST_ECHOED])) for request in asked]
        return Questions(dialect.predict, dialect.protoset, sample)
    sample = [
        Question(dialect.encode(published.model, published.version, rows), partial(_other_labels, dialect, labels))
        for rows, labels in _batches(call, published.oracle)
    ]
    return Questions(dialect.predict, dialect.protoset, sample)


def _batches(call: Call, known: Oracle) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
    """Rows and their labels: the held-out rows, again and again, beginning at another row each time."""
    count = _SAMPLE if call.rows < _LONG_ROWS else _SAMPLE_OF_LONG
    available = known.rows.shape[0]
    places = [(np.arange(call.rows) + first) % available for first in range(min(count, available))]
    return [(known.rows[place], known.labels[place]) for place in places]


def _fits(call: Call, model: Model) -> list[Question]:
    """The same rows with different seeds."""
    rows = oracle.blobs(call.rows, model)
    clusters = model.clusters or 1
    count = _SAMPLE_OF_LONG if call.rows < _LONG_ROWS else 1
    return [
        Question(
            _fit_request(rows, KMeans(n_clusters=clusters, random_state=seed)),
            partial(_other_fit, oracle.cluster_labels(rows, clusters, seed)),
        )
        for seed in range(count)
    ]


def _fit_request(rows: npt.NDArray[np.float64], algorithm: KMeans) -> bytes:
    request = messages.FitPredictRequest()
    algorithm.write(request.spec)
    request.data.input.CopyFrom(dialects.matrix(rows))
    return bytes(request.SerializeToString())


def _algorithm(model: Model) -> KMeans | LogisticRegression:
    if model.algorithm is Algorithm.K_MEANS:
        return KMeans(n_clusters=model.clusters, random_state=model.seed)
    return LogisticRegression(tol=oracle.TOLERANCE, max_iter=oracle.MAX_ITERATIONS)


def _other_bytes(expected: bytes, answer: bytes) -> str | None:
    return None if answer == expected else f"expected {expected[:40]!r}, got {answer[:40]!r}"


def _other_labels(dialect: Dialect, expected: npt.NDArray[np.int64], answer: bytes) -> str | None:
    try:
        got = dialect.labels(answer)
    except ValueError as problem:
        return str(problem)
    return _difference(expected, got)


def _other_fit(expected: npt.NDArray[np.int64], answer: bytes) -> str | None:
    prediction = messages.FitPredictResponse.FromString(answer).prediction
    return _difference(expected, np.array(prediction.labels.integers.values, dtype=np.int64))


def _difference(expected: npt.NDArray[np.int64], got: npt.NDArray[np.int64]) -> str | None:
    if expected.shape != got.shape:
        return f"expected {expected.size} labels, got {got.size}"
    unequal = np.flatnonzero(expected != got)
    if unequal.size == 0:
        return None
    row = unequal[0]
    return f"{unequal.size} of {expected.size} labels differ: row {row}: expected {expected[row]}, got {got[row]}"
