"""The rounds of a case: every subject in turn, again and again, in an order that turns round."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtest.servers import Server
from measuring.rounds import orders

from . import cpu_clock, engine_alone
from .cases import Case
from .h2load import Drive, H2load, Load
from .subjects import Subject, running
from .targets import Figures, Round

#: Part of the requests that may fail. A server with a bound on streams refuses one that comes before it has cleared away
#: the one that ended; gRPC's clients then send it again, which h2load does not.
_REFUSED = 1e-2


class MeasurementError(RuntimeError):
    """A run whose figures mean nothing."""


@dataclass(frozen=True)
class Bench:
    """With what, how often and how long is measured."""

    h2load: H2load
    cores: tuple[int, ...]
    """At least two."""
    rounds: int
    """Rounds that are always run."""
    most_rounds: int
    """Rounds that may be run while the spread leaves a verdict open."""
    seconds: float
    """Length of each measured run; a fifth of it is run before as a warm-up."""
    logs: Path
    """Folder for the servers' logs."""
    progress: Callable[[str], None]
    """Told what happens next."""


def measure(bench: Bench, case: Case) -> Iterator[dict[str, Any]]:
    """Yields the whole record of a case after each round, as plain JSON values.

    All subjects run from first to last: one that is not asked sleeps. Rounds end early when every verdict is settled.
    """
    cores_of_servers = bench.cores if case.shared else bench.cores[:1]
    cores_of_load = bench.cores if case.shared else bench.cores[1:]
    figures: dict[Load, list[Round]] = {load: [] for load in case.loads}
    began = time.monotonic()
    with ExitStack() as stack:
        started = {
            subject.name: (subject, stack.enter_context(running(subject, cores_of_servers, bench.logs)))
            for subject in case.subjects
        }
        for number, names in orders(list(started), bench.most_rounds):
            bench.progress(
                f"round {number} of {bench.rounds} to {bench.most_rounds}; {time.monotonic() - began:.0f} s so far"
            )
            for load in case.loads:
                measured = {name: _once(bench, *started[name], load, cores_of_load) for name in names}
                if case.alone is not None:
                    asked = case.alone
                    used = engine_alone.cpu_us(asked.models, asked.request, cores_of_servers[0], bench.seconds)
                    measured["engine"] = Figures(1e6 / used, used)
                figures[load].append(measured)
            yield _record(case, figures)
            if number >= bench.rounds and _settled(case, figures):
                return


def _settled(case: Case, figures: dict[Load, list[Round]]) -> bool:
    return all(target.settled(target.ratio(rounds)) for target in case.targets for rounds in figures.values())


def _record(case: Case, figures: dict[Load, list[Round]]) -> dict[str, Any]:
    titles = {subject.name: subject.title for subject in case.subjects}
    if case.alone is not None:
        titles["engine"] = "the engine alone"
    return {
        "title": case.title,
        "subjects": titles,
        "commands": {subject.name: list(subject.command) for subject in case.subjects},
        "settings": {subject.name: dict(subject.settings) for subject in case.subjects},
        "rounds": {
            str(load): [{name: asdict(each) for name, each in one.items()} for one in rounds]
            for load, rounds in figures.items()
        },
        "targets": [asdict(target) for target in case.targets],
    }


def _once(bench: Bench, subject: Subject, server: Server, load: Load, cores: tuple[int, ...]) -> Figures:
    drive = Drive(server.address, subject, load, cores)
    bench.h2load.run(drive, bench.seconds / 5)
    before = cpu_clock.seconds(server)
    run = bench.h2load.run(drive, bench.seconds)
    used = cpu_clock.seconds(server) - before
    if run.requests == 0 or run.failed > _REFUSED * run.requests:
        raise MeasurementError(f"{subject.name}: {run.failed} of {run.requests + run.failed} requests failed")
    return Figures(run.requests / run.seconds, used / run.requests * 1e6)
