"""What to fit: an algorithm and its parameters, with scikit-learn's names and defaults.

A parameter left at None is not sent, so the server's default holds; the contract states each.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """The base of the algorithms; not one itself."""

    _field: ClassVar[str]

    def write(self, spec: Any) -> None:
        """Chooses this algorithm and its parameters in a ``FitSpec``."""
        chosen = getattr(spec, self._field)
        chosen.SetInParent()
        for parameter in fields(self):
            value = getattr(self, parameter.name)
            if value is not None:
                try:
                    setattr(chosen, parameter.name.lower(), value)
                except (TypeError, ValueError) as problem:
                    raise ValueError(f"{parameter.name}: {problem}") from None


@dataclass(frozen=True, kw_only=True)
class KMeans(Algorithm):
    """K-Means: Lloyd's algorithm started by greedy k-means++."""

    _field = "k_means"

    n_clusters: int | None = None
    """Number of clusters, 1 to the number of rows. Default: 8."""
    n_init: int | None = None
    """Number of starts, of which the lowest inertia wins. Default: 1."""
    max_iter: int | None = None
    """Most iterations of one start. Default: 300."""
    tol: float | None = None
    """Relative tolerance on the squared movement of the centres. Default: 1e-4."""
    random_state: int | None = None
    """Seed of the random start. Default: 0."""


@dataclass(frozen=True, kw_only=True)
class LogisticRegression(Algorithm):
    """Logistic regression: L2 penalty, L-BFGS; a sigmoid for two classes, multinomial for more."""

    _field = "logistic_regression"

    C: float | None = None
    """Inverse strength of the penalty, above 0. Default: 1."""
    fit_intercept: bool | None = None
    """Whether to fit an unpenalised intercept. Default: True."""
    max_iter: int | None = None
    """Most iterations. Default: 100."""
    tol: float | None = None
    """Converged when no component of the gradient is larger. Default: 1e-4."""
