"""The rounds of a case: every subject in turn, again and again, in an order that turns round."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loadtest.h2load import H2load, Load
from loadtest.rounds import orders
from loadtest.servers import Server

from . import engine_alone, latency
from .cases import Case
from .latency import Latency
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
    seconds: float
    """Length of each measured run; a fifth of it is run before as a warm-up."""
    logs: Path
    """Folder for the servers' logs."""
    progress: Callable[[str], None]
    """Told what happens next."""

    def measure(self, case: Case) -> Mapping[Load, list[Round]]:
        """The figures of each load's rounds, by the names of the subjects; the engine alone is ``"engine"``.

        All subjects run from first to last: one that is not asked sleeps.
        """
        cores_of_servers = self.cores if case.shared else self.cores[:1]
        cores_of_load = self.cores if case.shared else self.cores[1:]
        figures: dict[Load, list[Round]] = {load: [] for load in case.loads}
        with ExitStack() as stack:
            started = {
                subject.name: (subject, stack.enter_context(running(subject, cores_of_servers, self.logs)))
                for subject in case.subjects
            }
            for number, names in orders(list(started), self.rounds):
                for load in case.loads:
                    self.progress(f"round {number} of {self.rounds}, {load} connections × streams")
                    measured = {name: self._once(*started[name], load, cores_of_load) for name in names}
                    if case.alone is not None:
                        asked = case.alone
                        used = engine_alone.cpu_us(asked.models, asked.request, cores_of_servers[0], self.seconds)
                        measured["engine"] = Figures(1e6 / used, used)
                    figures[load].append(measured)
        return figures

    def latencies(self, subjects: Sequence[Subject]) -> list[Latency]:
        """How long calls take; servers have the first core."""
        with ExitStack() as stack:
            started = [(each, stack.enter_context(running(each, self.cores[:1], self.logs))) for each in subjects]
            return latency.measure(self.h2load, started, rounds=self.rounds, seconds=self.seconds, cores=self.cores[1:])

    def _once(self, subject: Subject, server: Server, load: Load, cores: tuple[int, ...]) -> Figures:
        def run(seconds: float) -> tuple[int, int, float]:
            done = self.h2load.run(server.address, subject, load, seconds, cores=cores)
            return done.requests, done.failed, done.seconds

        run(self.seconds / 5)
        before = server.cpu_seconds()
        requests, failed, seconds = run(self.seconds)
        used = server.cpu_seconds() - before
        if requests == 0 or failed > _REFUSED * requests:
            raise MeasurementError(f"{subject.name}: {failed} of {requests + failed} requests failed")
        return Figures(requests / seconds, used / requests * 1e6)
