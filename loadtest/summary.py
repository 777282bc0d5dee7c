"""What the points of a run come to: figures over rounds, verdicts, the knee.

Whoever shows results takes the figures from here.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from measuring.spread import Spread

from . import validity
from .results import Limit, Load, Mode, Point, Results, Setting

#: The knee is the last number of callers where throughput still rises by this part …
_STILL_RISES = 0.05
#: … and the 99th percentile is below so many times that of the fewest callers.
_STILL_QUICK = 2.0
#: Fewer steps have no knee.
_FEWEST_STEPS = 3


@dataclass(frozen=True, eq=False)
class Row:
    """One call of one subject under one load: all its rounds."""

    scenario: str
    call: str
    subject: str
    setting: Setting
    load: Load
    points: tuple[Point, ...]

    @cached_property
    def valid(self) -> tuple[Point, ...]:
        """The rounds whose figures mean something; none when most rounds do not, as then chance picked the others."""
        found = tuple(point for point in self.points if not point.invalid)
        return found if 2 * len(found) >= len(self.points) else ()

    @property
    def invalid(self) -> tuple[str, ...]:
        """Why most rounds mean nothing, each reason once; empty when figures are shown."""
        if self.valid:
            return ()
        return tuple(dict.fromkeys(reason for point in self.points for reason in point.invalid))

    @cached_property
    def requests_per_second(self) -> Spread | None:
        """Successful calls a second; None when no round is valid."""
        return Spread.of(point.requests_per_second for point in self.valid)

    @cached_property
    def working(self) -> tuple[Point, ...]:
        """The rounds in which the server's CPU time went into right answers."""
        return tuple(point for point in self.points if validity.spent_for_answers(point.invalid))

    @cached_property
    def server_cpu(self) -> Spread | None:
        """CPU time of the server for each call, in microseconds. Also of rounds in which the client was the limit: the
        server did the work all the same, though it is dearer for each call while it waits. None when it did not work.
        """
        return Spread.of(point.server_cpu for point in self.working)

    @cached_property
    def client_busy(self) -> Spread | None:
        """Part of its cores that the load generator kept busy."""
        return Spread.of(point.client_busy for point in self.points)

    @cached_property
    def server_busy(self) -> Spread | None:
        """Part of its cores that the server kept busy."""
        return Spread.of(point.server_busy for point in self.points)

    @cached_property
    def peak_rss(self) -> Spread | None:
        """Largest resident memory of the server, in bytes."""
        return Spread.of(point.peak_rss for point in self.points)

    def latency(self, percent: float) -> Spread | None:
        """A percentile of ``results.LADDER`` over the valid rounds, in microseconds. None where it says more of the load
        generator than of the server in most of them.
        """
        shown = [point for point in self.valid if validity.shows(point.latencies, point.delays, percent)]
        if 2 * len(shown) < len(self.valid):
            return None
        return Spread.of(point.latencies.percentile(percent) for point in shown if point.latencies)

    @property
    def errors(self) -> dict[str, int]:
        """Failed calls of all rounds by status code."""
        counts: dict[str, int] = {}
        for point in self.points:
            for code, count in point.errors.items():
                counts[code] = counts.get(code, 0) + count
        return dict(sorted(counts.items()))

    @property
    def error_rate(self) -> float:
        """Failed calls of all rounds, as a part of all calls."""
        return sum(self.errors.values()) / max(1, sum(point.calls for point in self.points))

    @property
    def limit(self) -> Limit:
        """What was the limit in most rounds."""
        limits = [point.limit for point in self.points]
        return max(dict.fromkeys(limits), key=limits.count)


@dataclass(frozen=True)
class Verdict:
    """A subject held against the best of the others."""

    scenario: str
    subject: str
    other: str
    load: Load
    """Where both were measured."""
    cpu_ratio: float
    """The other's CPU time for each call, divided by the subject's: above 1 the subject is cheaper."""
    least: float
    most: float
    """Its range over the rounds, each of which measures both within a minute or so."""
    throughput_ratio: float | None
    """The subject's calls a second divided by the other's; None unless both servers were at their limits."""


class Found(StrEnum):
    """Whether a sweep has a knee."""

    REACHED = "reached"
    BEYOND = "beyond the most callers"
    """The last step still paid."""
    CLIENT = "not reached before the client was the limit"
    INVALID = "not reached before runs became invalid"


@dataclass(frozen=True)
class Knee:
    """Where more callers stop to pay."""

    row: Row
    """The last number of callers that paid, of those that were measured well."""
    found: Found
    """Only when it was reached is ``row`` the knee."""


