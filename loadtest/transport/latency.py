"""How long a call takes: one at a time, and at half of what the server can do."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.h2load import H2load, Load
from loadtest.results import Latencies
from loadtest.rounds import orders
from loadtest.servers import Server

from .subjects import Subject

PERCENTILES = (50, 99, 99.9)
_ALONE = Load(1, 1)
_CONNECTIONS = 16


@dataclass(frozen=True)
class Latency:
    """Of one subject under one load: medians over the rounds of each percentile."""

    subject: str
    load: str
    microseconds: tuple[float, ...]
    """In the order of ``PERCENTILES``."""


def measure(
    h2load: H2load,
    started: Sequence[tuple[Subject, Server]],
    *,
    rounds: int,
    seconds: float,
    cores: tuple[int, ...],
) -> list[Latency]:
    """Measures every subject, interleaved.

    A call's time starts when h2load sends it: at half of the ceiling it seldom sends late.
    """
    loads: dict[str, list[tuple[str, Load]]] = {}
    for subject, server in started:
        ceiling = h2load.run(server.address, subject, Load(_CONNECTIONS, 4), seconds, cores=cores)
        half = 0.5 * ceiling.requests / ceiling.seconds
        loads[subject.name] = [
            ("one at a time", _ALONE),
            (f"half of the ceiling, {half:,.0f}/s", Load(_CONNECTIONS, 16, rate=half)),
        ]
    seen: dict[tuple[str, str], list[list[float]]] = {}
    by_name = {subject.name: (subject, server) for subject, server in started}
    for _, names in orders(list(by_name), rounds):
        for name in names:
            subject, server = by_name[name]
            for title, load in loads[name]:
                run = h2load.run(server.address, subject, load, seconds, cores=cores, log_calls=True)
                found = Latencies.of(run.latencies_us.astype(float))
                seen.setdefault((name, title), []).append([found.percentile(each) for each in PERCENTILES])
    return [
        Latency(name, title, tuple(statistics.median(column) for column in zip(*rows, strict=True)))
        for (name, title), rows in seen.items()
    ]
