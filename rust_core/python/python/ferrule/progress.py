"""Following a fit while it runs."""

from collections.abc import Callable
from typing import Any, NamedTuple, Self


class Progress(NamedTuple):
    """How far a fit has come."""

    run: int
    """Which of the runs from different starts, from 1."""
    n_iter: int
    """Which iteration of that run, from 1."""
    objective: float
    """What the fit minimises, the inertia or the loss: after this iteration where it is known by then, else before it."""


class FollowsProgress:
    """Mixin of estimators whose fit can be followed. It goes before `BaseEstimator` in a class's bases."""

    _progress: "Callable[[Progress], object] | None" = None

    def set_progress(self, callback: "Callable[[Progress], object] | None") -> Self:
        """Has `callback` called with a `Progress` after each iteration of each fit to come; None ends that.

        It is called on the thread that fits, a few hundredths of a second late at most. What it raises ends the fit, and
        comes out of `fit`. `clone` passes the callback on, so that it follows the fits of a grid search too; pickling does
        not keep it.
        """
        if callback is not None and not callable(callback):
            raise TypeError(f"callback: expected a callable or None, got {callback!r}")
        self._progress = callback
        return self

    def _observer(self, *others: "Callable[[Progress], object]") -> "Callable[[int, int, float], None] | None":
        """What the compiled module calls after an iteration: the callback, if any, and `others`. None if there is nobody."""
        followers = [*others, *([] if self._progress is None else [self._progress])]
        if not followers:
            return None

        def tell(run: int, n_iter: int, objective: float) -> None:
            for follower in followers:
                follower(Progress(run, n_iter, objective))

        return tell

    def __sklearn_clone__(self) -> Self:
        """What `sklearn.base.clone` gives: a new estimator with the same parameters, and the same callback."""
        twin: Self = super().__sklearn_clone__()  # type: ignore[misc]
        if self._progress is not None:
            twin._progress = self._progress
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """What pickling keeps: everything but the callback."""
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[call-overload]
        state.pop("_progress", None)
        return state