def rows(results: Results) -> list[Row]:
    """All rows, in the order in which they were first measured."""
    kept: dict[tuple[str, str, str, Setting, Load], list[Point]] = {}
    for point in results.points:
        key = (point.scenario, point.call, point.subject, point.setting, point.load)
        kept.setdefault(key, []).append(point)
    return [
        Row(scenario, call, subject, setting, load, tuple(points))
        for (scenario, call, subject, setting, load), points in kept.items()
    ]


def verdicts(results: Results, scenario: str) -> list[Verdict]:
    """Each subject against each other one that is dearer, by CPU time for each call; ours first, cheapest first.

    Held by the ceilings: there every server had the same callers, and hardly any cost of theirs. Without ceilings, by the
    closed loop with the callers that are in the middle of the sweep.
    """
    found = comparable([row for row in rows(results) if row.scenario == scenario])
    roles = {subject.name: subject.role for subject in results.subjects}
    found = [row for row in found if roles.get(row.subject) in ("ours", "peer")]
    pairs = [_verdict(row, other) for row in found for other in found if _cheaper(row, other)]
    made = [verdict for verdict in pairs if verdict is not None]
    return sorted(made, key=lambda each: (roles.get(each.subject) != "ours", -each.cpu_ratio))


def knee(sweep: Sequence[Row]) -> Knee | None:
    """The last number of callers, from few to many, that brings more throughput without long waits.

    ``sweep`` are closed loops of one subject. Nothing is told of the server from the first step on whose runs are invalid, for
    instance as the load generator was the limit. None when that is the first step, or when there are fewer than three.
    """
    steps = sorted(
        (row for row in sweep if row.load.mode is Mode.CLOSED and row.call == "call"),
        key=lambda row: row.load.concurrency or 0,
    )
    usable = list(itertools.takewhile(lambda row: row.requests_per_second is not None, steps))
    if len(steps) < _FEWEST_STEPS or not usable:
        return None
    best = usable[0]
    for row in usable[1:]:
        if _gains(best, row) and _quick(usable[0], row):
            best = row
    if best is not usable[-1]:
        return Knee(best, Found.REACHED)
    if len(usable) == len(steps):
        return Knee(best, Found.BEYOND)
    return Knee(best, Found.CLIENT if steps[len(usable)].limit is Limit.CLIENT else Found.INVALID)


def _cheaper(row: Row, other: Row) -> bool:
    if row.server_cpu is None or other.server_cpu is None:
        return False
    return row.server_cpu.median < other.server_cpu.median


def _gains(before: Row, after: Row) -> bool:
    if before.requests_per_second is None or after.requests_per_second is None:
        return False
    return after.requests_per_second.median >= (1 + _STILL_RISES) * before.requests_per_second.median


def _quick(unloaded: Row, row: Row) -> bool:
    """Too few calls for a 99th percentile are no reason to think that they waited long."""
    first, this = unloaded.latency(99), row.latency(99)
    return first is None or this is None or this.median < _STILL_QUICK * first.median


def comparable(found: Sequence[Row]) -> list[Row]:
    """One row for each subject, all under the one load by which they are held against each other: the ceiling, else the
    middle of the sweep; on cores of their own, if there are such rows. That load is looked for among rows whose CPU time is
    known, and among all only where it is known of none.
    """
    calls = [row for row in found if row.call == "call"]
    known = [row for row in calls if row.server_cpu is not None] or calls
    known = [row for row in known if row.setting is Setting.APART] or known
    settings = {row.setting for row in known}
    own = [row for row in calls if row.setting in settings]
    if any(row.load.mode is Mode.CEILING for row in known):
        return [row for row in own if row.load.mode is Mode.CEILING]
    loads = sorted({row.load for row in known if row.load.mode is Mode.CLOSED}, key=lambda load: load.concurrency or 0)
    return [row for row in own if row.load == loads[(len(loads) - 1) // 2]] if loads else []


def _verdict(row: Row, other: Row) -> Verdict | None:
    by_round = {point.round: point.server_cpu for point in other.working}
    ratios = [
        theirs / point.server_cpu
        for point in row.working
        if point.server_cpu and (theirs := by_round.get(point.round)) is not None
    ]
    spread = Spread.of(ratios)
    if spread is None:
        # No round has both.
        return None
    throughput = None
    at_limit = all(each.limit in (Limit.SERVER, Limit.BOTH) for each in (row, other))
    if at_limit and row.requests_per_second and other.requests_per_second:
        throughput = row.requests_per_second.median / other.requests_per_second.median
    return Verdict(
        row.scenario, row.subject, other.subject, row.load, spread.median, spread.least, spread.most, throughput
    )
