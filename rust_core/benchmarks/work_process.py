"""The process of one subject and work: ``python -m rust_core.benchmarks.work_process WORK.json``.

Loads the arrays, prepares the call, says ``{"ready": …}``, then obeys lines: ``run N`` calls N times and says how long that
took and how much CPU time; ``answer FOLDER`` writes what the last call found. Ends with its standard input.
"""

import gc
import json
import sys
import time
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from .recipes import RECIPES, Inputs

_DISTRIBUTIONS = ("numpy", "scipy", "scikit-learn", "scikit-learn-intelex", "faiss-cpu", "ferrule")


def main() -> None:
    """Serves until there is nothing more to read."""
    work = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # A fit that runs into its limit of iterations is judged by its answer.
    warnings.simplefilter("ignore")
    arrays = {file.stem: np.load(file) for file in sorted(Path(work["folder"]).glob("*.npy"))}
    inputs = Inputs(work["peer"], work["dtype"], work["options"], work["settings"], arrays)
    prepared = RECIPES[work["task"]](inputs)
    _say({"ready": {name: version for name in _DISTRIBUTIONS if (version := _version(name))}})
    last: Any = None
    # As timeit does: no pause for garbage that others made.
    gc.collect()
    gc.disable()
    for line in sys.stdin:
        order, _, argument = line.strip().partition(" ")
        if order == "run":
            call, calls = prepared.call, range(int(argument))
            used, started = time.process_time(), time.perf_counter()
            for _ in calls:
                last = call()
            seconds = time.perf_counter() - started
            _say({"seconds": seconds, "cpu_seconds": time.process_time() - used})
        else:
            found, said = prepared.answer(last)
            for name, array in found.items():
                np.save(Path(argument) / f"{name}.npy", array)
            _say({"answered": said})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
