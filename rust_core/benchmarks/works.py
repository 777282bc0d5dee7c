"""What is done: each row of the tables, its data, and the ratio that is wanted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from .data import Data

Dtype = Literal["float64", "float32"]

#: Threads of each subject.
THREADS = 2
#: Iterations where none is to stop earlier.
ITERATIONS = 30


@dataclass(frozen=True)
class Work:
    """One row of a table."""

    name: str
    """Short and unique, for ``--only``."""
    title: str
    """For people."""
    task: str
    """What is called, a key of ``recipes.RECIPES``."""
    settings: str
    """Which settings the peers bring, a key of ``peers.Peer.settings``; a peer without it takes no part."""
    data: Data
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the task: the same for every subject."""
    dtype: Dtype = "float64"
    target: float | None = None
    """The best peer's time by ours, at least."""
    limit_seconds: float | None = None
    """Our time, at most."""
    peers: tuple[str, ...] | None = None
    """The peers that count; None for all that can."""
    quoted: tuple[str, ...] = ()
    """Peers that are measured and shown and do not count."""
    threads: int = THREADS
    series: str | None = None
    """The growth that this is one point of."""
    size: float = 0
    """Where in its series."""

    @property
    def algorithm(self) -> str:
        """``"kmeans"`` or ``"logistic"``."""
        return self.task.partition("-")[0]

    def counts(self, peer: str) -> bool:
        """Whether a peer's time is held against ours."""
        return peer not in self.quoted and (self.peers is None or peer in self.peers)


def chosen(works: Sequence[Work], patterns: Sequence[str]) -> list[Work]:
    """The works whose name has one of the patterns in it, or matches it whole (``*`` and ``?``); all for no pattern."""
    return [
        work
        for work in works
        if not patterns or any(pattern in work.name or fnmatchcase(work.name, pattern) for pattern in patterns)
    ]


def all_works() -> list[Work]:
    """Every row of both tables."""
    return [*_kmeans(), *_logistic()]


def _both(work: Work) -> Iterator[Work]:
    """float64, and float32 beside it; the target is the same."""
    for dtype in ("float64", "float32"):
        yield replace(work, name=f"{work.name}/{dtype}", title=f"{work.title}, {dtype}", dtype=dtype)


def _fit(name: str, title: str, data: Data, k: int, *, target: float, iterations: int | None = ITERATIONS) -> Work:
    options = {"n_clusters": k, "given": True, "iterations": iterations, "seed": 0}
    return Work(f"kmeans/{name}", title, "kmeans-fit", "kmeans-fit", data, options, target=target)


def _kmeans() -> Iterator[Work]:
    demo = Data("blobs", {"rows": 1_000_000, "columns": 2, "clusters": 3, "first": 3})
    given = _fit("fit-1m-2-k3-given", "fit 1M × 2, k = 3, given centres", demo, 3, target=6, iterations=None)
    yield from _both(given)
    drawn = replace(given, name="kmeans/fit-1m-2-k3-plusplus", title="fit 1M × 2, k = 3, k-means++", target=4)
    yield from _both(replace(drawn, options={**given.options, "given": False}))
    data = Data("blobs", {"rows": 1_000_000, "columns": 10, "clusters": 100, "first": 100})
    yield from _both(_fit("fit-1m-10-k100", "fit 1M × 10, k = 100, 30 iterations", data, 100, target=2.5))
    data = Data("blobs", {"rows": 1_000_000, "columns": 2, "clusters": 100, "first": 100})
    yield from _both(_fit("fit-1m-2-k100", "fit 1M × 2, k = 100, 30 iterations", data, 100, target=4))
    data = Data("blobs", {"rows": 100_000, "columns": 100, "clusters": 20, "first": 20, "spread": 40.0})
    yield from _both(_fit("fit-100k-100-k20", "fit 100k × 100, k = 20, 30 iterations", data, 20, target=2))
    data = Data("blobs", {"rows": 100_000, "columns": 64, "clusters": 256, "first": 256, "spread": 40.0})
    for work in _both(_fit("fit-100k-64-k256", "fit 100k × 64, k = 256, 30 iterations", data, 256, target=1.3)):
        # In float64 against scikit-learn and scikit-learn-intelex, by another bound.
        if work.dtype == "float32":
            yield work
        else:
            yield replace(work, target=1.5, peers=("scikit-learn", "scikit-learn-intelex"), quoted=("linfa",))
    for columns, k in ((2, 3), (10, 20), (100, 20)):
        batch = Data("blobs", {"rows": 1024, "columns": columns, "clusters": k, "first": k})
        title = f"MiniBatchKMeans.partial_fit 1,024 × {columns}, k = {k}"
        work = Work(f"kmeans/partial-fit-{columns}-k{k}", title, "kmeans-partial-fit", "kmeans-partial-fit", batch)
        yield from _both(replace(work, options={"n_clusters": k}, target=5))
    predict = Work("kmeans/predict-1m-2-k3", "predict 1M × 2, k = 3", "kmeans-predict", "kmeans-predict", demo)
    yield from _both(replace(predict, options={"n_clusters": 3, "rows": None}, target=3))
    one = replace(predict, name="kmeans/predict-one-row", title="predict one row × 2, k = 3, from Python")
    yield from _both(replace(one, settings="kmeans-predict-one", options={"n_clusters": 3, "rows": 1}, target=20))
    data = Data("sparse_blobs", {"rows": 100_000, "columns": 100_000, "nonzeros": 50, "clusters": 20, "first": 20})
    sparse = _fit("fit-sparse", "fit CSR 100k × 100k, 50 nonzeros a row, k = 20, 10 iterations", data, 20, target=3)
    yield from _both(replace(sparse, settings="kmeans-fit-sparse", options={**sparse.options, "iterations": 10}))


