"""What will be measured, in which order, and how long it takes: made before anything runs, and printed."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .results import Load, Mode, Setting
from .scenario import Closed, Scenario, Timing
from .subjects import Subject

T = TypeVar("T")

#: Fewest rounds of a run that is shortened to a budget: below, there is no spread.
FEWEST_ROUNDS = 3
#: A run is not shortened below this.
SHORTEST_SECONDS = 1.0
#: What a run takes beside its load: a load generator starts, connects, writes a report that is read.
_RUN_SECONDS = 0.9
#: What a subject takes to start, to answer the sample twice and to stop.
_SUBJECT_SECONDS = 4.0
#: What a scenario takes to fit its model, twice.
_SCENARIO_SECONDS = 4.0
#: How far durations are lengthened when there is time.
_MOST_STRETCH = 2.0


@dataclass(frozen=True)
class Cores:
    """Who runs where."""

    server: tuple[int, ...]
    client: tuple[int, ...]

    @classmethod
    def split(cls, available: Sequence[int]) -> "Cores | None":
        """Half for each, the larger for the load generator; None when there is only one."""
        ordered = tuple(sorted(available))
        half = len(ordered) // 2
        return cls(ordered[:half], ordered[half:]) if half else None

    @classmethod
    def shared(cls, available: Sequence[int]) -> "Cores":
        """All for both."""
        ordered = tuple(sorted(available))
        return cls(ordered, ordered)


@dataclass(frozen=True)
class Part:
    """A scenario in a setting: all its subjects run from first to last, and are measured in turn."""

    scenario: Scenario
    setting: Setting
    subjects: tuple[Subject, ...]
    loads: tuple[Load, ...]
    """In this order each round. The rate of a load with a fraction is found while it runs."""

    @property
    def runs(self) -> int:
        """Measured runs."""
        return len(self.subjects) * len(self.loads) * self.scenario.timing.rounds

    @property
    def run_seconds(self) -> float:
        """What one takes, warm-up included."""
        timing = self.scenario.timing
        return timing.warm_up_seconds + timing.duration_seconds + _RUN_SECONDS

    @property
    def seconds(self) -> float:
        """What all take, as far as can be told before."""
        return _SCENARIO_SECONDS + len(self.subjects) * _SUBJECT_SECONDS + self.runs * self.run_seconds


@dataclass(frozen=True)
class Plan:
    """A run of the load test."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    """What was left out and why."""

    @property
    def seconds(self) -> float:
        """What all takes, as far as can be told before."""
        return sum(part.seconds for part in self.parts)

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "seconds": round(self.seconds),
            "parts": [
                {
                    "scenario": part.scenario.name,
                    "setting": part.setting.value,
                    "subjects": [subject.name for subject in part.subjects],
                    "loads": len(part.loads),
                    "rounds": part.scenario.timing.rounds,
                    "warm_up_seconds": part.scenario.timing.warm_up_seconds,
                    "duration_seconds": part.scenario.timing.duration_seconds,
                }
                for part in self.parts
            ],
        }


@dataclass(frozen=True)
class Choice:
    """What the command line chose."""

    rounds: int | None = None
    """Instead of the scenarios'."""
    duration_seconds: float | None = None
    """Instead of the scenarios'."""
    budget_seconds: float | None = None
    """Most that all may take; None for as long as the scenarios say."""
    thinning: int = 0
    """Index in ``THINNINGS`` to begin with."""
    pacer: bool = True
    """Whether there is a pacer; without it ghz alone offers rates."""


@dataclass(frozen=True)
class Thinning:
    """Fewer points, so that each is measured long enough."""

    words: str
    """What is left out."""
    headline_concurrency: int | None
    """Most numbers of callers of a headline; None for all."""
    headline_fractions: int | None
    rates: bool
    """Whether the rates that are the same for all are kept."""
    other_points: int | None
    """Most numbers of callers, and most fractions, of the other scenarios."""
    whole_machine: bool
    """Whether headlines are measured on all cores too."""
    ghz_open: bool
    """Whether ghz offers fractions too where the pacer does."""


THINNINGS = (
    Thinning("nothing", None, None, True, None, True, True),
    Thinning("half of the headline's numbers of callers; all but one elsewhere", 6, None, True, 1, True, True),
    Thinning("all but three numbers of callers and three rates of the headline", 3, 3, False, 1, True, False),
    Thinning("all but one number of callers and one rate, and the whole machine", 1, 1, False, 1, False, False),
)


def make(
    scenarios: Sequence[Scenario], subjects: Sequence[Subject], settings: Sequence[Setting], choice: Choice
) -> Plan:
    """Plans a run. With a budget, points are left out before rounds, and whole scenarios, the last first, at the end."""
    notes: list[str] = []
    adjusted = [_adjusted(scenario, choice) for scenario in scenarios]
    if choice.budget_seconds is None:
        return _plan(adjusted, subjects, settings, THINNINGS[choice.thinning], notes, pacer=choice.pacer)
    kept = list(adjusted)
    while True:
        for thinning in THINNINGS[choice.thinning :]:
            plan = _plan(kept, subjects, settings, thinning, notes, pacer=choice.pacer)
            stretch = _stretch(plan, choice.budget_seconds)
            if all(_shortened(part.scenario.timing, stretch) is not None for part in plan.parts):
                left_out = () if thinning is THINNINGS[0] else (f"left out to keep to the budget: {thinning.words}",)
                parts = tuple(_stretched(part, stretch) for part in plan.parts)
                return Plan(parts, (*plan.notes, *left_out))
        if len(kept) == 1:
            parts = tuple(_stretched(part, 0.0) for part in plan.parts)
            return Plan(parts, (*plan.notes, "the budget is too small: what is planned takes longer"))
        notes.append(f"scenario {kept.pop().name} was left out to keep to the budget")


