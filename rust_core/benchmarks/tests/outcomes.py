"""Figures made up for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from rust_core.benchmarks.data import Data
from rust_core.benchmarks.rounds import Measured, Outcome
from rust_core.benchmarks.subjects import Timing
from rust_core.benchmarks.works import Work


def outcome(
    seconds: Mapping[str, Sequence[float]],
    *,
    name: str = "kmeans/fit-a",
    wrong: Sequence[str] = (),
    missing: Mapping[str, str] | None = None,
    **more: Any,
) -> Outcome:
    """Of a fit of K-Means; ``seconds`` by subject and round."""
    data = Data("blobs", {"rows": 1000, "columns": 10, "clusters": 4, "first": 4})
    options = {"n_clusters": 4, "given": True, "iterations": 10, "seed": 0}
    work = Work(name, "fit a", "kmeans-fit", "kmeans-fit", data, options, **{"target": 2.0, **more})
    measured = [
        Measured(
            peer,
            {"algorithm": "lloyd"} if peer == "scikit-learn" else {},
            right=peer not in wrong,
            words="far off" if peer in wrong else "inertia off by 0",
            n_iter=10,
            value=1.0,
            versions={"numpy": "2"},
            timings=[Timing(3, each, None if peer == "linfa" else 1.5 * each) for each in taken],
        )
        for peer, taken in seconds.items()
    ]
    return Outcome(work, measured, dict(missing or {}), [0.5, 1.5])
