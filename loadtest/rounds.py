"""The rounds of a comparison: each server in turn, a warm-up before each measured run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from . import ghz
from .ghz import Ghz, Load
from .measurement import Measurement
from .scenario import LoadSpec
from .servers import Server


@dataclass(frozen=True)
class Result:
    """One measured run."""

    server: str
    round: int
    """From 1."""
    measurement: Measurement
    command: tuple[str, ...]
    """The command line of ghz."""


def orders(names: Sequence[str], rounds: int) -> Iterator[tuple[int, Sequence[str]]]:
    """The servers in the order of each round, which turns round every time: neither always comes first."""
    for number in range(1, rounds + 1):
        yield number, names if number % 2 else names[::-1]


def measure(
    program: Ghz, servers: Sequence[Server], request: bytes, load: LoadSpec, progress: Callable[[str], None]
) -> list[Result]:
    """Runs all rounds. ``progress`` is told what happens next."""
    by_name = {server.name: server for server in servers}
    results = []
    for number, names in orders(list(by_name), load.rounds):
        for name in names:
            progress(f"round {number} of {load.rounds}: {name}")
            results.append(Result(name, number, *measure_once(program, by_name[name], request, load)))
    return results


def measure_once(program: Ghz, server: Server, request: bytes, load: LoadSpec) -> tuple[Measurement, tuple[str, ...]]:
    """A warm-up whose figures are thrown away, then a measured run; also the command line of ghz."""

    def run(seconds: float) -> ghz.Run:
        return ghz.run(program, server.address, ghz.PREDICT, request, Load(load.connections, load.concurrency, seconds))

    if load.warm_up_seconds > 0:
        run(load.warm_up_seconds)
    before = server.cpu_seconds()
    measured = run(load.duration_seconds)
    used = server.cpu_seconds() - before
    figures = Measurement.of(measured.report, server_cpu_seconds=used, ghz_cpu_seconds=measured.cpu_seconds)
    return figures, measured.command
