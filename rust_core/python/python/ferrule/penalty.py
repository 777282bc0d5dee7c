"""Which penalty a logistic regression has: scikit-learn's parameters, old and new, and what each solver takes."""

import warnings
from typing import Any

import numpy as np


def effective_penalty(estimator: Any) -> tuple[float, float]:
    """`C` (infinite for no penalty) and `l1_ratio` that the parameters of a LogisticRegression mean.

    `penalty` is deprecated since scikit-learn 1.8, with `l1_ratio` and ``C=np.inf`` in its place; errors and warnings are
    those of 1.9.1.

    Raises:
        ValueError: The solver does not have this penalty.
    """
    penalty, l1_ratio, c = estimator.penalty, estimator.l1_ratio, estimator.C
    if penalty == "deprecated":
        name = _name_of(l1_ratio, c)
    else:
        name = penalty
        _warn(
            "'penalty' was deprecated in version 1.8 and will be removed in 1.10. To avoid this warning, leave 'penalty' "
            "set to its default value and use 'l1_ratio' or 'C' instead. Use l1_ratio=0 instead of penalty='l2', "
            "l1_ratio=1 instead of penalty='l1', l1_ratio set to a float between 0 and 1 instead of penalty='elasticnet', "
            "and C=np.inf instead of penalty=None.",
            FutureWarning,
        )
    _check_solver(estimator.solver, name, dual=estimator.dual)
    if name != "elasticnet" and l1_ratio is not None and 0 < l1_ratio < 1:
        _warn(f"l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={name})")
    if (penalty == "l2" and l1_ratio != 0) or (penalty == "l1" and l1_ratio != 1):
        _warn(
            f"Inconsistent values: penalty={penalty} with l1_ratio={l1_ratio}. penalty is deprecated. Please use l1_ratio "
            "only."
        )
    if name == "elasticnet" and l1_ratio is None:
        raise ValueError("l1_ratio must be specified when penalty is elasticnet.")
    if penalty is None and c != 1.0:
        _warn("Setting penalty=None will ignore the C and l1_ratio parameters")
    if name is None:
        return np.inf, 0.0
    return float(c), {"l2": 0.0, "l1": 1.0}.get(name, float(l1_ratio or 0.0))


def _name_of(l1_ratio: float | None, c: float) -> str | None:
    """The penalty's old name."""
    if l1_ratio is None:
        _warn(
            "'l1_ratio=None' was deprecated in version 1.8 and will trigger an error in 1.10. Use 0<=l1_ratio<=1 instead.",
            FutureWarning,
        )
    if c == np.inf:
        return None
    if not l1_ratio:
        return "l2"
    return "l1" if l1_ratio == 1 else "elasticnet"


def _check_solver(solver: str, penalty: str | None, *, dual: bool) -> None:
    if solver not in {"auto", "liblinear", "saga"} and penalty not in {"l2", None}:
        raise ValueError(f"Solver {solver} supports only 'l2' or None penalties, got {penalty} penalty.")
    if solver != "liblinear" and dual:
        raise ValueError(f"Solver {solver} supports only dual=False, got dual={dual}")
    if penalty == "elasticnet" and solver not in {"auto", "saga"}:
        raise ValueError(f"Only 'saga' solver supports elasticnet penalty, got solver={solver}.")
    if solver == "liblinear" and penalty is None:
        raise ValueError("C=np.inf as well as penalty=None is not supported for the liblinear solver")
    if penalty == "l1" and dual:
        # What liblinear itself says, through scikit-learn.
        raise ValueError(
            "Unsupported set of arguments: The combination of penalty='l1' and loss='logistic_regression' are not "
            "supported when dual=True, Parameters: penalty='l1', loss='logistic_regression', dual=True"
        )


def _warn(problem: str, category: type[Warning] = UserWarning) -> None:
    # From here over effective_penalty (or _name_of) and fit to the caller's line.
    warnings.warn(problem, category, stacklevel=5)
