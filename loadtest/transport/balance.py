"""How connections spread over workers: what both servers log, beside what a fair hash gives.

The kernel gives each connection to a worker by a hash of its addresses. With many connections for each worker the shares
even out; with few, one worker may have most of them. The servers' own log lines say which it is.
"""

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np

from .footprint import idle_connections
from .rounds import Bench, MeasurementError
from .subjects import Question, ours, running

#: Workers, and connections for each of them, of the computed table.
WORKERS = (2, 4, 8, 16)
FOR_EACH = (1, 2, 4, 8, 16, 32)
#: Connections that are opened to the servers themselves.
_OPENED = (4, 64)
_DRAWS = 20_000
#: Seconds until a line must have come; the servers look every second.
_PATIENCE = 30.0
_LINE = re.compile(r"connections of each worker: open=(\[[\d, ]*\])")


def measure(bench: Bench, question: Question) -> dict[str, Any]:
    """What both servers say of few and many connections; plain JSON values."""
    workers = max(2, len(bench.cores))
    seen = []
    for kind, title in (("rust", "Rust server"), ("python", "Python server")):
        subject = ours(question, kind, title, name=f"{kind}-{workers}", workers=workers)
        for connections in _OPENED:
            bench.progress(f"{title}, {connections} connections")
            spreads = []
            for _ in range(3):
                with (
                    running(subject, bench.cores, bench.logs) as server,
                    idle_connections(server.address, connections),
                ):
                    spreads.append(_told(bench.logs / f"{subject.name}.log", connections))
            seen.append({"subject": title, "workers": workers, "connections": connections, "open": spreads})
    expected = {str(workers): {str(each): busiest(workers, workers * each) for each in FOR_EACH} for workers in WORKERS}
    return {"seen": seen, "expected": expected}


def _told(log: Path, connections: int) -> list[int]:
    """The last line about so many connections."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        lines = [told for told in open_connections(log.read_text(errors="replace")) if sum(told) == connections]
        if lines:
            return lines[-1]
        time.sleep(0.1)
    raise MeasurementError(f"no line of {log} tells of {connections} connections")


def open_connections(log: str) -> list[list[int]]:
    """The numbers in each line of a server's log that tells them."""
    return [json.loads(told) for told in _LINE.findall(log)]


def busiest(workers: int, connections: int) -> list[float]:
    """Share of the busiest worker, as a multiple of a fair share: mean and 90th percentile of a fair hash."""
    drawn = np.random.default_rng(0).multinomial(connections, [1 / workers] * workers, size=_DRAWS)
    shares = drawn.max(axis=1) * workers / connections
    return [float(shares.mean()), float(np.quantile(shares, 0.9))]
