"""Mini-batch K-Means as a scikit-learn estimator."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from ferrule import _core
from ferrule.nearest_center import NearestCenter, as_matrix, column_count, dtype_of
from ferrule.progress import Progress
from ferrule.random_state import LentRandomState
from ferrule.validation import (
    Rows,
    checked_weights,
    explain,
    known_rows,
    learned_rows,
    row_count,
    size,
    whole_or_not,
)


class MiniBatchKMeans(NearestCenter):
    """K-Means clustering in steps over small batches (Sculley 2010).

    Parameters, attributes and answers are those of `sklearn.cluster.MiniBatchKMeans`: a seed, or a `RandomState` in the
    same state, draws the same first centres and the same batches. The batches of a fit are float64 copies of the drawn rows; all else is
    read where it lies. What differs: as in `KMeans`, and `verbose` prints fewer lines.

    Args:
        n_clusters: Number of clusters, 1 to the number of rows.
        init: ``"k-means++"``; ``"random"``, rows drawn by weight; the first centres, n_clusters × columns; or a callable
            that gives them for each start, called with some rows, n_clusters and random_state=RandomState.
        max_iter: Most times that as many rows are drawn as there are, at least 1.
        batch_size: Rows of a step, at least 1.
        verbose: Whether to print the inertia of every step. See also `set_progress`.
        compute_labels: Whether to label the training rows in the end.
        random_state: Seed, 0 to 2³² - 1; a `numpy.random.RandomState`, which is drawn from; or None for NumPy's own.
        tol: Relative tolerance on the squared movement of the centres in a step, at least 0; 0 never ends a fit.
        max_no_improvement: Steps without a new lowest smoothed inertia that end a fit; None never ends it.
        init_size: Rows that are drawn to find and to judge first centres; None is 3 × batch_size.
        n_init: Number of starts, of which the best goes on; ``"auto"`` is 3 for random rows and a callable, else 1.
        reassignment_ratio: Centres that have won less than this part of what the greatest has won are moved to random rows
            now and then; at least 0.

    Attributes:
        cluster_centers_: Centres, n_clusters × columns; float32 for float32 rows.
        labels_: Cluster of each row of the last fit or batch; only with compute_labels.
        inertia_: Weighted sum of squared distances of these rows to their centres; without compute_labels, an estimate.
        n_iter_: How often as many rows were drawn as there are, rounded up.
        n_steps_: Number of batches.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where the training data had them.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NearestCenter._parameter_constraints,
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "compute_labels": ["boolean"],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: str | int = "auto",
        reassignment_ratio: float = 0.01,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    @whole_or_not
    def fit(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Fits the centres to batches of the rows of X; y is ignored.

        Raises:
            ValueError: A parameter, weight or value is out of its range.
            KeyboardInterrupt: Ctrl-C; the estimator keeps what it had before.
        """
        rows = learned_rows(self, X)
        if callable(self.init):
            explain(self, X)
        n_init = self._checked_starts(rows)
        weights = checked_weights(sample_weight, row_count(rows))
        random = LentRandomState(self.random_state)
        start, centers = self._start(rows), None
        if callable(self.init):
            centers = self._best_of_callable(rows, weights, n_init, random.random_state)
            start = [centers]
        fit = _core.mini_batch_fit(
            rows,
            self._parameters(start, n_init),
            centers=centers,
            random=random.state(),
            sample_weight=weights,
            progress=self._observer(*[_print_step] if self.verbose else []),
        )
        random.skip(fit.state.words_drawn)
        if self.verbose and fit.converged:
            print(f"Converged at step {fit.n_steps}.")  # noqa: T201
        self._keep(fit.state, dtype_of(rows))
        self._batch_size = min(self.batch_size, row_count(rows))
        self.n_steps_ = fit.n_steps
        self.n_iter_ = fit.n_iter
        self.inertia_ = fit.inertia
        if self.compute_labels:
            self.labels_ = fit.labels
        return self

    @whole_or_not
    def partial_fit(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Learns from the rows of X as one batch; y is ignored. The first batch also gives the first centres.

        Raises:
            ValueError: A parameter, weight or value is out of its range.
            KeyboardInterrupt: Ctrl-C; the estimator keeps what it had before.
        """
        if "cluster_centers_" not in vars(self):
            first: Self = self._learn_first(X, sample_weight)
            return first
        # Parameters are not checked again, as in scikit-learn.
        rows = known_rows(self, X)
        weights = checked_weights(sample_weight, row_count(rows))
        counts = self._counts.astype(np.float64, copy=False)
        return self._learn(rows, weights, self._centers(), counts, self._rows_since_reassignment)

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def _learn_first(self, X: Any, sample_weight: ArrayLike | None) -> Self:
        """Learns from the first batch."""
        rows = learned_rows(self, X)
        weights = checked_weights(sample_weight, row_count(rows))
        self._random_state = LentRandomState(self.random_state).random_state
        centers = self._first_centers(rows, weights, LentRandomState(self._random_state))
        self._batch_size = min(self.batch_size, row_count(rows))
        return self._learn(rows, weights, centers, np.zeros(self.n_clusters), 0)

    def _learn(
        self,
        rows: Rows,
        weights: "NDArray[np.float64] | None",
        centers: NDArray[np.float64],
        counts: NDArray[np.float64],
        rows_since_reassignment: int,
    ) -> Self:
        """Learns from a batch, from centres that have won so much."""
        if not hasattr(self, "_random_state"):
            self._random_state = LentRandomState(self.random_state).random_state
        random = LentRandomState(self._random_state)
        state = _core.mini_batch_learn(
            rows,
            centers=centers,
            counts=counts,
            rows_since_reassignment=rows_since_reassignment,
            batch_size=self._batch_size,
            reassignment_ratio=self.reassignment_ratio,
            random=random.state,
            sample_weight=weights,
            label=self.compute_labels,
        )
        random.skip(state.words_drawn)
        self._keep(state, dtype_of(rows))
        self.n_steps_ = getattr(self, "n_steps_", 0) + 1
        if state.labels is not None:
            self.labels_, self.inertia_ = state.labels
        return self

    def _keep(self, state: _core.MiniBatchState, dtype: np.dtype[Any]) -> None:
        self.cluster_centers_ = state.centers.astype(dtype, copy=False)
        self._counts = state.counts.astype(dtype, copy=False)
        self._rows_since_reassignment = state.rows_since_reassignment

    def _checked_starts(self, rows: Rows) -> int:
        """How many starts to make, once the parameters are known to suit the rows."""
        self._check_row_count(rows)
        n_init = self._starts(of_draws=3)
        if self.init_size is not None and self.init_size < self.n_clusters:
            warnings.warn(
                f"init_size={self.init_size} should be larger than n_clusters={self.n_clusters}. Setting it to "
                "min(3*n_clusters, n_samples)",
                RuntimeWarning,
                stacklevel=5,
            )
        return n_init

    def _start(self, rows: Rows) -> "str | list[NDArray[np.float64]]":
        """How the compiled module draws first centres, or the centres that the user gave; a callable is not asked."""
        if isinstance(self.init, str):
            return self.init
        return [] if callable(self.init) else [self._checked_centers(self.init, rows)]

    def _parameters(self, start: "str | list[NDArray[np.float64]]", n_init: int) -> _core.MiniBatchParameters:
        return _core.MiniBatchParameters(
            n_clusters=self.n_clusters,
            init=start,
            n_init=n_init,
            max_iter=size(self.max_iter),
            batch_size=size(self.batch_size),
            init_size=None if self.init_size is None else size(self.init_size),
            tol=self.tol,
            max_no_improvement=None if self.max_no_improvement is None else size(self.max_no_improvement),
            reassignment_ratio=self.reassignment_ratio,
            compute_labels=self.compute_labels,
        )

    def _first_centers(
        self, rows: Rows, weights: "NDArray[np.float64] | None", random: LentRandomState
    ) -> NDArray[np.float64]:
        """The first batch's start."""
        n_init = self._checked_starts(rows)
        if callable(self.init):
            explain(self, rows)
            return self._of_callable(rows, random.random_state)
        parameters = self._parameters(self._start(rows), n_init)
        state = _core.mini_batch_start(rows, parameters, random=random.state(), sample_weight=weights)
        random.skip(state.words_drawn)
        return state.centers

    def _of_callable(self, rows: Rows, random_state: np.random.RandomState) -> NDArray[np.float64]:
        """What the callable makes of as many rows as `init_size` says, drawn as scikit-learn draws them."""
        count = row_count(rows)
        size = self._init_rows(count)
        matrix: Any = as_matrix(rows)
        if size < count:
            matrix = matrix[random_state.randint(0, count, size)]
        return self._checked_centers(self.init(matrix, self.n_clusters, random_state=random_state), rows)

    def _best_of_callable(
        self,
        rows: Rows,
        weights: "NDArray[np.float64] | None",
        n_init: int,
        random_state: np.random.RandomState,
    ) -> NDArray[np.float64]:
        """The start of the callable that has the lowest inertia over rows drawn for that."""
        drawn = random_state.randint(0, row_count(rows), self._init_rows(row_count(rows)))
        starts = [self._of_callable(rows, random_state) for _ in range(n_init)]
        if n_init == 1:
            return starts[0]
        judges = as_matrix(rows)[drawn]
        if isinstance(rows, tuple):
            judges = judges.data, judges.indices, judges.indptr, (len(drawn), column_count(rows))
        judging = None if weights is None else weights[drawn]
        return min(starts, key=lambda centers: _core.kmeans_label(judges, centers, judging)[1])

    def _init_rows(self, rows: int) -> int:
        return self._parameters("random", 1).init_rows(rows)


def _print_step(progress: Progress) -> None:
    """Prints what `verbose` asks for."""
    print(f"Minibatch step {progress.n_iter}: mean batch inertia: {progress.objective}")  # noqa: T201
