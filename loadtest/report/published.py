"""The ratios that comparisons of Python and Rust servers are published with, held against what this run measured.

Such comparisons have three ways to serve one model: scikit-learn behind plain grpcio, a Rust core behind plain grpcio, and Rust
alone; and they quote throughput, measured by ghz in a closed loop, with few of its conditions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadtest import summary
from loadtest.results import Limit, Mode, Point, Results, ScenarioRecord, Setting
from loadtest.summary import Row
from measuring.spread import Spread

from . import wording
from .tables import Line, Table

_NATIVE = "rust"
#: Whom the Rust server is held against, and by what factor it is published to have more throughput.
PUBLISHED: Mapping[str, float] = {"sklearn": 25.0, "core": 7.0}
#: A ratio this near to the published one is as published.
_NEAR = 0.15


@dataclass(frozen=True)
class Measure:
    """A way to take the ratios."""

    words: str
    ratios: Mapping[str, Spread]
    """By the subject that the Rust server is held against."""
    limit: Limit
    """Of the Rust server's runs."""


def measures(results: Results, scenario: ScenarioRecord) -> list[Measure]:
    """Every way in which this run can take the ratios of the Rust server to at least one of the others."""
    rows = [row for row in summary.rows(results) if row.scenario == scenario.name and row.call == "call"]
    return [made for words, native, others, figure in _ways(rows) if (made := _measure(words, native, others, figure))]


def table(results: Results, scenario: ScenarioRecord) -> Table | None:
    """The ratios as a table; None when there is nothing to compare."""
    found = measures(results, scenario)
    if not found:
        return None
    labels = {subject.name: subject.label for subject in results.subjects}
    return Table(
        "The published ratios, measured here",
        (
            "Rust server against",
            *(f"{labels[name]}, published {factor:.0f}×" for name, factor in PUBLISHED.items()),
            "limit",
        ),
        tuple(
            Line((each.words, *(_ratio(each.ratios.get(name)) for name in PUBLISHED), wording.LIMITS[each.limit]))
            for each in found
        ),
        frozenset({len(PUBLISHED) + 1}),
        "Ratios round by round: median, range in brackets. Limit: what kept the Rust server from doing more, whose throughput "
        "is too low, and so is its ratio, where that was the load generator. " + " ".join(sentences(results, scenario)),
    )


def sentences(results: Results, scenario: ScenarioRecord) -> list[str]:
    """Whether the published ratios were found again, why not, and who failed the fewest calls."""
    found = measures(results, scenario)
    labels = {subject.name: subject.label for subject in results.subjects}
    said = []
    by_ghz = next((each for each in found if each.words.startswith(_BY_GHZ)), None)
    by_cpu = next((each for each in found if each.words.startswith(_BY_CPU)), None)
    if by_ghz is None or by_cpu is None:
        return []
    for name, factor in PUBLISHED.items():
        if name in by_ghz.ratios and name in by_cpu.ratios:
            said.append(
                f"Over {labels[name]}, published {factor:.0f}×: by ghz's throughput {_ratio(by_ghz.ratios[name])}, "
                f"{_held(by_ghz.ratios[name], factor)}; by the servers' CPU time {_ratio(by_cpu.ratios[name])}, "
                f"{_held(by_cpu.ratios[name], factor)}."
            )
    closed = [
        point
        for point in results.points
        if (point.scenario, point.call, point.setting) == (scenario.name, "call", Setting.APART)
        and point.load.mode is Mode.CLOSED
    ]
    said += _reason(closed)
    said.append(_errors(closed, labels))
    return said


_BY_GHZ = "ghz, each at its best number of callers"
_BY_CPU = "the servers' CPU time for a call"

_Figure = Callable[[Point], float | None]


