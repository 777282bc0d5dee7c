"""What is measured: servers, each with a name, a way to start it, and what requests to it look like.

Our two servers and the floors are here; what people would use otherwise is in ``peers``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]


class Kind(StrEnum):
    """What a call asks for."""

    K_MEANS = "k_means"
    """Labels of dense rows by a K-Means model."""
    LOGISTIC_REGRESSION = "logistic_regression"
    """Labels of dense rows by a logistic regression."""
    SPARSE = "sparse"
    """Labels of sparse rows by a logistic regression."""
    FIT_PREDICT = "fit_predict"
    """A K-Means fit, and the labels of its rows."""
    HEALTH = "health"
    """``grpc.health.v1.Health/Check`` of the whole server."""
    ECHO = "echo"
    """(The beginning of) the request's bytes: the transport alone."""


@dataclass(frozen=True)
class Dialect:
    """How rows are asked for and answers read, by bytes: the load generators send what is made here beforehand."""

    name: str
    """``"ferrule"``, ``"oip"``."""
    predict: str
    """The method that predicts, ``package.Service/Method``."""
    encode: Callable[[str, int, Rows], bytes]
    """The request of the model of that name and version for labels of dense rows."""
    labels: Callable[[bytes], npt.NDArray[np.int64]]
    """The labels in an answer. Raises ValueError when there are none."""
    protoset: Path | None = None
    """A descriptor set for ghz; None when the servers have reflection."""


@dataclass(frozen=True)
class Deployment:
    """What a subject is started on."""

    models: Path
    """A Ferrule model repository that has the model; for our servers."""
    arrays: Path
    """The same model as ``.npz``, for others: ``centers``; or ``coef``, ``intercept`` and ``classes`` (as scikit-learn's)."""
    model: str
    """Name of the model."""
    version: int
    folder: Path
    """An empty folder of the subject's own."""
    workers: int
    """Cores that the server has. It is started on them by ``taskset``; one worker on each is expected."""


@dataclass(frozen=True)
class Launch:
    """How to start a subject.

    The program listens on a free port of 127.0.0.1 and, as soon as it would answer, writes one line
    ``listening on HOST:PORT`` to its standard output (a server that can't is started by a small program that does). It ends
    on SIGTERM. All processes of its tree count as the server.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables beside those of the load test."""
    start_seconds: float = 60.0
    """How long it may take."""


@dataclass(frozen=True)
class Subject:
    """A server that can be measured."""

    name: str
    """Short, unique: ``"rust"``."""
    label: str
    """For people: ``"Ferrule, Rust server"``."""
    role: Literal["ours", "peer", "floor"]
    dialect: Dialect
    kinds: frozenset[Kind]
    """What it can be asked."""
    launch: Callable[[Deployment, Kind], Launch]
    missing: Callable[[], str | None] = lambda: None
    """Why it can't be started here, in words; None when it can. May install what it needs, into a place of its own."""
    versions: Callable[[], Mapping[str, str]] = dict
    """What it is made of, by package."""