#: How far above the lowest final objective of all subjects one may end, as a part of it. float32 rows need more, and
#: so do penalties that no smooth method takes.
GAPS = {"float64": 1e-6, "float32": 1e-5}
GAP_L1 = 1e-5


def _logistic() -> Iterator[Work]:
    for name, title, shape, auto, lbfgs in (
        ("500k-50-2", "fit 500k × 50, 2 classes", (500_000, 50, 2), 5.0, 2.0),
        ("250k-50-5", "fit 250k × 50, 5 classes", (250_000, 50, 5), 3.0, 2.0),
        ("1m-10-2", "fit 1M × 10, 2 classes", (1_000_000, 10, 2), 4.0, None),
        ("20k-500-2", "fit 20k × 500, 2 classes", (20_000, 500, 2), 2.0, None),
    ):
        rows, columns, classes = shape
        data = Data("labelled", {"rows": rows, "columns": columns, "classes": classes})
        yield from _both(_logistic_fit(f"fit-{name}-auto", f"{title}, any solver", data, "auto", target=auto))
        if lbfgs is not None:
            yield from _both(_logistic_fit(f"fit-{name}-lbfgs", f"{title}, L-BFGS", data, "lbfgs", target=lbfgs))
    sparse = Data("sparse_labelled", {"rows": 20_000, "columns": 1_000_000, "nonzeros": 47, "classes": 2})
    title = "fit CSR 20k × 1M, 47 nonzeros a row"
    yield from _both(_logistic_fit("fit-sparse", title, sparse, "sparse", target=8))
    # Here liblinear, which penalises its intercept, solves the same problem.
    family = "sparse-no-intercept"
    yield _logistic_fit(f"fit-{family}", f"{title}, no intercept", sparse, family, target=8, fit_intercept=False)
    dense = Data("labelled", {"rows": 100_000, "columns": 100, "classes": 2})
    # liblinear penalises its intercept: without one, all minimise the same objective.
    l1 = {"l1_ratio": 1.0, "C": 0.01, "fit_intercept": False, "gap": GAP_L1}
    yield _logistic_fit("fit-l1-dense", "fit 100k × 100, L1", dense, "l1", target=10, **l1)
    yield _logistic_fit("fit-l1-sparse", "fit CSR 20k × 1M, L1", sparse, "l1", target=10, **{**l1, "C": 1.0})
    elastic = {"l1_ratio": 0.5, "gap": GAP_L1}
    title = "fit 100k × 100, elastic net"
    yield _logistic_fit("fit-elastic-dense", title, dense, "elastic-net", target=10, **elastic, C=0.01)
    title = "fit CSR 20k × 1M, elastic net"
    yield _logistic_fit("fit-elastic-sparse", title, sparse, "elastic-net", target=10, **elastic, C=1.0)
    yield from _logistic_predictions()


def _logistic_fit(name: str, title: str, data: Data, family: str, *, target: float, **more: Any) -> Work:
    options = {"n_classes": data.parameters["classes"], "l1_ratio": 0.0, "C": 1.0, "fit_intercept": True, **more}
    return Work(f"logistic/{name}", title, "logistic-fit", f"logistic-fit/{family}", data, options, target=target)


def _logistic_predictions() -> Iterator[Work]:
    def predict(name: str, title: str, data: Data, settings: str = "logistic-predict", **more: Any) -> Iterator[Work]:
        options = {"n_classes": data.parameters["classes"]}
        task = "logistic-predict"
        yield from _both(Work(f"logistic/{name}", title, task, settings, data, options, **more))

    wide = {"columns": 1_000_000, "nonzeros": 47, "classes": 20}
    title = "predict_proba, one CSR row of 47 nonzeros, 1M features × 20 classes"
    one = Data("sparse_scored", {"rows": 1, **wide})
    # The target is against the order of coef_ that suits scikit-learn; the order that its fit leaves is quoted.
    for work in predict("predict-sparse-one", title, one, target=4, limit_seconds=20e-6):
        yield replace(work, peers=("scikit-learn, Fortran-order coef_",), quoted=("scikit-learn",))
    many = Data("sparse_scored", {"rows": 20_000, **wide})
    yield from predict("predict-sparse-20k", "predict_proba, 20k CSR rows × 1M, 20 classes", many, target=3)
    dense = Data("scored", {"rows": 500_000, "columns": 50, "classes": 2})
    yield from predict("predict-500k-50", "predict_proba, 500k × 50, 2 classes", dense, target=3)
    row = Data("scored", {"rows": 1, "columns": 64, "classes": 10})
    title = "predict_proba, one row × 64, 10 classes, from Python"
    yield from predict("predict-one-row", title, row, target=20)
