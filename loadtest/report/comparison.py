"""What changed since an earlier run, and what of it is more than noise.

The noise band of a figure is the largest distance of any round from its run's median, in either run, as a part of that
median; and never less than ``LEAST_NOISE``, as two runs of the same program on a quiet machine differ by about that much
although the rounds within each agree. A change beyond the band is called one.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from loadtest import summary
from loadtest.results import BY_THE_CLOCK, Load, Mode, Results, Setting
from loadtest.summary import Row
from measuring.spread import Spread

#: Differences of medians below this are not looked at, whatever the rounds say.
LEAST_NOISE = 0.08


class Change(StrEnum):
    """What a difference means."""

    BETTER = "better"
    WORSE = "worse"
    NONE = "within noise"


@dataclass(frozen=True)
class Difference:
    """One figure of one subject under one load, in both runs."""

    scenario: str
    call: str
    subject: str
    setting: Setting
    load: Load
    figure: str
    """Its name and unit."""
    before: Spread
    after: Spread
    larger_is_better: bool

    @property
    def part(self) -> float:
        """The change of the median as a part of what it was: -0.1 is a tenth less."""
        return self.after.median / self.before.median - 1

    @property
    def noise(self) -> float:
        """The band within which a change means nothing, as a part."""
        return max(LEAST_NOISE, relative_spread(self.before), relative_spread(self.after))

    @property
    def change(self) -> Change:
        """What it means."""
        if abs(self.part) <= self.noise:
            return Change.NONE
        return Change.BETTER if (self.part > 0) == self.larger_is_better else Change.WORSE


@dataclass(frozen=True)
class Comparison:
    """Two runs."""

    differences: tuple[Difference, ...]
    """Of everything that both measured, in the order of the later run."""
    apart: tuple[str, ...]
    """What else is different: a reason to doubt that changes are those of the programs."""
    unmatched: int
    """Rows of the later run that the earlier one lacks."""

    @property
    def changes(self) -> tuple[Difference, ...]:
        """Those beyond the noise, the largest first."""
        found = [each for each in self.differences if each.change is not Change.NONE]
        return tuple(sorted(found, key=lambda each: -abs(math.log1p(each.part))))

    def count(self, change: str) -> int:
        """How many figures changed so; ``change`` is one of ``Change``."""
        return sum(each.change == change for each in self.differences)


def _scaled(found: Spread | None, scale: float) -> Spread | None:
    return None if found is None else Spread(found.median * scale, found.least * scale, found.most * scale)


@dataclass(frozen=True)
class _Figure:
    name: str
    value: Callable[[Row], Spread | None]
    larger_is_better: bool = False
    modes: frozenset[Mode] = frozenset(Mode)


_FIGURES = (
    _Figure("server CPU, µs a call", lambda row: row.server_cpu, modes=frozenset({Mode.CEILING, Mode.CLOSED})),
    _Figure(
        "calls/s",
        lambda row: row.requests_per_second,
        larger_is_better=True,
        modes=frozenset({Mode.CEILING, Mode.CLOSED}),
    ),
    _Figure("p50, ms", lambda row: _scaled(row.latency(50), 1e-3), modes=frozenset(BY_THE_CLOCK)),
    _Figure("p99, ms", lambda row: _scaled(row.latency(99), 1e-3), modes=frozenset(BY_THE_CLOCK)),
    _Figure("peak RSS, MiB", lambda row: _scaled(row.peak_rss, 2**-20), modes=frozenset({Mode.CEILING})),
)


def relative_spread(spread: Spread) -> float:
    """How far the farthest round is from the median, as a part of the median; 0 when that is 0."""
    if spread.median == 0:
        return 0.0
    return max(spread.most - spread.median, spread.median - spread.least) / abs(spread.median)


def compare(earlier: Results, later: Results) -> Comparison:
    """Compares what both runs measured: the same call of the same subject in the same setting under the same load."""
    before = {_key(row): row for row in summary.rows(earlier)}
    rows = summary.rows(later)
    matched = [(before[key], row) for row in rows if (key := _key(row)) in before]
    found = tuple(difference for pair in matched for difference in _differences(*pair))
    return Comparison(found, tuple(_apart(earlier, later)), len(rows) - len(matched))


def _key(row: Row) -> tuple[Any, ...]:
    load = row.load
    # A part of the ceiling is another rate in every run.
    rate = None if load.fraction else load.rate
    return (
        row.scenario,
        row.call,
        row.subject,
        row.setting,
        load.mode,
        load.connections,
        load.concurrency,
        rate,
        load.fraction,
    )


def _differences(before: Row, after: Row) -> Iterator[Difference]:
    for figure in _FIGURES:
        if after.load.mode not in figure.modes:
            continue
        was, now = figure.value(before), figure.value(after)
        if was is None or now is None or was.median == 0:
            continue
        yield Difference(
            after.scenario,
            after.call,
            after.subject,
            after.setting,
            after.load,
            figure.name,
            was,
            now,
            figure.larger_is_better,
        )


#: What of the environment should be equal: words, and where it is.
_CONDITIONS = (
    ("processor", ("machine", "processor")),
    ("cores", ("machine", "cores")),
    ("cores of the load test", ("machine", "cores_of_this_process")),
    ("operating system", ("machine", "system")),
    ("ghz", ("versions", "ghz")),
    ("h2load", ("versions", "h2load")),
    ("Python", ("versions", "python")),
)


def _apart(earlier: Results, later: Results) -> Iterator[str]:
    for words, path in _CONDITIONS:
        was, now = _at(earlier.environment, path), _at(later.environment, path)
        if was != now:
            yield f"{words}: {was} then, {now} now"
    versions = {subject.name: subject.versions for subject in earlier.subjects}
    for subject in later.subjects:
        old = versions.get(subject.name)
        if old and subject.versions:
            changed = [
                f"{name} {old.get(name)} → {now}" for name, now in subject.versions.items() if old.get(name) != now
            ]
            if changed:
                yield f"{subject.label}: {', '.join(changed)}"
    definitions = {scenario.name: scenario.definition for scenario in earlier.scenarios}
    for scenario in later.scenarios:
        if scenario.name in definitions and definitions[scenario.name] != scenario.definition:
            yield f"the scenario {scenario.name} was defined otherwise"


def _at(environment: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = environment
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
