"""Client of Ferrule: K-Means and logistic regression, fitted and served over gRPC.

``Client`` is the connection; ``KMeans`` and ``LogisticRegression`` say what to fit; ``FerruleError`` and its
subclasses say why there is no answer.
"""

from .algorithms import Algorithm, KMeans, LogisticRegression
from .client import Client
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

__all__ = [
    "Algorithm",
    "Cancelled",
    "Client",
    "DeadlineExceeded",
    "FailedPrecondition",
    "FerruleError",
    "FieldViolation",
    "FitReport",
    "FitResult",
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
    "ServingStatus",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
]
