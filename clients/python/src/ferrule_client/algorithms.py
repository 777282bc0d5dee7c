"""What to fit: an algorithm and its parameters, with scikit-learn's names and defaults.

A parameter left at None is not sent, so the server's default holds; the contract states each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy.typing as npt

from . import labels, matrix
from .rows import Rows


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """The base of the algorithms; not one itself."""

    _field: ClassVar[str]

    def write(self, spec: Any) -> None:
        """Chooses this algorithm and its parameters in a ``FitSpec``. Raises ValueError for what can't be sent."""
        chosen = getattr(spec, self._field)
        chosen.SetInParent()
        for parameter in fields(self):
            value = getattr(self, parameter.name)
            if value is not None:
                try:
                    self._set(chosen, parameter.name, value)
                except (TypeError, ValueError) as problem:
                    raise ValueError(f"{parameter.name}: {problem}") from None

    def _set(self, chosen: Any, parameter: str, value: Any) -> None:
        setattr(chosen, parameter.lower(), value)


@dataclass(frozen=True, kw_only=True, eq=False)
class KMeans(Algorithm):
    """K-Means: Lloyd's algorithm."""

    _field = "k_means"

    n_clusters: int | None = None
    """Number of clusters, 1 to the number of rows. Default: the number of centres in ``init``, else 8."""
    init: Literal["k-means++", "random"] | npt.ArrayLike | None = None
    """Where the centres start: rows drawn by greedy k-means++, rows drawn at random, or these centres
    (n_clusters × columns). Default: ``"k-means++"``."""
    n_init: int | Literal["auto"] | None = None
    """Number of starts, of which the lowest inertia wins; given centres are started from once, whatever this says.
    Default: ``"auto"``, 10 for ``init="random"``, else 1."""
    max_iter: int | None = None
    """Most iterations of one start. Default: 300."""
    tol: float | None = None
    """Relative tolerance on the squared movement of the centres. Default: 1e-4."""
    random_state: int | None = None
    """Seed of the random start. Default: 0."""

    def _set(self, chosen: Any, parameter: str, value: Any) -> None:
        match parameter, value:
            case "init", str():
                chosen.init = _number(_INITS, value)
            case "init", _:
                chosen.centers.ParseFromString(b"".join(matrix.encode(Rows.of(value))))
            case "n_init", "auto":
                pass
            case _:
                super()._set(chosen, parameter, value)


@dataclass(frozen=True, kw_only=True)
class LogisticRegression(Algorithm):
    """Logistic regression: a sigmoid for two classes, multinomial for more."""

    _field = "logistic_regression"

    C: float | None = None
    """Inverse strength of the penalty, above 0; infinity for no penalty. Default: 1."""
    l1_ratio: float | None = None
    """The part of L1 in the penalty, 0 to 1: 0 is L2, 1 is L1, between them lies the elastic net. Default: 0."""
    fit_intercept: bool | None = None
    """Whether to fit an unpenalised intercept. Default: True."""
    intercept_scaling: float | None = None
    """``solver="liblinear"`` only: the intercept is penalised as the coefficient of a column of this value, above 0.
    Default: 1."""
    class_weight: Literal["balanced"] | Mapping[int, float] | Mapping[bool, float] | Mapping[str, float] | None = None
    """What the rows of each class weigh, times their sample weights: as much in each class, or these; a class that is
    not named weighs 1. Default: 1 each."""
    solver: Literal["lbfgs", "newton-cholesky", "newton-cg", "liblinear", "sag", "saga"] | None = None
    """How the minimum is searched; which minimum does not depend on it, but for liblinear's penalised intercept.
    Default: the fastest route."""
    max_iter: int | None = None
    """Most iterations. Default: 100."""
    tol: float | None = None
    """Converged when no component of the gradient is larger. Default: 1e-4."""

    def _set(self, chosen: Any, parameter: str, value: Any) -> None:
        match parameter, value:
            case "solver", _:
                chosen.solver = _number(_SOLVERS, value)
            case "class_weight", "balanced":
                chosen.balanced = True
            case "class_weight", Mapping():
                # None named is as if unset; nor would it be known whether they are numbers or words.
                if value:
                    chosen.class_weights.classes.CopyFrom(labels.encode(list(value)))
                    chosen.class_weights.weights.extend(value.values())
            case "class_weight", _:
                raise ValueError(f'expected "balanced" or a mapping, got {value!r}')
            case _:
                super()._set(chosen, parameter, value)


#: The numbers of the contract's enums Init and Solver.
_INITS = {"k-means++": 1, "random": 2}
_SOLVERS = {"lbfgs": 1, "newton-cholesky": 2, "newton-cg": 3, "liblinear": 4, "sag": 5, "saga": 6}


def _number(names: Mapping[str, int], name: Any) -> int:
    try:
        return names[name]
    except (KeyError, TypeError):
        raise ValueError(f"expected one of {', '.join(map(repr, names))}, got {name!r}") from None
