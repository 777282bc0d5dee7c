"""Client of Ferrule: K-Means and logistic regression, fitted and served over gRPC.

``Client`` and ``AsyncClient`` are connections; ``KMeans`` and ``LogisticRegression`` say what to fit; ``FerruleError`` and its
subclasses say why there is no answer.
"""

from .algorithms import Algorithm, KMeans, LogisticRegression
from .client import AsyncClient, Client
from .connection import Connection
from .errors import (
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    FerruleError,
    FieldViolation,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
)
from .results import FitReport, FitResult, Model, ModelInfo, ModelState, ModelVersion, Output, Prediction, ServingStatus
from .rows import Floats, RowsLike
from .security import Tls

__all__ = [
    "Algorithm",
    "AsyncClient",
    "Cancelled",
    "Client",
    "Connection",
    "DeadlineExceeded",
    "FailedPrecondition",
    "FerruleError",
    "FieldViolation",
    "FitReport",
    "FitResult",
    "Floats",
    "Internal",
    "InvalidArgument",
    "KMeans",
    "LogisticRegression",
    "Model",
    "ModelInfo",
    "ModelState",
    "ModelVersion",
    "NotFound",
    "Output",
    "PermissionDenied",
    "Prediction",
    "ResourceExhausted",
    "RowsLike",
    "ServingStatus",
    "Tls",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
]
