"""What KMeans and MiniBatchKMeans have in common."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ferrule import _core
from ferrule.progress import FollowsProgress
from ferrule.validation import Rows, checked_rows, checked_weights, explain, known_rows, row_count, size


class NearestCenter(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    ClusterMixin,  # type: ignore[misc]
    FollowsProgress,
    BaseEstimator,  # type: ignore[misc]
):
    """An estimator whose centres label rows by the nearest of them."""

    # How scikit-learn's own classes name the values that they take; its errors then read the same.
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    n_clusters: int
    init: Any
    n_init: Any
    cluster_centers_: NDArray[np.floating[Any]]
    labels_: NDArray[np.int32]

    def fit(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fits the centres to the rows of X; y is ignored."""
        raise NotImplementedError

    def fit_predict(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> NDArray[np.int32]:
        """Fits, and returns the cluster of each row of X; y is ignored."""
        return self.fit(X, y, sample_weight=sample_weight).labels_

    def fit_transform(
        self, X: Any, y: object = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.floating[Any]]:
        """Fits, and returns the distance of each row of X to each centre; y is ignored."""
        return self.fit(X, y, sample_weight=sample_weight).transform(X)

    def to_sklearn(self) -> Any:
        """The fitted `sklearn.cluster.KMeans` or `MiniBatchKMeans` with the same answers; see `ferrule.to_sklearn`."""
        from ferrule.persistence import to_sklearn

        return to_sklearn(self)

    def predict(self, X: Any) -> NDArray[np.int32]:
        """The cluster of each row: its nearest centre, the lowest index among equals."""
        if "cluster_centers_" not in vars(self):
            check_is_fitted(self)
        try:
            return _core.kmeans_predict(known_rows(self, X), self._centers())
        except ValueError:
            explain(self, X)
            raise

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """The Euclidean distance of each row to each centre, rows × n_clusters; float32 where rows and centres are."""
        check_is_fitted(self)
        rows = checked_rows(self, X, reset=False)
        distances = _core.kmeans_transform(rows, self._centers())
        return distances.astype(np.result_type(dtype_of(rows), self.cluster_centers_), copy=False)

    def score(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> float:  # noqa: ARG002
        """Minus the weighted sum of squared distances of the rows to their nearest centres; y is ignored."""
        check_is_fitted(self)
        rows = checked_rows(self, X, reset=False)
        return -_core.kmeans_label(rows, self._centers(), checked_weights(sample_weight, row_count(rows)))[1]

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn should know: sparse rows and float32 stay what they are."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _centers(self) -> NDArray[np.float64]:
        """The centres as the compiled module takes them."""
        return np.asarray(self.cluster_centers_, dtype=np.float64)

    def _check_row_count(self, rows: Rows) -> None:
        if row_count(rows) < self.n_clusters:
            raise ValueError(f"n_samples={row_count(rows)} should be >= n_clusters={self.n_clusters}.")

    def _gives_centers(self) -> bool:
        """Whether `init` is an array of centres."""
        return not (isinstance(self.init, str) or callable(self.init))

    def _starts(self, of_draws: int) -> int:
        """How many starts to make; `of_draws` for rows drawn at random or by a callable where it is left to us."""
        if self.n_init == "auto":
            return of_draws if callable(self.init) or (isinstance(self.init, str) and self.init == "random") else 1
        if self._gives_centers() and self.n_init != 1:
            warnings.warn(
                f"Explicit initial center position passed: performing only one init in {type(self).__name__} instead "
                f"of n_init={self.n_init}.",
                RuntimeWarning,
                stacklevel=5,
            )
            return 1
        return size(self.n_init)

    def _checked_centers(self, centers: Any, rows: Rows) -> NDArray[np.float64]:
        """Centres that the user gave, rounded to the rows' type."""
        if sparse.issparse(centers):
            centers = centers.toarray()
        checked: NDArray[np.floating[Any]] = check_array(centers, dtype=dtype_of(rows), order="C")
        if checked.shape[0] != self.n_clusters:
            raise ValueError(
                f"The shape of the initial centers {checked.shape} does not match the number of clusters "
                f"{self.n_clusters}."
            )
        if checked.shape[1] != column_count(rows):
            raise ValueError(
                f"The shape of the initial centers {checked.shape} does not match the number of features of the data "
                f"{column_count(rows)}."
            )
        return checked.astype(np.float64, copy=False)


def dtype_of(rows: Rows) -> np.dtype[Any]:
    """float64 or float32."""
    return rows[0].dtype if isinstance(rows, tuple) else rows.dtype


def column_count(rows: Rows) -> int:
    """Number of columns."""
    return rows[3][1] if isinstance(rows, tuple) else rows.shape[1]


def as_matrix(rows: Rows) -> Any:
    """The rows as NumPy and SciPy know them."""
    return sparse.csr_matrix(rows[:3], shape=rows[3]) if isinstance(rows, tuple) else rows
