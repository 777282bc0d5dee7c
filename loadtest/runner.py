"""Carries out a plan: measures the subjects of each part in turn and keeps what was measured."""

import dataclasses
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from measuring.rounds import orders

from . import answers, ceiling, ghz, pacer, points, servers
from .ghz import Ghz
from .plan import Cores, Part
from .points import Place, Used
from .processes import ServerGoneError, Tree, Watch
from .questions import Questions
from .record import Record
from .results import BY_THE_CLOCK, Answers, Limit, Load, Mode, Point
from .stage import Stage, Started, WrongAnswerError
from .transport import h2load
from .transport.h2load import H2load, H2loadError

#: How much sooner the calls beside start, and how much later they end.
_MARGIN_SECONDS = 0.4
#: What a subject is left out for, without the others.
_FAILURES = (ghz.GhzError, H2loadError, pacer.PacerError, ServerGoneError, servers.ServerError, WrongAnswerError)


class Progress(Protocol):
    """Is told how far it is."""

    def say(self, words: str) -> None:
        """What is done next."""

    def done(self, seconds: float) -> None:
        """So many of the planned seconds are behind."""


@dataclass(frozen=True)
class Tools:
    """The load generators."""

    ghz: Ghz
    h2load: H2load | None
    """Without it there are no ceilings."""

    @property
    def versions(self) -> dict[str, str]:
        """By name."""
        return {"ghz": self.ghz.version, **({"h2load": self.h2load.version} if self.h2load else {})}


