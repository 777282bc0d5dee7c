"""Logistic regression as a scikit-learn estimator."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ferrule import _core
from ferrule.validation import checked_count, checked_number, checked_rows, checked_weights


class LogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Logistic regression with an L2 penalty, fitted by L-BFGS: a sigmoid for two classes, multinomial for more.

    Parameters, attributes and answers are those of `sklearn.linear_model.LogisticRegression`. Computes in float64;
    float32 input is converted.

    Args:
        C: Inverse strength of the penalty, above 0; infinite for no penalty.
        fit_intercept: Whether to fit an (unpenalised) intercept.
        max_iter: Most iterations, at least 1.
        tol: The fit has converged when no component of the gradient is larger; at least 0.

    Attributes:
        coef_: Coefficients, 1 × columns for two classes, else classes × columns.
        intercept_: One for each row of `coef_`.
        classes_: The labels, sorted.
        n_iter_: Iterations, as an array of one number.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where the training data had them.
    """

    def __init__(self, *, C: float = 1.0, fit_intercept: bool = True, max_iter: int = 100, tol: float = 1e-4) -> None:
        self.C = C
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fits the coefficients to the rows of X and their labels y.

        Raises:
            ValueError: A parameter, weight, label or value is out of its range.
            KeyboardInterrupt: Ctrl-C; the estimator keeps what it had before.
        """
        if not isinstance(self.fit_intercept, bool | np.bool):
            raise ValueError(f"fit_intercept: expected True or False, got {self.fit_intercept!r}")  # noqa: TRY004 (scikit-learn raises ValueError)
        rows, labels = validate_data(self, X, y, dtype=np.float64, order="C")
        check_classification_targets(labels)
        classes, indices = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y: expected at least 2 classes, got one class: {classes[0]!r}")
        fit = _core.logistic_regression_fit(
            rows,
            indices.astype(np.uint32),
            n_classes=len(classes),
            c=checked_number("C", self.C),
            fit_intercept=bool(self.fit_intercept),
            max_iter=checked_count("max_iter", self.max_iter),
            tol=checked_number("tol", self.tol),
            sample_weight=checked_weights(sample_weight, len(rows)),
        )
        if not fit.converged:
            warnings.warn(
                f"L-BFGS did not converge in {fit.n_iter} iterations (max_iter={self.max_iter}): allow more, or bring "
                "the columns to one scale.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.classes_ = classes
        self.coef_ = fit.coefficients
        self.intercept_ = fit.intercepts
        self.n_iter_ = np.array([fit.n_iter], dtype=np.int32)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each row."""
        rows = self._rows(X)
        labels: NDArray[Any] = self.classes_[_core.logistic_regression_predict(rows, self.coef_, self.intercept_)]
        return labels

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """The scores: one for each row (above 0 for the second class) with two classes, else rows × classes."""
        scores = _core.logistic_regression_decision_function(self._rows(X), self.coef_, self.intercept_)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probability of each label, rows × classes in the order of `classes_`."""
        return _core.logistic_regression_predict_proba(self._rows(X), self.coef_, self.intercept_)

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _rows(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        return checked_rows(self, X, reset=False)