def _ways(rows: Sequence[Row]) -> Iterator[tuple[str, Row | None, Mapping[str, Row], _Figure]]:
    for setting in (Setting.APART, Setting.SHARED):
        own = [row for row in rows if row.setting is setting]
        where = "" if setting is Setting.APART else "; client and server share all cores"
        closed = [row for row in own if row.load.mode is Mode.CLOSED and row.working]
        best = {name: max(_of(closed, name), key=_throughput) for name in (_NATIVE, *PUBLISHED) if _of(closed, name)}
        yield f"{_BY_GHZ}{where}", best.get(_NATIVE), best, _calls_a_second
        ceilings = {row.subject: row for row in own if row.load.mode is Mode.CEILING}
        yield f"h2load{where}", ceilings.get(_NATIVE), ceilings, _calls_a_second
        if setting is Setting.APART:
            held = {row.subject: row for row in summary.comparable(own)}
            yield f"{_BY_CPU}, theirs divided by its own", held.get(_NATIVE), held, _calls_a_cpu_second


def _measure(words: str, native: Row | None, others: Mapping[str, Row], figure: _Figure) -> Measure | None:
    if native is None:
        return None
    ours = {point.round: figure(point) for point in native.working}
    ratios = {}
    for name in PUBLISHED:
        if name in others:
            theirs = {point.round: figure(point) for point in others[name].working}
            spread = Spread.of(own / other for number, own in ours.items() if own and (other := theirs.get(number)))
            if spread is not None:
                ratios[name] = spread
    return Measure(words, ratios, native.limit) if ratios else None


def _of(rows: Sequence[Row], subject: str) -> list[Row]:
    return [row for row in rows if row.subject == subject]


def _throughput(row: Row) -> float:
    """Also of runs in which the load generator was the limit: published comparisons quote them."""
    return Spread.over([point.requests_per_second for point in row.working]).median


def _calls_a_second(point: Point) -> float | None:
    return point.requests_per_second


def _calls_a_cpu_second(point: Point) -> float | None:
    return 1e6 / point.server_cpu if point.server_cpu else None


def _held(found: Spread, factor: float) -> str:
    if abs(found.median / factor - 1) <= _NEAR:
        return "as published"
    return "more" if found.median > factor else "less"


def _ratio(found: Spread | None) -> str:
    if found is None:
        return wording.NOTHING
    return f"{wording.ratio(found.median)}× ({wording.ratio(found.least)}–{wording.ratio(found.most)})"


def _reason(closed: Sequence[Point]) -> Iterator[str]:
    """Why throughput by ghz says too little of the Rust server."""
    native = [point for point in closed if point.subject == _NATIVE]
    limited = [point for point in native if point.limit is Limit.CLIENT]
    if not limited or not any(point.server_busy for point in limited):
        return
    cpu = Spread.over([point.client_cpu for point in limited])
    busy = Spread.over([point.server_busy for point in limited if point.server_busy])
    yield (
        f"Why they differ: in {len(limited)} of {len(native)} closed loops of the Rust server ghz was the limit. It spends "
        f"{wording.spread(cpu)} µs of its own CPU on a call and never offers more than "
        f"{wording.number(max(point.requests_per_second for point in limited))} calls/s, which keep the Rust server "
        f"{wording.spread(busy, 100)}% busy. So a throughput ratio by ghz is a fact about ghz, and the CPU time of the servers is "
        "what they differ by."
    )


def _errors(closed: Sequence[Point], labels: Mapping[str, str]) -> str:
    failed = {}
    for name in (_NATIVE, "python", *PUBLISHED):
        own = [point for point in closed if point.subject == name]
        if own:
            calls = sum(point.calls for point in own)
            failed[name] = sum(sum(point.errors.values()) for point in own) / max(1, calls)
    if not any(failed.values()):
        return f"Failed calls in these closed loops: none of {', '.join(labels[name] for name in failed)}."
    parts = ", ".join(f"{100 * part:.3g}% of {labels[name]}'s" for name, part in failed.items())
    return f"Failed calls in these closed loops: {parts}."