class Runner:
    """Measures parts, one after the other, into ``record``."""

    def __init__(
        self, tools: Tools, record: Record, progress: Progress, *, folder: Path, target: str | None = None
    ) -> None:
        self._tools = tools
        self._record = record
        self._progress = progress
        self._folder = folder
        self._target = target
        self._began = time.monotonic()

    def run(self, part: Part) -> None:
        """Measures a part. A subject that fails is left out from there on, with a note.

        Raises FerruleError, ServerError when the scenario's model can't be published.
        """
        available = os.sched_getaffinity(0)
        folder = self._folder / f"{part.scenario.name}-{part.setting.value}"
        folder.mkdir()
        stage = Stage.of(part, folder, self._target, self._record)
        # Checks of answers run in this process: on the load generator's side.
        os.sched_setaffinity(0, stage.cores.client)
        try:
            with ExitStack() as stack:
                self._progress.say(f"{part.scenario.name}: fitting the model, starting the servers")
                started = self._start_all(stage, stack)
                self._progress.done(part.seconds - part.runs * part.run_seconds)
                self._measure(stage, started)
                for each in started:
                    after = each.inquirer.ask_all(part.scenario.name, each.subject.name, "after")
                    self._record.answers.append(after)
        finally:
            os.sched_setaffinity(0, available)
            self._record.answers[:] = answers.merged(self._record.answers)
            self._record.points[:] = points.without_wrong_answers(self._record.points, self._record.answers)

    def _start_all(self, stage: Stage, stack: ExitStack) -> list[Started]:
        published = stage.published()
        started = []
        for subject in stage.part.subjects:
            try:
                each = stack.enter_context(stage.started(subject, published))
            except _FAILURES as problem:
                self._record.notes.append(f"{stage.part.scenario.name}: {subject.label} was left out: {problem}")
                continue
            stage.note(each)
            started.append(each)
        return started

    def _measure(self, stage: Stage, started: list[Started]) -> None:
        """Round by round, load by load, subject by subject in an order that turns round."""
        part = stage.part
        active = {each.subject.name: each for each in started}
        for number, names in orders(list(active), part.scenario.timing.rounds):
            for load in part.loads:
                for name in names:
                    if name in active:
                        words = f"round {number} of {part.scenario.timing.rounds}, {load_words(load)}: {name}"
                        self._progress.say(f"{part.scenario.name}, {part.setting.value}, {words}")
                        try:
                            self._once(stage, active[name], load, number)
                        except _FAILURES as problem:
                            self._record.notes.append(f"{part.scenario.name}: {name} was given up: {problem}")
                            del active[name]
                    self._progress.done(part.run_seconds)

    def _once(self, stage: Stage, started: Started, load: Load, number: int) -> None:
        resolved = self._resolved(stage.part, started, load)
        if resolved in started.hopeless:
            return
        place = self._place(stage.part, started, resolved, number)
        if load.mode is Mode.CEILING:
            if self._tools.h2load is not None:
                self._ceiling(stage, started, place, self._tools.h2load)
            return
        point = (self._paced if load.mode is Mode.PACED else self._loop)(stage, started, place)
        self._record.points.append(point)
        if load.mode in BY_THE_CLOCK and point.limit is not Limit.RATE:
            # A rate that the server can't take it can't take in any round; the client may have been disturbed once.
            if point.limit is not Limit.CLIENT or resolved in started.doubtful:
                started.hopeless.add(resolved)
            started.doubtful.add(resolved)

    def _resolved(self, part: Part, started: Started, load: Load) -> Load:
        """The rate of a load that is a part of the subject's ceiling; the same in every round."""
        if load.fraction is None:
            return load
        if load not in started.rates:
            rate = load.fraction * self._ceiling_of(part, started.subject.name)
            # Three digits, for people, and whole, for ghz.
            started.rates[load] = dataclasses.replace(load, rate=float(max(1, int(float(f"{rate:.3g}")))))
        return started.rates[load]

    def _ceiling_of(self, part: Part, subject: str) -> float:
        measured = [
            point
            for point in self._record.points
            if (point.scenario, point.setting, point.subject) == (part.scenario.name, part.setting, subject)
        ]
        by_h2load = [point.requests_per_second for point in measured if point.load.mode is Mode.CEILING]
        by_ghz = [point.requests_per_second for point in measured if point.load.mode is Mode.CLOSED]
        return statistics.median(by_h2load) if by_h2load else max(by_ghz, default=1.0)

    def _place(self, part: Part, started: Started, load: Load, number: int, call: str = "call") -> Place:
        since = time.monotonic() - self._began
        return Place(part.scenario.name, call, started.subject.name, part.setting, load, number, since)

    def _ceiling(self, stage: Stage, started: Started, place: Place, program: H2load) -> None:
        timing = stage.part.scenario.timing
        callers = place.load.concurrency or 1
        pressed = h2load.Load(place.load.connections, max(1, callers // place.load.connections))
        client = stage.cores.client
        seconds = timing.duration_seconds
        if timing.warm_up_seconds > 0:
            ceiling.run(program, started.address, started.asked, pressed, timing.warm_up_seconds, cores=client)
        with self._watched(stage, started) as watched:
            run = ceiling.run(
                program, started.address, started.asked, pressed, seconds, cores=client, watch=watched.watch
            )
        point = points.of_h2load(place, run, watched.used(), stage.part.scenario.limits.failed_part)
        self._record.points.append(points.judged(point, watched.meanwhile))

    def _loop(self, stage: Stage, started: Started, place: Place) -> Point:
        scenario, load = stage.part.scenario, place.load
        loop = ghz.Load(
            load.connections,
            load.concurrency or load.connections,
            scenario.timing.duration_seconds,
            None if load.rate is None else int(load.rate),
            scenario.limits.timeout_seconds,
        )
        if scenario.timing.warm_up_seconds > 0:
            warm_up = dataclasses.replace(loop, duration_seconds=scenario.timing.warm_up_seconds)
            self._ghz(stage, started, started.asked, warm_up)
        with self._beside(stage, started, place), self._watched(stage, started) as watched:
            run = self._ghz(stage, started, started.asked, loop, watched.watch)
        return points.of_ghz(place, run, watched.used(), scenario.limits.failed_part)

    def _paced(self, stage: Stage, started: Started, place: Place) -> Point:
        scenario, load = stage.part.scenario, place.load
        offered = pacer.Load(load.connections, int(load.rate or 1), scenario.timing.duration_seconds)
        client = stage.cores.client
        if scenario.timing.warm_up_seconds > 0:
            warm_up = dataclasses.replace(offered, seconds=scenario.timing.warm_up_seconds)
            pacer.run(started.address, started.asked, warm_up, cores=client)
        with self._watched(stage, started) as watched:
            run = pacer.run(started.address, started.asked, offered, cores=client, watch=watched.watch)
        return points.of_pacer(place, run, watched.used(), scenario.limits.failed_part)

    def _ghz(
        self, stage: Stage, started: Started, asked: Questions, loop: ghz.Load, watch: Watch | None = None
    ) -> ghz.Run:
        return ghz.run(
            self._tools.ghz,
            started.address,
            asked.call,
            asked.request,
            loop,
            protoset=asked.protoset,
            cores=stage.cores.client,
            watch=watch,
        )

    @contextmanager
    def _watched(self, stage: Stage, started: Started) -> Iterator["_Watched"]:
        """Watches CPU time and memory, and asks for answers meanwhile."""
        scenario = stage.part.scenario
        watch = Watch(started.tree, scenario.timing.duration_seconds)
        watched = _Watched(watch, stage.cores, started.tree, alone=scenario.beside is None)
        with watch, started.inquirer.ask_meanwhile() as meanwhile:
            yield watched
        watched.ended()
        if started.tree is not None:
            started.tree.check()
        watched.meanwhile = meanwhile.answers(scenario.name, started.subject.name)
        self._record.answers.append(watched.meanwhile)

    @contextmanager
    def _beside(self, stage: Stage, started: Started, measured: Place) -> Iterator[None]:
        """Runs the scenario's other calls around the block, if it has any, and keeps their point."""
        scenario, asked = stage.part.scenario, started.beside
        if scenario.beside is None or asked is None:
            yield
            return
        callers = scenario.beside.concurrency
        load = Load(Mode.CLOSED, min(scenario.beside.connections, callers), callers)
        seconds = scenario.timing.duration_seconds + 2 * _MARGIN_SECONDS
        loop = ghz.Load(load.connections, callers, seconds, timeout_seconds=scenario.limits.timeout_seconds)
        watch = Watch(started.tree, seconds)
        outcome: list[ghz.Run | ghz.GhzError] = []

        def run() -> None:
            try:
                outcome.append(self._ghz(stage, started, asked, loop, watch))
            except ghz.GhzError as problem:
                outcome.append(problem)

        thread = threading.Thread(target=run, daemon=True)
        with watch:
            thread.start()
            time.sleep(_MARGIN_SECONDS)
            yield
            thread.join()
        if isinstance(outcome[0], ghz.GhzError):
            raise outcome[0]
        used = Used(None, len(stage.cores.server), len(stage.cores.client), 0, watch)
        place = dataclasses.replace(measured, call="beside", load=load)
        self._record.points.append(points.of_ghz(place, outcome[0], used, scenario.limits.failed_part))


class _Watched:
    """A watch, and the server's CPU time over its whole block."""

    def __init__(self, watch: Watch, cores: Cores, tree: Tree | None, *, alone: bool) -> None:
        self.watch = watch
        self.meanwhile: Answers | None = None
        self._cores = cores
        self._tree = tree if alone else None
        self._before = self._now()
        self._spent: float | None = None

    def ended(self) -> None:
        """The block has ended."""
        now = self._now()
        self._spent = None if now is None or self._before is None else now - self._before

    def used(self) -> Used:
        """What the run used."""
        own = 0 if self.meanwhile is None else self.meanwhile.checked + self.meanwhile.failed
        return Used(self._spent, len(self._cores.server), len(self._cores.client), own, self.watch)

    def _now(self) -> float | None:
        return None if self._tree is None else self._tree.cpu_seconds()


def load_words(load: Load) -> str:
    """A load in a few words."""
    if load.mode in BY_THE_CLOCK:
        return f"{load.rate or 0:,.0f} calls/s" if load.fraction is None else f"{load.fraction:.0%} of the ceiling"
    if load.mode is Mode.CEILING:
        return f"ceiling, {load.connections} × {(load.concurrency or 1) // load.connections}"
    return f"{load.concurrency} {'caller' if load.concurrency == 1 else 'callers'}"
