"""The rounds: every subject in turn, again and again, in an order that turns round."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest.rounds import orders
from loadtest.servers import Server

from .h2load import H2load, Load
from .subjects import Subject, running
from .targets import Figures


#: Part of the requests that may fail. A server with a bound on streams refuses one that comes before it has cleared away
#: the one that ended; gRPC's clients then send it again, which h2load does not.
_REFUSED = 1e-2


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    loads: tuple[Load, ...]
    rounds: int
    seconds: float
    """Length of each measured run; a fifth of it is run before as a warm-up."""


@dataclass(frozen=True)
class Bench:
    """Where and with what is measured."""

    h2load: H2load
    core: int
    """The core of the servers; the load generator has its own."""
    logs: Path
    """Folder for the servers' logs."""
    progress: Callable[[str], None]
    """Told what happens next."""

    def measure(self, subjects: Sequence[Subject], plan: Plan) -> Mapping[Load, list[dict[str, Figures]]]:
        """Each load's rounds: the figures by subject.

        All subjects run from first to last, on the same core: one that is not asked sleeps.
        """
        figures: dict[Load, list[dict[str, Figures]]] = {load: [] for load in plan.loads}
        with ExitStack() as stack:
            started = {one.name: (one, stack.enter_context(running(one, self.core, self.logs))) for one in subjects}
            for number, names in orders(list(started), plan.rounds):
                for load in plan.loads:
                    self.progress(f"round {number} of {plan.rounds}, {load}")
                    figures[load].append({name: self._once(*started[name], load, plan.seconds) for name in names})
        return figures

    def _once(self, subject: Subject, server: Server, load: Load, seconds: float) -> Figures:
        self.h2load.run(server.address, subject.path, subject.request, load, seconds / 5)
        before = server.cpu_seconds()
        run = self.h2load.run(server.address, subject.path, subject.request, load, seconds)
        used = server.cpu_seconds() - before
        if run.failed > _REFUSED * run.requests:
            raise RuntimeError(f"{subject.name}: {run.failed} of {run.requests + run.failed} requests failed")
        return Figures(run.requests / run.seconds, used / run.requests * 1e6)


def as_json(figures: Mapping[Load, list[dict[str, Figures]]]) -> dict[str, object]:
    """The raw figures as plain values."""
    return {
        str(load): [{name: asdict(each) for name, each in one.items()} for one in rounds]
        for load, rounds in figures.items()
    }
