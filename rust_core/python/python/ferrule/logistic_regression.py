"""Logistic regression as a scikit-learn estimator."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.linalg import LinAlgWarning
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ferrule import _core
from ferrule.labels import distinct_labels, is_plain_labels
from ferrule.penalty import effective_penalty
from ferrule.progress import FollowsProgress, Progress
from ferrule.validation import (
    checked_weights,
    compiled_rows,
    explain,
    is_plain,
    is_walkable,
    known_rows,
    note_columns,
    size,
    whole_or_not,
)


class LogisticRegression(FollowsProgress, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Logistic regression: a sigmoid for two classes, multinomial for more; L2, L1, both penalties or none.

    Parameters, attributes, answers and warnings are those of `sklearn.linear_model.LogisticRegression` 1.9: code written
    for it works when only the import line changes. Arithmetic is in float64; with float32 input the results are rounded to
    float32. Sparse input is never made dense. What differs: weights below 0 and weights that are all 0 are refused, as are
    rows whose scores are not finite; classes that are separated without a penalty end in a ConvergenceWarning; there are no
    `set_callbacks` (see `set_progress`) and no array API.

    Every solver finds the minimum of the same objective, by the routes that are implemented here: ``"lbfgs"`` takes
    scikit-learn's steps, and stops where it stops; ``"newton-cholesky"`` and ``"newton-cg"`` are Newton's method, with a Cholesky
    decomposition and with conjugate gradients; any other name stands for the fastest route, which with an L1 penalty begins as a
    proximal Newton method, and for sparse rows of two classes that name more columns than there are rows (and than 2,048) is
    coordinate descent in the dual, whose epochs count as iterations. All but ``"lbfgs"`` come within 1e-9 of the least objective
    at the usual `tol` (1e-6 in the dual), by their own estimate, or warn that they did not (under L1, sparse columns that are
    multiples of each other but for a millionth may deceive the estimate).
    ``"liblinear"`` penalises the intercept, as it does there.

    Args:
        penalty: Deprecated, as in scikit-learn: ``"l1"``, ``"l2"``, ``"elasticnet"`` or None.
        C: Inverse strength of the penalty, above 0; infinite for no penalty.
        l1_ratio: The part of the absolute values in the penalty, 0 (L2) to 1 (L1).
        dual: Accepted with ``"liblinear"`` and L2; the minimum is the same.
        tol: The fit has converged when no component of the gradient is larger; at least 0. Routes other than L-BFGS also go
            on until the objective is within 1e-10 of its minimum by their own estimate (1e-6 in the dual).
        fit_intercept: Whether to fit an intercept.
        intercept_scaling: With ``"liblinear"``, the value of the column whose coefficient is the (penalised) intercept.
        class_weight: Weights of the classes by label, ``"balanced"``, or None for equal ones.
        random_state: Accepted; what a solver draws comes from a seed of its own, and the minimum is the same.
        solver: ``"lbfgs"``, ``"newton-cholesky"``, ``"newton-cg"``, ``"liblinear"``, ``"sag"``, ``"saga"``, or
            ``"auto"``, which has every penalty.
        max_iter: Most iterations, at least 0. As in scikit-learn, ``"lbfgs"`` takes its first step in any case.
        verbose: Above 0, each iteration is printed.
        warm_start: Whether a fit begins with the coefficients of the one before.
        n_jobs: Deprecated, as in scikit-learn; no effect.

    Attributes:
        coef_: Coefficients, 1 × columns for two classes, else classes × columns.
        intercept_: One for each row of `coef_`.
        classes_: The labels, sorted.
        n_iter_: Iterations, as an array of one number.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where the training data had them.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None, Hidden(StrOptions({"deprecated"}))],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [StrOptions({"auto", "lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"})],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        penalty: str | None = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: dict[Any, float] | str | None = None,
        random_state: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    @whole_or_not
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fits the coefficients to the rows of X and their labels y.

        Args:
            X: Rows × columns of finite numbers, dense or sparse.
            y: The label of each row, at least two distinct ones.
            sample_weight: What each row weighs, not negative; None for 1.

        Raises:
            ValueError: A parameter, weight, label or value is out of its range, or the solver does not have the penalty.
            KeyboardInterrupt: Ctrl-C; the estimator keeps what it had before.
        """
        self._validate_params()
        c, l1_ratio = effective_penalty(self)
        if self.n_jobs is not None:
            warnings.warn(
                "'n_jobs' has no effect since 1.8 and will be removed in 1.10. "
                f"You provided 'n_jobs={self.n_jobs}', please leave it unspecified.",
                FutureWarning,
                stacklevel=3,
            )
        checked, labels = self._training(X, y)
        rows = compiled_rows(checked)
        classes, places = distinct_labels(labels)
        self._check_classes(classes)
        weights = checked_weights(sample_weight, len(labels))
        class_weight = None
        if self.class_weight is not None:
            class_weight = compute_class_weight(
                self.class_weight, classes=classes, y=labels, sample_weight=weights
            ).tolist()
        start = self._start(len(classes), checked.shape[1])
        fit = _core.logistic_regression_fit(
            rows,
            places,
            n_classes=len(classes),
            c=c,
            l1_ratio=l1_ratio,
            solver=self.solver,
            fit_intercept=bool(self.fit_intercept),
            intercept_scaling=float(self.intercept_scaling) if self.solver == "liblinear" else None,
            class_weight=class_weight,
            max_iter=size(self.max_iter),
            tol=float(self.tol),
            start=start,
            sample_weight=weights,
            progress=self._observer(*([_print_iteration] if self.verbose else [])),
        )
        self._warn(fit)
        self.classes_ = classes
        # Column after column, as predictions read them.
        self.coef_: Any = np.asfortranarray(fit.coefficients, dtype=checked.dtype)
        self.intercept_ = fit.intercepts.astype(checked.dtype, copy=False)
        self.n_iter_ = np.array([fit.n_iter], dtype=np.int32)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each row."""
        indices = self._answer(_core.logistic_regression_predict, X)
        labels: NDArray[Any] = self.classes_[indices]
        return labels

    def decision_function(self, X: Any) -> NDArray[np.floating[Any]]:
        """The scores: one for each row (above 0 for the second class) with two classes, else rows × classes."""
        scores = self._answer(_core.logistic_regression_decision_function, X)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> NDArray[np.floating[Any]]:
        """The probability of each label, rows × classes in the order of `classes_`."""
        return self._answer(_core.logistic_regression_predict_proba, X)

    def to_sklearn(self) -> Any:
        """The fitted `sklearn.linear_model.LogisticRegression` with the same answers; see `ferrule.to_sklearn`."""
        from ferrule.persistence import to_sklearn

        return to_sklearn(self)

    def predict_log_proba(self, X: Any) -> NDArray[np.floating[Any]]:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: NDArray[np.floating[Any]] = np.log(self.predict_proba(X))
        return logarithms

    def sparsify(self) -> Self:
        """Keeps `coef_` as a CSR matrix, which is smaller where most coefficients are zero. Answers stay the same."""
        check_is_fitted(self)
        self.coef_ = sparse.csr_matrix(self.coef_)
        return self

    def densify(self) -> Self:
        """Undoes `sparsify`."""
        check_is_fitted(self)
        if sparse.issparse(self.coef_):
            self.coef_ = self.coef_.toarray(order="F")
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        if self.solver == "liblinear":
            tags.classifier_tags.multi_class = False
        return tags

    def _training(self, X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
        """Rows and labels, checked but for what the compiled module sees and `distinct_labels` checks."""
        # liblinear knows float64 only, and so does a fit in its name.
        single = self.solver != "liblinear"
        if is_plain(X) and (single or X.dtype != np.float32) and is_plain_labels(y, X.shape[0]):
            note_columns(self, X)
            return X, y
        checked, labels = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32] if single else np.float64,
            order="C",
            accept_large_sparse=True,
        )
        return checked, labels

    def _check_classes(self, classes: NDArray[Any]) -> None:
        if len(classes) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data contains only one class: "
                f"{classes[0]!r}"
            )
        if len(classes) > 2 and self.solver == "liblinear":
            raise ValueError(
                "The 'liblinear' solver does not support multiclass classification (n_classes >= 3). Either use another "
                "solver or wrap the estimator in a OneVsRestClassifier to keep applying a one-versus-rest scheme. Only "
                "binary classification is supported. The type of the target is multiclass."
            )

    def _start(self, n_classes: int, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Coefficients and intercepts of the fit before, if this one is to begin with them."""
        if not (self.warm_start and hasattr(self, "coef_")) or self.solver == "liblinear":
            return None
        coefficients, intercepts = self._coefficients()
        expected = (1 if n_classes == 2 else n_classes, columns)
        if coefficients.shape != expected:
            raise ValueError(f"Initialization coef is of shape {coefficients.shape}, expected shape {expected}")
        return coefficients.astype(np.float64, copy=False), intercepts.astype(np.float64, copy=False)

    def _warn(self, fit: _core.LogisticRegressionFit) -> None:
        if fit.ill_conditioned:
            warnings.warn(
                "The inner solver of newton-cholesky met a singular or ill-conditioned Hessian matrix, and conjugate "
                "gradients went on. Use solver='auto', remove linearly dependent columns, or penalise more (a smaller C).",
                LinAlgWarning,
                stacklevel=4,
            )
        if fit.separable:
            problem = (
                "The classes are separable and there is no penalty: larger coefficients always fit better. Penalise "
                "(a finite C)."
            )
        elif not fit.converged:
            problem = (
                f"{self.solver} failed to converge after {fit.n_iter} iteration(s) (max_iter={self.max_iter}). Allow more "
                "iterations, or bring the columns to one scale."
            )
        else:
            return
        warnings.warn(problem, ConvergenceWarning, stacklevel=4)

    def _answer(self, compute: Callable[..., NDArray[Any]], X: Any) -> NDArray[Any]:
        """What `compute` says of the rows: numbers in float32 where both rows and coefficients are."""
        if not hasattr(self, "coef_"):
            check_is_fitted(self)
        rows = known_rows(self, X)
        try:
            return compute(rows, *self._coefficients())
        except ValueError:
            explain(self, X)
            raise

    def _coefficients(self) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        """Coefficients and intercepts as the compiled module takes them: in float64 or float32, where they lie if it can."""
        coefficients: Any = self.coef_
        intercepts: Any = self.intercept_
        if sparse.issparse(coefficients):
            coefficients = coefficients.toarray(order="F")
        if not isinstance(intercepts, np.ndarray) or intercepts.shape != (len(coefficients),):
            # Without an intercept scikit-learn's estimators may keep a number.
            intercepts = np.full(len(coefficients), intercepts)
        if not is_walkable(coefficients):
            # Also a field of packed records, or of a file.
            single = coefficients.dtype == np.float32
            coefficients = coefficients.astype(np.float32 if single else np.float64, order="F")
        if not (is_walkable(intercepts) and intercepts.flags.c_contiguous):
            intercepts = intercepts.astype(np.float64, order="C")
        return coefficients, intercepts


def _print_iteration(progress: Progress) -> None:
    print(f"iteration {progress.n_iter}: objective {progress.objective:.12g}")  # noqa: T201 (verbose)
