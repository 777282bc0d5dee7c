"""What estimators check before they compute. What remains, the compiled module checks."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import validate_data

import ferrule.simd  # noqa: F401  # before anything is computed

#: Rows as the compiled module takes them: a C-contiguous array, or the arrays (data, indices, indptr) and the shape of a CSR
#: matrix; float64 or float32.
Rows: TypeAlias = NDArray[np.floating[Any]] | tuple[NDArray[Any], NDArray[Any], NDArray[Any], tuple[int, int]]

#: Looked through by equality: a pickled array's type is another object.
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def checked_rows(estimator: Any, X: Any, *, reset: bool) -> Rows:
    """The rows, without NaN or infinity. float64 and float32 stay what they are, other numbers become float64; sparse
    rows stay sparse.

    `reset` notes number and names of the columns on the estimator (as in `fit`); otherwise they are compared.
    """
    rows = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        order="C",
        accept_large_sparse=True,
    )
    return compiled_rows(rows)


def is_plain(X: Any) -> bool:
    """Whether X is what the compiled module takes, dense or CSR, so that all it may lack is finite values, which the compiled
    module sees.
    """
    if type(X) is np.ndarray:
        return X.dtype in _FLOATS and X.ndim == 2 and X.size > 0 and X.flags.c_contiguous
    return type(X) in (sparse.csr_array, sparse.csr_matrix) and X.dtype in _FLOATS and X.ndim == 2 and min(X.shape) > 0


def is_walkable(values: NDArray[Any]) -> bool:
    """Whether the compiled module can read an array of this type and alignment, in whatever order."""
    return values.dtype in _FLOATS and values.flags.aligned


def learned_rows(estimator: Any, X: Any) -> Rows:
    """`checked_rows` of what is to be learnt from. Plain arrays, dense or CSR, are not read here: the compiled module refuses
    what is not finite, and `whole_or_not` says it in scikit-learn's words.
    """
    if not is_plain(X):
        return checked_rows(estimator, X, reset=True)
    note_columns(estimator, X)
    return compiled_rows(X)


def note_columns(estimator: Any, X: Any) -> None:
    """Notes on the estimator how many columns plain arrays have, and that these have no names."""
    estimator.n_features_in_ = X.shape[1]
    vars(estimator).pop("feature_names_in_", None)


def known_rows(estimator: Any, X: Any) -> Rows:
    """`checked_rows` for an estimator that knows its columns. Plain arrays, dense or CSR, are not read here, as in `learned_rows`."""
    known = vars(estimator)
    if "feature_names_in_" not in known and is_plain(X) and X.shape[1] == known.get("n_features_in_"):
        return compiled_rows(X)
    return checked_rows(estimator, X, reset=False)


def explain(estimator: Any, X: Any) -> None:
    """Raises scikit-learn's error where a plain array is not finite."""
    if is_plain(X):
        assert_all_finite(X, estimator_name=type(estimator).__name__, input_name="X")


def compiled_rows(rows: Any) -> Rows:
    """Rows that scikit-learn has checked, as the compiled module takes them."""
    if sparse.issparse(rows):
        return rows.data, rows.indices, rows.indptr, rows.shape
    dense: NDArray[np.floating[Any]] = rows
    return dense


def row_count(rows: Rows) -> int:
    """Number of rows."""
    return rows[3][0] if isinstance(rows, tuple) else len(rows)


def checked_weights(sample_weight: ArrayLike | None, rows: int) -> NDArray[np.float64] | None:
    """One weight for each row, or None for equal weights. A number stands for that weight everywhere."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, int | float | np.number):
        return np.full(rows, float(sample_weight))
    weights: NDArray[np.float64] = check_array(
        sample_weight, dtype=np.float64, order="C", ensure_2d=False, input_name="sample_weight"
    )
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight: expected shape ({rows},), got {weights.shape}")
    return weights


def size(count: Any) -> int:
    """A count as the compiled module takes it: beyond 2⁶³ - 1 there is no difference."""
    return min(int(count), 2**63 - 1)


def whole_or_not(fit: Callable[..., Any]) -> Callable[..., Any]:
    """A method that leaves its estimator as it was when it raises: columns are noted before anything is learnt."""

    @wraps(fit)
    def method(estimator: Any, *arguments: Any, **named: Any) -> Any:
        before = dict(vars(estimator))
        try:
            return fit(estimator, *arguments, **named)
        except BaseException as error:
            vars(estimator).clear()
            vars(estimator).update(before)
            if isinstance(error, ValueError) and not isinstance(error, InvalidParameterError):
                explain(estimator, arguments[0] if arguments else named["X"])
            raise

    return method
