"""Time against size: one variable at a time, so that a wrong growth shows as a wrong slope.

Ours and scikit-learn's, with the settings that a table's work has first.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from rich import box
from rich.table import Table

from .data import Data
from .judgement import judge
from .peers import OURS
from .report import duration
from .rounds import Outcome
from .works import Work

_PEERS = ("scikit-learn",)
_KMEANS = {"rows": 200_000, "columns": 8, "clusters": 16}
_LOGISTIC = {"rows": 100_000, "columns": 32, "classes": 2}
_SPARSE = {"rows": 20_000, "columns": 100_000, "nonzeros": 50, "classes": 2}


def all_works() -> list[Work]:
    """Every point of every series."""
    return [*_kmeans(), *_logistic()]


def _kmeans() -> Iterator[Work]:
    for series, key, sizes in (
        ("rows", "rows", (12_500, 25_000, 50_000, 100_000, 200_000, 400_000, 800_000)),
        ("columns", "columns", (1, 2, 4, 8, 16, 32, 64, 128)),
        ("k", "clusters", (2, 4, 8, 16, 32, 64, 128, 256)),
    ):
        for size in sizes:
            yield _kmeans_point(series, size, {**_KMEANS, key: size})
    for threads in (1, 2):
        yield replace(_kmeans_point("threads", threads, _KMEANS), threads=threads)


def _kmeans_point(series: str, size: float, shape: dict[str, int]) -> Work:
    k = shape["clusters"]
    # Wide clusters: the iterations do not run out.
    data = Data("blobs", {**shape, "first": k, "spread": 10.0})
    options = {"n_clusters": k, "given": True, "iterations": 5, "seed": 0}
    title = f"K-Means, 5 iterations: {series} = {size:,g}"
    name = f"growth/kmeans-{series}/{size:g}"
    return Work(
        name, title, "kmeans-fit", "kmeans-fit", data, options, peers=_PEERS, series=f"K-Means: {series}", size=size
    )


def _logistic() -> Iterator[Work]:
    for series, key, sizes in (
        ("rows", "rows", (6_250, 12_500, 25_000, 50_000, 100_000, 200_000)),
        ("columns", "columns", (4, 8, 16, 32, 64, 128, 256)),
        ("classes", "classes", (2, 3, 5, 8, 12, 20)),
    ):
        for size in sizes:
            yield _logistic_point(series, size, Data("labelled", {**_LOGISTIC, key: size}), "auto")
    for nonzeros in (5, 10, 20, 40, 80, 160):
        yield _logistic_point(
            "nonzeros", nonzeros, Data("sparse_labelled", {**_SPARSE, "nonzeros": nonzeros}), "sparse"
        )
    for threads in (1, 2):
        yield replace(_logistic_point("threads", threads, Data("labelled", _LOGISTIC), "auto"), threads=threads)


def _logistic_point(series: str, size: float, data: Data, family: str) -> Work:
    options = {"n_classes": data.parameters["classes"], "l1_ratio": 0.0, "C": 1.0, "fit_intercept": True}
    title = f"logistic regression: {series} = {size:,g}"
    name = f"growth/logistic-{series}/{size:g}"
    made = Work(name, title, "logistic-fit", f"logistic-fit/{family}", data, options)
    return replace(made, peers=_PEERS, series=f"Logistic regression: {series}", size=size)


def series(outcomes: Sequence[Outcome]) -> dict[str, list[tuple[float, float]]]:
    """Our median seconds against the size, by series, in the order of sizes."""
    found: dict[str, list[tuple[float, float]]] = {}
    for outcome in outcomes:
        if outcome.work.series is not None:
            median = judge(outcome).seconds[OURS.name].median
            found.setdefault(outcome.work.series, []).append((outcome.work.size, median))
    return {name: sorted(points) for name, points in found.items()}


def exponents(points: Sequence[tuple[float, float]]) -> list[float]:
    """The slope between neighbours on a log-log plot: 1 where time is proportional to size."""
    return [
        math.log(later / earlier) / math.log(larger / smaller)
        for (smaller, earlier), (larger, later) in pairwise(points)
    ]


def table(outcomes: Sequence[Outcome]) -> Table:
    """A line for each point: time, and the exponent since the one before."""
    made = Table(title="Our time against size", title_justify="left", box=box.SIMPLE)
    for column in ("series", "size", "median", "exponent"):
        made.add_column(column, justify="left" if column == "series" else "right")
    for name, points in series(outcomes).items():
        slopes = ["", *(f"{slope:.2f}" for slope in exponents(points))]
        for (size, seconds), slope in zip(points, slopes, strict=True):
            made.add_row(name, f"{size:,g}", duration(seconds), slope)
    return made
