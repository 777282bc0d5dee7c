"""What the machine could do at best, measured in the same run, and what a work needs at least of it.

The counts are of an exhaustive method that reads each row once a pass: one that prunes may be faster than this floor.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .environments import Environments, MissingPeerError
from .works import THREADS, Work

_BYTES = {"float64": 8, "float32": 4}


@dataclass(frozen=True)
class Ceilings:
    """Of the machine, on as many threads as the subjects have."""

    threads: int
    flops: Mapping[str, float]
    """Floating-point operations a second by type, a multiply-add being two."""
    cache_bytes: float
    """Bytes a second from the last cache."""
    memory_bytes: float
    """Bytes a second from memory."""
    last_cache_bytes: int | None
    """Size of the last cache."""


@dataclass(frozen=True)
class Need:
    """Of one call, at least."""

    bytes: float
    flops: float
    working_set: float
    """Bytes that are read again and again."""


@dataclass(frozen=True)
class Floor:
    """The time that no exhaustive method goes below."""

    need: Need
    seconds: float
    bound: str
    """``"memory"``, ``"cache"`` or ``"arithmetic"``: what sets it."""


def measure(environments: Environments, threads: int = THREADS) -> Ceilings:
    """Runs the probe of ``native/``. Raises MissingPeerError."""
    program = environments.native("ceilings")
    try:
        said = subprocess.run((str(program), str(threads)), capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as problem:
        raise MissingPeerError(f"the ceilings could not be measured: {problem}") from problem
    read: dict[str, Any] = json.loads(said.stdout)
    flops = {"float64": read["float64_flops"], "float32": read["float32_flops"]}
    return Ceilings(read["threads"], flops, read["cache_bytes"], read["memory_bytes"], _last_cache())


def better(one: Ceilings, other: Ceilings) -> Ceilings:
    """The higher of two measurements, figure by figure: a ceiling is what was reached once."""
    flops = {dtype: max(value, other.flops[dtype]) for dtype, value in one.flops.items()}
    cache, memory = max(one.cache_bytes, other.cache_bytes), max(one.memory_bytes, other.memory_bytes)
    return Ceilings(one.threads, flops, cache, memory, one.last_cache_bytes)


def floor(work: Work, n_iter: int | None, ceilings: Ceilings) -> Floor | None:
    """The floor of a work that took so many iterations; None where the counts say little (single rows, other solvers)."""
    need = needed(work, n_iter)
    if need is None:
        return None
    cached = ceilings.last_cache_bytes is not None and need.working_set <= 0.75 * ceilings.last_cache_bytes
    reading = need.bytes / (ceilings.cache_bytes if cached else ceilings.memory_bytes)
    computing = need.flops / ceilings.flops[_arithmetic(work)]
    if computing > reading:
        return Floor(need, computing, "arithmetic")
    return Floor(need, reading, "cache" if cached else "memory")


def _arithmetic(work: Work) -> str:
    """The type that most of a work's operations have, which need not be that of its rows.

    K-Means decides nearly all rows by scores in float32, whatever the rows are, but for few short centres (KERNELS.md).
    """
    few = work.options.get("n_clusters", 0) <= 4 and work.data.parameters["columns"] <= 4
    if not work.task.startswith("kmeans"):
        return work.dtype
    return "float64" if few else "float32"


def needed(work: Work, n_iter: int | None) -> Need | None:
    """Bytes and operations of one call."""
    rows = work.data.parameters["rows"]
    columns = work.data.parameters.get("nonzeros", work.data.parameters["columns"])
    width = _BYTES[work.dtype] + (4 if work.data.sparse else 0)
    matrix = float(rows * columns * width)
    if work.task == "kmeans-fit" and n_iter is not None:
        # One pass for finite values, mean and variance, and one at the end for labels of the last centres; a squared
        # distance takes a difference and a multiply-add for each column, or a multiply-add where products stand in.
        passes = n_iter + 2
        each = 2 if columns > 32 or work.data.sparse else 3
        return Need(matrix * passes, float(rows * columns * work.options["n_clusters"] * each) * (n_iter + 1), matrix)
    if work.task == "kmeans-predict" and work.options["rows"] is None:
        return Need(matrix + 4 * rows, float(rows * columns * work.options["n_clusters"] * 3), matrix)
    if rows < 1000:
        return None
    scores = 1 if work.options.get("n_classes") == 2 else work.options.get("n_classes", 0)
    if work.task == "logistic-fit" and n_iter is not None and work.options["l1_ratio"] == 0:
        # Scores and gradient; the exponentials and a line search's further passes come on top.
        return Need(matrix * (n_iter + 1), 4.0 * rows * columns * scores * (n_iter + 1), matrix)
    if work.task == "logistic-predict":
        written = rows * work.options["n_classes"] * _BYTES[work.dtype]
        # Every nonzero brings its own coefficients; dense rows share theirs.
        gathered = rows * columns * scores * _BYTES[work.dtype] if work.data.sparse else 0
        return Need(matrix + written + gathered, 2.0 * rows * columns * scores, matrix + gathered)
    return None


def _last_cache() -> int | None:
    """Bytes of the cache of the highest level that the first core has, as Linux tells."""
    sizes = {}
    for cache in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            level, size = ((cache / name).read_text(encoding="utf-8").strip() for name in ("level", "size"))
            sizes[int(level)] = int(size.removesuffix("K")) * 1024
        except (OSError, ValueError):
            continue
    return sizes[max(sizes)] if sizes else None
