"""What the client returns."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import numpy.typing as npt

from . import labels, matrix
from .rows import Floats

#: What can be computed for each row.
Output = Literal["labels", "probabilities", "decision_function", "distances"]


# Not frozen: of the time that a one-row call takes beside the transport, a frozen one's assignments were a fifth.
@dataclass(slots=True, eq=False)
class Prediction:
    """The answers for the rows of a request; what was not asked for is None."""

    model: str
    """Name of the model that answered; empty after a fit that was not published."""
    version: int
    """Version that answered; 0 after a fit that was not published."""
    labels: npt.NDArray[Any] | None
    """One for each row: int64, or objects of type ``str``."""
    probabilities: Floats | None
    """rows × classes, each row summing to 1."""
    decision_function: Floats | None
    """rows × 1 for two classes, else rows × classes."""
    distances: Floats | None
    """rows × clusters, Euclidean."""

    @classmethod
    def read(cls, message: Any) -> "Prediction":
        """From a ``PredictResponse``."""
        return cls.of(message.prediction, message.model, message.version)

    @classmethod
    def of(cls, message: Any, model: str, version: int) -> "Prediction":
        """From a ``Prediction`` message of that model and version."""
        has = message.HasField
        return cls(
            model,
            version,
            labels.decode(message.labels) if has("labels") else None,
            matrix.decode(message.probabilities) if has("probabilities") else None,
            matrix.decode(message.decision_function) if has("decision_function") else None,
            matrix.decode(message.distances) if has("distances") else None,
        )


@dataclass(frozen=True)
class FitReport:
    """How a fit went."""

    n_iter: int
    """Iterations that the fit took."""
    converged: bool
    """Whether it converged before ``max_iter``."""
    version: int
    """Version that was published; 0 when nothing was."""
    inertia: float | None
    """K-Means: weighted sum of squared distances to the nearest centre."""
    loss: float | None
    """Logistic regression: weighted mean log loss plus penalty."""

    @classmethod
    def read(cls, message: Any) -> "FitReport":
        """From a ``FitReport`` message."""
        return cls(
            n_iter=message.n_iter,
            converged=message.converged,
            version=message.version,
            inertia=message.inertia if message.HasField("inertia") else None,
            loss=message.loss if message.HasField("loss") else None,
        )


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fit and its answers for the training rows."""

    report: FitReport
    """How the fit went."""
    prediction: Prediction
    """The answers."""


class ModelState(StrEnum):
    """Whether a version answers."""

    AVAILABLE = "available"
    UNLOADED = "unloaded"
    DAMAGED = "damaged"
    UNKNOWN = "unknown"
    """A state that this client does not know."""

    @classmethod
    def read(cls, number: int) -> "ModelState":
        """From the number in a message."""
        return {1: cls.AVAILABLE, 2: cls.UNLOADED, 3: cls.DAMAGED}.get(number, cls.UNKNOWN)


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model, as a listing shows it."""

    version: int
    state: ModelState


@dataclass(frozen=True)
class Model:
    """A model and its versions in rising order."""

    name: str
    versions: tuple[ModelVersion, ...]

    @classmethod
    def read(cls, message: Any) -> "Model":
        """From a ``Model`` message."""
        return cls(message.name, tuple(_versions(message.versions)))


def _versions(messages: Iterable[Any]) -> Iterable[ModelVersion]:
    return (ModelVersion(message.version, ModelState.read(message.state)) for message in messages)


@dataclass(frozen=True, eq=False)
class ModelInfo:
    """One version of a model."""

    model: str
    version: int
    kind: str
    """``"k_means"`` or ``"logistic_regression"``."""
    columns: int
    """Number of columns that predict takes."""
    n_clusters: int
    """Number of clusters; 0 for logistic regression."""
    classes: npt.NDArray[Any] | None
    """The classes in the order of the columns of probabilities; None for K-Means."""
    feature_names: tuple[str, ...]
    """Names of the columns, when the training data had them."""

    @classmethod
    def read(cls, message: Any) -> "ModelInfo":
        """From a ``GetModelResponse``."""
        return cls(
            model=message.model,
            version=message.version,
            kind=message.kind,
            columns=message.columns,
            n_clusters=message.n_clusters,
            classes=labels.decode(message.classes) if message.HasField("classes") else None,
            feature_names=tuple(message.feature_names),
        )


class ServingStatus(StrEnum):
    """What the health service says."""

    UNKNOWN = "UNKNOWN"
    SERVING = "SERVING"
    NOT_SERVING = "NOT_SERVING"

    @classmethod
    def read(cls, number: int) -> "ServingStatus":
        """From the number in a message."""
        return {1: cls.SERVING, 2: cls.NOT_SERVING}.get(number, cls.UNKNOWN)
