"""K-Means as a scikit-learn estimator."""

import warnings
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import StrOptions

from ferrule import _core
from ferrule.nearest_center import NearestCenter, as_matrix, dtype_of
from ferrule.progress import Progress
from ferrule.random_state import LentRandomState
from ferrule.validation import Rows, checked_weights, explain, learned_rows, row_count, size, whole_or_not


class KMeans(NearestCenter):
    """K-Means clustering: Lloyd's algorithm (Lloyd 1982) from greedy k-means++ (Arthur and Vassilvitskii 2007).

    Parameters, attributes and answers are those of `sklearn.cluster.KMeans`: a seed, or a `RandomState` in the same state,
    draws the same first centres. Rows are read where they lie, dense or sparse, float64 or float32; sums are float64.
    What differs: weights below 0 and weights that are all 0 are refused, as are values whose squares overflow; `verbose`
    tells of convergence for the best start only.

    Args:
        n_clusters: Number of clusters, 1 to the number of rows.
        init: ``"k-means++"``; ``"random"``, rows drawn by weight; the first centres, n_clusters × columns; or a callable
            that gives them for each start, called with the rows (dense ones less their mean, to which the centres are
            then relative), n_clusters and random_state=RandomState.
        n_init: Number of starts, of which the lowest inertia wins; ``"auto"`` is 10 for random rows and a callable, else 1.
            Given centres are started once.
        max_iter: Most iterations of one start, at least 1.
        tol: Relative tolerance on the squared movement of the centres between iterations, at least 0.
        verbose: Whether to print the inertia of every iteration. See also `set_progress`.
        random_state: Seed, 0 to 2³² - 1; a `numpy.random.RandomState`, which is drawn from; or None for NumPy's own. Fits
            that run at the same time draw alike from one `RandomState`: give each its own.
        copy_x: Taken for scikit-learn's sake: rows are never changed.
        algorithm: ``"lloyd"`` or ``"elkan"``: two ways to the same answer, of which this class picks one itself.

    Attributes:
        cluster_centers_: Centres, n_clusters × columns; float32 for float32 rows.
        labels_: Cluster of each training row.
        inertia_: Weighted sum of squared distances of the training rows to their centres.
        n_iter_: Iterations of the best start.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where the training data had them.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NearestCenter._parameter_constraints,
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"lloyd", "elkan"})],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: str | int = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    @whole_or_not
    def fit(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Fits the centres to the rows of X; y is ignored.

        Raises:
            ValueError: A parameter, weight or value is out of its range.
            KeyboardInterrupt: Ctrl-C; the estimator keeps what it had before.
        """
        rows = learned_rows(self, X)
        if callable(self.init):
            explain(self, X)
        self._check_row_count(rows)
        n_init = self._starts(of_draws=10)
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=4,
            )
        weights = checked_weights(sample_weight, row_count(rows))
        random = LentRandomState(self.random_state)
        fit = _core.kmeans_fit(
            rows,
            n_clusters=self.n_clusters,
            init=self._start(rows, n_init, random.random_state),
            n_init=n_init,
            max_iter=size(self.max_iter),
            tol=self.tol,
            random=random.state(),
            sample_weight=weights,
            progress=self._observer(*[_Printer()] if self.verbose else []),
        )
        random.skip(fit.words_drawn)
        if self.verbose and fit.converged:
            reason = "strict convergence" if fit.strict else "center shift within tolerance"
            print(f"Converged at iteration {fit.n_iter - 1}: {reason}.")  # noqa: T201
        if fit.distinct_labels < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({fit.distinct_labels}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.cluster_centers_ = fit.centers.astype(dtype_of(rows), copy=False)
        self.labels_ = fit.labels
        self.inertia_ = fit.inertia
        self.n_iter_ = fit.n_iter
        return self

    def _start(self, rows: Rows, n_init: int, random_state: np.random.RandomState) -> "str | list[NDArray[np.float64]]":
        """How the compiled module draws first centres, or the centres for each start."""
        if isinstance(self.init, str):
            return self.init
        if not callable(self.init):
            return [self._checked_centers(self.init, rows)]
        # As in scikit-learn, which takes the mean from dense rows: a callable sees those, and answers in their terms.
        matrix: Any = as_matrix(rows)
        mean: Any = 0.0 if sparse.issparse(matrix) else matrix.mean(axis=0)
        if not sparse.issparse(matrix):
            matrix = matrix - mean
        starts = (self.init(matrix, self.n_clusters, random_state=random_state) for _ in range(n_init))
        return [self._checked_centers(centers, rows) + mean for centers in starts]


class _Printer:
    """Prints what `verbose` asks for."""

    def __init__(self) -> None:
        self.run = 0

    def __call__(self, progress: Progress) -> None:
        if progress.run != self.run:
            self.run = progress.run
            print("Initialization complete")  # noqa: T201
        print(f"Iteration {progress.n_iter - 1}, inertia {progress.objective}.")  # noqa: T201
