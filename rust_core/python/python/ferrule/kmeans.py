"""K-Means as a scikit-learn estimator."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from ferrule import _core
from ferrule.validation import checked_count, checked_number, checked_rows, checked_seed, checked_weights


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """K-Means clustering: Lloyd's algorithm (Lloyd 1982) from greedy k-means++ (Arthur and Vassilvitskii 2007).

    Parameters, attributes and answers are those of `sklearn.cluster.KMeans`. An integer seed draws the same first
    centres. Computes in float64; float32 input is converted.

    Args:
        n_clusters: Number of clusters, 1 to the number of rows.
        init: ``"k-means++"``, or the first centres, n_clusters × columns.
        n_init: Number of starts, of which the lowest inertia wins; ``"auto"`` is 1. Given centres are started once.
        max_iter: Most iterations of one start, at least 1.
        tol: Relative tolerance on the squared movement of the centres between iterations, at least 0.
        random_state: Seed, 0 to 2³² - 1; a `numpy.random.RandomState` or None is asked for one.

    Attributes:
        cluster_centers_: Centres, n_clusters × columns.
        labels_: Cluster of each training row.
        inertia_: Weighted sum of squared distances of the training rows to their centres.
        n_iter_: Iterations of the best start.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where the training data had them.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | ArrayLike = "k-means++",
        n_init: str | int = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Fits the centres to the rows of X; y is ignored.

        Raises:
            ValueError: A parameter, weight or value is out of its range.
            KeyboardInterrupt: Ctrl-C; the estimator keeps what it had before.
        """
        n_clusters = checked_count("n_clusters", self.n_clusters)
        rows = checked_rows(self, X, reset=True)
        init = self._first_centers()
        fit = _core.kmeans_fit(
            rows,
            n_clusters=n_clusters,
            init=init,
            n_init=self._starts(init),
            max_iter=checked_count("max_iter", self.max_iter),
            tol=checked_number("tol", self.tol),
            seed=checked_seed(self.random_state),
            sample_weight=checked_weights(sample_weight, len(rows)),
        )
        if fit.distinct_labels < n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({fit.distinct_labels}) found smaller than n_clusters ({n_clusters}): "
                "X may have duplicate rows.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.cluster_centers_ = fit.centers
        self.labels_ = fit.labels
        self.inertia_ = fit.inertia
        self.n_iter_ = fit.n_iter
        self._n_features_out = n_clusters
        return self

    def predict(self, X: Any) -> NDArray[np.int32]:
        """The cluster of each row: its nearest centre, the lowest index among equals."""
        check_is_fitted(self)
        return _core.kmeans_predict(checked_rows(self, X, reset=False), self.cluster_centers_)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """The Euclidean distance of each row to each centre, rows × n_clusters."""
        check_is_fitted(self)
        return _core.kmeans_transform(checked_rows(self, X, reset=False), self.cluster_centers_)

    def score(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> float:  # noqa: ARG002
        """Minus the weighted sum of squared distances of the rows to their nearest centres; y is ignored."""
        check_is_fitted(self)
        rows = checked_rows(self, X, reset=False)
        weights = checked_weights(sample_weight, len(rows))
        deviations = rows - self.cluster_centers_[_core.kmeans_predict(rows, self.cluster_centers_)]
        squared = np.einsum("ij,ij->i", deviations, deviations)
        return -float(squared.sum() if weights is None else weights @ squared)

    def _first_centers(self) -> NDArray[np.float64] | None:
        """The centres that the user gave, if any."""
        if isinstance(self.init, str):
            if self.init != "k-means++":
                raise ValueError(f"init: expected 'k-means++' or an array of centres, got {self.init!r}")
            return None
        if callable(self.init):
            raise ValueError("init: expected 'k-means++' or an array of centres, got a callable")  # noqa: TRY004 (scikit-learn raises ValueError)
        centers: NDArray[np.float64] = check_array(self.init, dtype=np.float64, order="C", input_name="init")
        if centers.shape != (self.n_clusters, self.n_features_in_):
            raise ValueError(
                f"init: expected shape ({self.n_clusters}, {self.n_features_in_}) for {self.n_clusters} clusters and "
                f"{self.n_features_in_} columns, got {centers.shape}"
            )
        return centers

    def _starts(self, init: NDArray[np.float64] | None) -> int:
        if isinstance(self.n_init, str):
            if self.n_init != "auto":
                raise ValueError(f"n_init: expected 'auto' or a whole number, at least 1, got {self.n_init!r}")
            return 1
        starts = checked_count("n_init", self.n_init)
        if init is not None and starts > 1:
            warnings.warn(f"Given centres are started once, not n_init={starts} times.", RuntimeWarning, stacklevel=3)
            return 1
        return starts
