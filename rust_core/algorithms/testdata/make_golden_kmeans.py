"""Write the golden files of K-Means that `tests/golden.rs` and `tests/golden_kmeans.rs` compare with.

Made with the versions that `make_golden.py` names, which also makes the data::

    python make_golden_kmeans.py [FOLDER]
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from make_golden import datasets, listed, weights_for, write  # type: ignore[import-not-found]
from scipy import sparse
from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus


def k_means_cases(data: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    cases = []

    def add(name: str, dataset: str, weighted: bool = False, init: np.ndarray | None = None, **parameters: Any) -> None:
        rows = data[dataset][0]
        weights = weights_for(len(rows)) if weighted else None
        start: dict[str, Any] = {} if init is None else {"init": init}
        seed = parameters.pop("seed", 0)
        model = KMeans(random_state=seed, **{"n_init": 1, **parameters, **start}).fit(rows, sample_weight=weights)
        cases.append(
            {
                "name": name,
                "dataset": dataset,
                "weights": None if weights is None else listed(weights),
                "init": None if init is None else listed(init.ravel()),
                "seed": seed,
                "n_clusters": parameters["n_clusters"],
                "n_init": parameters.get("n_init", 1),
                "max_iter": parameters.get("max_iter", 300),
                "tol": parameters.get("tol", 1e-4),
                "labels": listed(model.labels_),
                "centers": listed(model.cluster_centers_.ravel()),
                "inertia": model.inertia_,
                "n_iter": model.n_iter_,
                "distances": listed(model.transform(rows[:3]).ravel()),
            }
        )

    for seed in range(8):
        add(f"k-means++ seed {seed}", "blobs", n_clusters=6, seed=seed)
    for seed in (0, 1, 42, 2**32 - 1):
        add(f"iris k-means++ seed {seed}", "iris", n_clusters=3, seed=seed)
        add(f"iris weighted k-means++ seed {seed}", "iris", weighted=True, n_clusters=5, seed=seed)
    for seed in (0, 1):
        add(f"digits k-means++ seed {seed}", "digits", n_clusters=10, seed=seed)
        add(f"digits best of 10, seed {seed}", "digits", n_clusters=10, n_init=10, seed=seed)
        add(f"blobs best of 10, seed {seed}", "blobs", n_clusters=9, n_init=10, seed=seed)
        add(f"blobs weighted best of 10, seed {seed}", "blobs", weighted=True, n_clusters=9, n_init=10, seed=seed)
        add(f"far from the origin, seed {seed}", "far", n_clusters=6, seed=seed)
    add("many clusters", "blobs", n_clusters=40, seed=5)
    add("one cluster", "blobs", n_clusters=1)
    blobs, iris = data["blobs"][0], data["iris"][0]
    add("first rows as centres", "blobs", init=blobs[:6], n_clusters=6)
    add("first rows as centres, given once whatever n_init", "blobs", init=blobs[:6], n_clusters=6, n_init=4)
    add("strict convergence", "blobs", init=blobs[:8], n_clusters=8, tol=0.0)
    add("stopped by tolerance", "blobs", init=blobs[:8], n_clusters=8, tol=1e-2)
    add("stopped by max_iter", "blobs", init=blobs[:8], n_clusters=8, tol=0.0, max_iter=3)
    add("stopped after one iteration", "iris", init=iris[:3], n_clusters=3, tol=0.0, max_iter=1)
    add("weighted, given centres", "iris", weighted=True, init=iris[[0, 1, 60, 149]], n_clusters=4)
    away = np.vstack([iris[[0, 60]], np.full((1, 4), 1000.0)])
    for seed in range(6):
        add(f"weighted, tolerance 0, seed {seed}", "blobs", weighted=True, n_clusters=11, tol=0.0, seed=seed)
    add("an empty cluster", "iris", init=away, n_clusters=3)
    add("an empty cluster, weighted", "iris", weighted=True, init=away, n_clusters=3)
    add("an empty cluster, one iteration", "iris", init=away, n_clusters=3, max_iter=1)
    return cases


def k_means_plus_plus_cases(data: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """Chosen rows alone: a fit may end at the same centres from other first ones."""
    cases = []
    for dataset, n_clusters, weighted in [
        ("blobs", 6, False),
        ("blobs", 25, True),
        ("iris", 3, True),
        ("iris", 20, False),
        ("digits", 10, False),
        ("cancer", 60, False),
    ]:
        rows = data[dataset][0]
        weights = weights_for(len(rows)) if weighted else None
        for seed in range(6):
            _, chosen = kmeans_plusplus(rows - rows.mean(axis=0), n_clusters, sample_weight=weights, random_state=seed)
            cases.append(
                {
                    "dataset": dataset,
                    "n_clusters": n_clusters,
                    "weights": None if weights is None else listed(weights),
                    "seed": seed,
                    "chosen": listed(chosen),
                }
            )
    return cases


def sparse_rows() -> sparse.csr_matrix:
    """240 rows of 60 columns around six places; most values are zero, some rows are empty. Short decimals, as float32 holds them."""
    random = np.random.RandomState(11)
    places = np.where(random.random_sample((6, 60)) < 0.2, random.randint(1, 9, (6, 60)), 0)
    rows = places[random.randint(0, 6, 240)] * (1 + random.randint(-8, 9, (240, 60)) / 64)
    rows[random.random_sample((240, 60)) < 0.3] = 0
    rows[::40] = 0
    return sparse.csr_matrix(rows)


def digits_of(values: np.ndarray) -> Any:
    """The values with nearly all their digits, in shorter files."""
    return listed([float(f"{value:.{8 if values.dtype == np.float32 else 14}g}") for value in values.ravel()])


def rows_of(name: str, data: dict[str, tuple[np.ndarray, np.ndarray]], single: bool) -> Any:
    """Rows by name, dense or sparse, float64 or float32."""
    rows = sparse_rows() if name == "sparse" else data[name][0]
    return rows.astype(np.float32) if single else rows


def answer(model: Any, rows: Any) -> dict[str, Any]:
    """What a fitted model has found."""
    return {
        "labels": listed(model.labels_),
        "centers": digits_of(model.cluster_centers_),
        "inertia": float(model.inertia_),
        "n_iter": model.n_iter_,
        "distances": digits_of(model.transform(rows[:3])),
    }


def more_k_means_cases(data: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """Sparse rows, float32 rows, random first rows."""
    cases = []
    for dataset, n_clusters in (("sparse", 6), ("blobs", 6)):
        for single in (False, True):
            for init in ("k-means++", "random"):
                for weighted in (False, True):
                    for seed in (0, 1):
                        rows = rows_of(dataset, data, single)
                        weights = weights_for(rows.shape[0]) if weighted else None
                        n_init = 3 if init == "random" else 1
                        model = KMeans(n_clusters, init=init, n_init=n_init, random_state=seed)
                        model.fit(rows, sample_weight=weights)
                        cases.append(
                            {
                                "dataset": dataset,
                                "single": single,
                                "init": init,
                                "weights": None if weights is None else listed(weights),
                                "n_clusters": n_clusters,
                                "n_init": n_init,
                                "seed": seed,
                                **answer(model, rows),
                            }
                        )
    return cases


def mini_batch_cases(data: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """Fits in mini-batches, and the same rows given batch by batch."""
    cases = []
    settings: list[dict[str, Any]] = [
        {"batch_size": 100},
        {"batch_size": 50, "init": "random", "tol": 1e-3},
        {"batch_size": 30, "reassignment_ratio": 0.4, "max_iter": 5, "max_no_improvement": None},
        {"batch_size": 64, "init_size": 90, "init": "random", "n_init": 2, "compute_labels": False},
    ]
    for dataset, n_clusters in (("sparse", 6), ("blobs", 9)):
        for single in (False, True):
            for setting in settings:
                for weighted in (False, True):
                    for partial in (False, True):
                        rows = rows_of(dataset, data, single)
                        count = rows.shape[0]
                        weights = weights_for(count) if weighted else None
                        model = MiniBatchKMeans(n_clusters, random_state=4, **setting)
                        if partial:
                            for start in range(0, count, 60):
                                batch = slice(start, start + 60)
                                model.partial_fit(
                                    rows[batch], sample_weight=None if weights is None else weights[batch]
                                )
                        else:
                            model.fit(rows, sample_weight=weights)
                        cases.append(
                            {
                                "dataset": dataset,
                                "single": single,
                                "weights": None if weights is None else listed(weights),
                                "n_clusters": n_clusters,
                                "setting": setting,
                                "partial": partial,
                                "labels": listed(model.predict(rows)),
                                "centers": digits_of(model.cluster_centers_),
                                "counts": listed(model._counts),
                                "inertia": None if partial else float(model.inertia_),
                                "n_iter": None if partial else model.n_iter_,
                                "n_steps": model.n_steps_,
                            }
                        )
    return cases


def main(folder: Path) -> None:
    data = datasets()
    write(
        folder / "kmeans.json",
        {"fits": k_means_cases(data), "first_centers": k_means_plus_plus_cases(data)},
    )
    rows = sparse_rows()
    matrix = {
        "columns": rows.shape[1],
        "indptr": listed(rows.indptr),
        "indices": listed(rows.indices),
        "values": listed(rows.data),
    }
    write(
        folder / "kmeans_more.json",
        {"sparse": matrix, "fits": more_k_means_cases(data), "mini_batch": mini_batch_cases(data)},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
