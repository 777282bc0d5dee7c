"""The rows: made from a seed, always the same, and kept in a cache folder outside the repository."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

#: Part of the folder's name: another number where the same parameters give other rows.
_EDITION = 1


@dataclass(frozen=True)
class Data:
    """Rows by what they are made from."""

    kind: str
    """A key of ``KINDS``."""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the folder."""
        return "-".join([self.kind, *(f"{key}{value:g}" for key, value in sorted(self.parameters.items()))])

    @property
    def sparse(self) -> bool:
        """Whether the rows are CSR: ``X_data``, ``X_indices``, ``X_indptr``, ``X_shape`` in place of ``X``."""
        return self.kind.startswith("sparse")


def cache_folder() -> Path:
    """Where data, installed peers and built programs are kept: ``FERRULE_BENCH_CACHE``, or a folder of the user's cache."""
    named = os.environ.get("FERRULE_BENCH_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else base / "ferrule-bench-core"


def folder(data: Data, dtype: str) -> Path:
    """The folder with the arrays as ``.npy`` files, which are made if they are not there.

    Floating arrays are rounded to ``dtype`` from the same float64 values.
    """
    kept = cache_folder() / f"data-{_EDITION}" / f"{data.name}-{dtype}"
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix="unfinished-", dir=kept.parent))
    try:
        for name, array in make(data, dtype).items():
            np.save(beside / f"{name}.npy", array)
        beside.rename(kept)
    except OSError:
        # Another run was quicker, or the disk is full: then the caller's reading says so.
        if not kept.is_dir():
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return kept


def load(kept: Path) -> Arrays:
    """All arrays of a folder, in memory."""
    return {file.stem: np.load(file) for file in sorted(kept.glob("*.npy"))}


def make(data: Data, dtype: str) -> Arrays:
    """The arrays, without the cache."""
    made = KINDS[data.kind](**data.parameters)
    return {
        name: np.ascontiguousarray(array, dtype=dtype if array.dtype.kind == "f" else array.dtype)
        for name, array in made.items()
    }


def _random(seed: int) -> np.random.RandomState:
    # NumPy guarantees that this generator's streams never change.
    return np.random.RandomState(seed)


def blobs(rows: int, columns: int, clusters: int, first: int, spread: float = 1.0) -> Arrays:
    """Gaussian clusters around centres in a cube of 20; ``init`` is some of the rows."""
    random = _random(0)
    centers = random.uniform(-10.0, 10.0, (clusters, columns))
    points = centers[random.randint(0, clusters, rows)]
    points += spread * random.standard_normal((rows, columns))
    return {"X": points, "init": points[random.choice(rows, first, replace=False)]}


def sparse_blobs(rows: int, columns: int, nonzeros: int, clusters: int, first: int) -> Arrays:
    """Rows whose entries stand mostly in a stretch of columns that their cluster prefers; ``init`` is some rows, dense."""
    random = _random(1)
    cluster = random.randint(0, clusters, rows)
    stretch = columns // clusters
    preferred = (cluster[:, None] * stretch + _steep(random, (rows, nonzeros), stretch)) % columns
    anywhere = _steep(random, (rows, nonzeros), columns)
    indices = np.where(random.uniform(size=(rows, nonzeros)) < 0.5, preferred, anywhere)
    csr = _csr(indices, random.uniform(0.5, 1.5, indices.shape), columns)
    chosen = random.choice(rows, first, replace=False)
    init = np.zeros((first, columns))
    for at, row in enumerate(chosen):
        start, end = csr["X_indptr"][row : row + 2]
        init[at, csr["X_indices"][start:end]] = csr["X_data"][start:end]
    return {**csr, "init": init}


def labelled(rows: int, columns: int, classes: int) -> Arrays:
    """Correlated columns of unequal scale, and labels drawn from the probabilities of a linear model."""
    random = _random(2)
    mixing = np.eye(columns) + random.standard_normal((columns, columns)) * 0.5 / np.sqrt(columns)
    mixing *= np.geomspace(0.5, 2.0, columns)
    points = random.standard_normal((rows, columns)) @ mixing
    weights = random.standard_normal((columns, classes)) * 1.5 / np.sqrt(columns)
    return {"X": points, "y": _drawn(random, points @ weights)}


def sparse_labelled(rows: int, columns: int, nonzeros: int, classes: int) -> Arrays:
    """Rows as of words: few columns are frequent, most are rare; labels as for dense rows."""
    random = _random(3)
    csr = _words(random, rows, columns, nonzeros)
    weights = random.standard_normal((columns, classes))
    scores = np.add.reduceat(weights[csr["X_indices"]] * csr["X_data"][:, None], csr["X_indptr"][:-1], axis=0)
    return {**csr, "y": _drawn(random, scores)}


def scored(rows: int, columns: int, classes: int) -> Arrays:
    """Rows, and the coefficients of a model to score them."""
    random = _random(4)
    points = random.standard_normal((rows, columns))
    return {"X": points, **_coefficients(random, columns, classes, scale=1.0 / np.sqrt(columns))}


def sparse_scored(rows: int, columns: int, nonzeros: int, classes: int) -> Arrays:
    """(As above) for sparse rows."""
    random = _random(5)
    return {**_words(random, rows, columns, nonzeros), **_coefficients(random, columns, classes, scale=0.3)}


KINDS: Mapping[str, Callable[..., Arrays]] = {
    "blobs": blobs,
    "sparse_blobs": sparse_blobs,
    "labelled": labelled,
    "sparse_labelled": sparse_labelled,
    "scored": scored,
    "sparse_scored": sparse_scored,
}


def _coefficients(random: np.random.RandomState, columns: int, classes: int, scale: float) -> Arrays:
    scores = 1 if classes == 2 else classes
    return {"coef": scale * random.standard_normal((scores, columns)), "intercept": random.standard_normal(scores)}


def _drawn(random: np.random.RandomState, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """A label for each row of scores, by their softmax (the largest of scores with Gumbel noise)."""
    noise: NDArray[np.float64] = random.gumbel(size=scores.shape)
    return np.asarray(np.argmax(scores + noise, axis=1), dtype=np.int64)


def _words(random: np.random.RandomState, rows: int, columns: int, nonzeros: int) -> Arrays:
    indices = _steep(random, (rows, nonzeros), columns)
    # Frequent ones are not neighbours.
    indices = (indices * 999_983 + 17) % columns
    return _csr(indices, random.uniform(0.1, 1.0, indices.shape), columns)


def _steep(random: np.random.RandomState, shape: tuple[int, int], columns: int) -> NDArray[np.int64]:
    """Column numbers, low ones far more often."""
    drawn: NDArray[np.float64] = random.uniform(size=shape)
    return np.asarray(columns * drawn**6, dtype=np.int64)


def _csr(indices: NDArray[np.int64], values: NDArray[np.float64], columns: int) -> Arrays:
    """Columns of a row in order; one that was drawn twice moves to the next that is free."""
    indices = np.sort(indices, axis=1)
    for at in range(1, indices.shape[1]):
        np.maximum(indices[:, at], indices[:, at - 1] + 1, out=indices[:, at])
    # What was pushed over the end goes in from the other side, each step below the one after it.
    over = indices.shape[1] - np.arange(indices.shape[1])
    indices = np.minimum(indices, columns - over)
    return {
        "X_data": values.ravel(),
        "X_indices": indices.ravel().astype(np.int32),
        "X_indptr": (np.arange(len(indices) + 1) * indices.shape[1]).astype(np.int32),
        "X_shape": np.array([len(indices), columns], dtype=np.int64),
    }