def answers(subject: Subject, scenario: Scenario) -> bool:
    """Whether the subject is measured in the scenario: it can answer, and the scenario does not name others."""
    kinds = {call.kind for call in (scenario.call, scenario.beside) if call is not None}
    return kinds <= subject.kinds and (not scenario.subjects or subject.name in scenario.subjects)


def thinned(values: Sequence[T], most: int | None) -> tuple[T, ...]:
    """At most so many of the values, evenly, both ends among them; a single one is from the middle."""
    if most is None or len(values) <= most:
        return tuple(values)
    if most == 1:
        return (values[(len(values) - 1) // 2],)
    last = len(values) - 1
    return tuple(values[round(place * last / (most - 1))] for place in range(most))


def _plan(
    scenarios: Sequence[Scenario],
    subjects: Sequence[Subject],
    settings: Sequence[Setting],
    thinning: Thinning,
    notes: Sequence[str],
    *,
    pacer: bool,
) -> Plan:
    parts = []
    more = list(notes)
    for scenario in scenarios:
        able = tuple(subject for subject in subjects if answers(subject, scenario))
        if not able:
            more.append(f"scenario {scenario.name} was left out: none of the subjects can answer it")
            continue
        for setting in settings:
            if setting is Setting.SHARED and Setting.APART in settings and not _on_whole_machine(scenario, thinning):
                continue
            parts.append(Part(scenario, setting, able, tuple(_loads(scenario, setting, thinning, pacer=pacer))))
    return Plan(tuple(parts), tuple(more))


def _on_whole_machine(scenario: Scenario, thinning: Thinning) -> bool:
    return scenario.headline and thinning.whole_machine


def _loads(scenario: Scenario, setting: Setting, thinning: Thinning, *, pacer: bool) -> Iterator[Load]:
    """The ceiling comes first: fractions are parts of it."""
    headline = scenario.headline
    if scenario.ceiling is not None and setting is not Setting.REMOTE:
        ceiling = scenario.ceiling
        yield Load(Mode.CEILING, ceiling.connections, ceiling.connections * ceiling.streams)
    if scenario.closed is not None:
        yield from _closed(
            scenario.closed, thinning.headline_concurrency if headline else thinning.other_points, setting
        )
    if scenario.open is not None and setting is not Setting.SHARED:
        most = thinning.headline_fractions if headline else thinning.other_points
        rates = scenario.open.rates if thinning.rates or not scenario.open.fractions else ()
        fractions = thinned(scenario.open.fractions, most)
        yield from _by_the_clock(Mode.PACED if pacer else Mode.OPEN, scenario.open.connections, fractions, rates)
        if pacer and headline and thinning.ghz_open:
            yield from _by_the_clock(Mode.OPEN, scenario.open.connections, fractions, ())


def _closed(closed: Closed, most: int | None, setting: Setting) -> Iterator[Load]:
    if setting is Setting.SHARED:
        # Where all share all cores, a few points show what changes.
        most = min(most or 3, 3)
    for concurrency in thinned(closed.concurrency, most):
        yield Load(Mode.CLOSED, min(closed.connections, concurrency), concurrency)


def _by_the_clock(mode: Mode, connections: int, fractions: Sequence[float], rates: Sequence[int]) -> Iterator[Load]:
    for fraction in fractions:
        yield Load(mode, connections, fraction=fraction)
    for rate in rates:
        yield Load(mode, connections, rate=float(rate))


def _adjusted(scenario: Scenario, choice: Choice) -> Scenario:
    changes: Mapping[str, Any] = {"rounds": choice.rounds, "duration_seconds": choice.duration_seconds}
    given = {key: value for key, value in changes.items() if value is not None}
    timing = dataclasses.replace(scenario.timing, **given)
    if choice.budget_seconds is not None and choice.rounds is None:
        timing = dataclasses.replace(timing, rounds=min(timing.rounds, FEWEST_ROUNDS))
    return dataclasses.replace(scenario, timing=timing)


def _stretch(plan: Plan, budget: float) -> float:
    """By what the loads must be made longer or shorter to keep to the budget."""
    loads = _total(plan, lambda timing: timing.warm_up_seconds + timing.duration_seconds)
    return min(_MOST_STRETCH, (budget - (plan.seconds - loads)) / loads) if loads else 1.0


def _total(plan: Plan, seconds: Callable[[Timing], float]) -> float:
    return sum(part.runs * seconds(part.scenario.timing) for part in plan.parts)


def _shortened(timing: Timing, stretch: float) -> Timing | None:
    """None when it would be too short."""
    duration = timing.duration_seconds * stretch
    if duration < min(SHORTEST_SECONDS, timing.duration_seconds):
        return None
    return dataclasses.replace(
        timing,
        duration_seconds=round(duration, 1),
        warm_up_seconds=round(timing.warm_up_seconds * min(stretch, 1.0), 1),
    )


def _stretched(part: Part, stretch: float) -> Part:
    timing = _shortened(part.scenario.timing, stretch)
    if timing is None:
        shortest = min(SHORTEST_SECONDS, part.scenario.timing.duration_seconds)
        timing = dataclasses.replace(part.scenario.timing, duration_seconds=shortest, warm_up_seconds=0.2)
    return dataclasses.replace(part, scenario=dataclasses.replace(part.scenario, timing=timing))
