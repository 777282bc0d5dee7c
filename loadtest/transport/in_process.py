"""What the parts of a call cost without a transport, in nanoseconds: ``ferrule-probes parts`` and the compiled module."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from . import engine_alone
from .rounds import Bench
from .subjects import PROBES, Question
from .targets import LEAST_ROUNDS, Interval


def measure(bench: Bench, question: Question) -> dict[str, Any]:
    """CPU time of a call of each part; plain JSON values: name, then median and ends of the spread."""
    core = bench.cores[0]
    with tempfile.TemporaryDirectory(prefix="ferrule-parts-") as folder:
        request = Path(folder, "request.bin")
        request.write_bytes(question.request)
        options = ("--models", str(question.models), "--request", str(request))
        command = ("taskset", "--cpu-list", str(core), PROBES, "parts", *options)
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    turns = [engine_alone.both(question.models, question.request, core, bench.seconds) for _ in range(LEAST_ROUNDS)]
    without, with_deadline = (Interval.of([1e3 * each for each in column]) for column in zip(*turns, strict=True))
    parts = {name: [cost["median"], cost["least"], cost["most"]] for name, cost in said}
    parts["the call from Python without a deadline"] = [without.median, without.low, without.high]
    parts["the call from Python with a deadline"] = [with_deadline.median, with_deadline.low, with_deadline.high]
    return {"parts_ns": parts}
