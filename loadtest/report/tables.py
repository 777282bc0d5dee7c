"""The tables of the page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadtest import summary, validity
from loadtest.results import BY_THE_CLOCK, Answers, Mode, Results, ScenarioRecord, Setting
from loadtest.summary import Found, Knee, Row
from measuring.spread import Spread

from . import wording
from .comparison import Change, Comparison, Difference
from .wording import NOTHING

_MS = 1e-3
_MIB = 2**-20
_LOOPS = {
    Mode.CLOSED: "Closed loop, by ghz",
    Mode.PACED: "Open loop, by the pacer",
    Mode.OPEN: "Open loop, by ghz",
}
_PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)


@dataclass(frozen=True)
class Line:
    """A row of a table."""

    cells: tuple[str, ...]
    mark: str = ""
    """A class of the style sheet: ``"invalid"``, ``"better"``, ``"worse"``, or none."""


@dataclass(frozen=True)
class Table:
    """The first column names the row; ``text`` are other columns of words. Cells may have a second, smaller line."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    text: frozenset[int] = frozenset()
    note: str = ""
    folded: bool = False
    """Whether a reader of the page opens it; printed it is open."""


def of_scenario(results: Results, scenario: ScenarioRecord) -> Iterator[Table]:
    """All tables of a scenario."""
    labels = {subject.name: subject.label for subject in results.subjects}
    rows = [row for row in summary.rows(results) if row.scenario == scenario.name]
    answers = [each for each in results.answers if each.scenario == scenario.name]
    for setting in Setting:
        own = [row for row in rows if row.setting is setting]
        if own:
            yield _summary(results, scenario, own, answers, labels)
            for mode, words in _LOOPS.items():
                chosen = [row for row in own if row.load.mode is mode]
                if chosen:
                    title = f"{words}. {wording.SETTINGS[setting]}"
                    yield _loads(title, chosen, labels, open_loop=mode in BY_THE_CLOCK)


def _summary(
    results: Results,
    scenario: ScenarioRecord,
    rows: Sequence[Row],
    answers: Sequence[Answers],
    labels: Mapping[str, str],
) -> Table:
    setting = rows[0].setting
    held = summary.comparable(rows)
    starts = [start for start in results.starts if start.scenario == scenario.name and start.setting is setting]
    lines = []
    for row in held:
        own = [start.first_answer_ms for start in starts if start.subject == row.subject]
        sweep = [each for each in rows if each.subject == row.subject and each.call == row.call]
        knee = summary.knee(sweep)
        lines.append(
            Line(
                (
                    labels[row.subject],
                    wording.spread(row.server_cpu),
                    wording.spread(row.requests_per_second) if row.valid else "invalid",
                    wording.LIMITS[row.limit],
                    _knee(knee),
                    wording.median(row.peak_rss, _MIB),
                    wording.median(Spread.of(own)),
                    _errors([each for each in rows if each.subject == row.subject]),
                    _checked([each for each in answers if each.subject == row.subject]),
                ),
                "" if row.valid else "invalid",
            )
        )
    words = "the load that all are held against each other by"
    return Table(
        f"{wording.SETTINGS[setting]}: {wording.load(held[0].load)}, {words}" if held else wording.SETTINGS[setting],
        (
            "Server",
            "CPU, µs a call",
            "calls/s",
            "limit",
            "knee, callers",
            "peak RSS, MiB",
            "start, ms",
            "failed calls, %",
            "answers: wrong of checked",
        ),
        tuple(lines),
        frozenset({3}),
        "Median over the rounds, range in brackets. Limit: what kept the run from doing more. Knee: in the closed loop; "
        "“> 16, client” means that ghz was the limit above 16 callers, and the server's knee is not reached. "
        "Failed calls: of all loads of this table and those below; answers: before, during and after the load.",
    )


def _knee(knee: Knee | None) -> str:
    if knee is None:
        return NOTHING
    callers = f"{knee.row.load.concurrency:,}"
    return {
        Found.REACHED: callers,
        Found.BEYOND: f"> {callers}",
        Found.CLIENT: f"> {callers}, client",
        Found.INVALID: f"> {callers}, invalid",
    }[knee.found]


def _errors(rows: Sequence[Row]) -> str:
    calls = sum(point.calls for row in rows for point in row.points)
    failed = sum(count for row in rows for count in row.errors.values())
    return wording.number(100 * failed / calls) if calls else NOTHING


def _checked(answers: Sequence[Answers]) -> str:
    checked = sum(each.checked for each in answers)
    return f"{sum(each.wrong for each in answers):,} of {checked:,}" if checked else NOTHING


def _loads(title: str, rows: Sequence[Row], labels: Mapping[str, str], *, open_loop: bool) -> Table:
    several = len({row.call for row in rows}) > 1
    lines = [_load_line(row, labels, open_loop=open_loop, several=several) for row in sorted(rows, key=_order)]
    head = ("offered, calls/s", "CPU, µs a call") if open_loop else ("calls/s", "CPU, µs a call")
    note = (
        f"Latencies from when each call was due; {NOTHING} where the load generator's own delay at that percentile is more than "
        f"{validity.SMALL_DELAY:.0%} of it."
        if open_loop
        else "Latencies from when each caller sent the call."
    )
    return Table(
        title,
        (
            "Load",
            "Server",
            *head,
            *("slowest, ms" if percent == 100 else f"p{percent:g}, ms" for percent in _PERCENTILES),
            "limit",
            "client busy, %",
            "failed calls",
        ),
        tuple(lines),
        frozenset({1, 9}),
        f"{note} Medians over the rounds, the range below; of invalid runs only what they cost means something.",
        folded=True,
    )


def _load_line(row: Row, labels: Mapping[str, str], *, open_loop: bool, several: bool) -> Line:
    load = wording.load(row.load) + (f", {row.call}" if several else "")
    rate = wording.number(row.load.rate or 0) if open_loop else _stacked(wording.spread(row.requests_per_second))
    return Line(
        (
            load,
            labels[row.subject],
            rate if row.valid else "invalid",
            wording.median(row.server_cpu),
            *(_stacked(wording.spread(row.latency(percent), _MS)) for percent in _PERCENTILES),
            wording.LIMITS[row.limit],
            wording.median(row.client_busy, 100),
            wording.codes(row.errors),
        ),
        "" if row.valid else "invalid",
    )


def _stacked(text: str) -> str:
    """The range below the median."""
    return text.replace(" (", "\n", 1).removesuffix(")")


def _order(row: Row) -> tuple[str, bool, float]:
    load = row.load
    return row.call, not load.fraction, load.fraction or load.rate or float(load.concurrency or 0)


def invalid(results: Results, scenario: ScenarioRecord) -> Table | None:
    """Every run whose figures mean nothing, and why; None when there is none."""
    labels = {subject.name: subject.label for subject in results.subjects}
    lines = [
        Line(
            (
                labels[point.subject],
                point.setting.value,
                wording.load(point.load),
                str(point.round),
                "; ".join(point.invalid),
            ),
            "invalid",
        )
        for point in results.points
        if point.scenario == scenario.name and point.invalid
    ]
    if not lines:
        return None
    return Table(
        "Invalid runs: their figures mean nothing",
        ("Server", "cores", "load", "round", "why"),
        tuple(lines),
        frozenset({1, 2, 4}),
    )


def differences(results: Results, found: Comparison) -> list[Table]:
    """What is compared with an earlier run: what changed, and everything."""
    changed = [_differences(results, found.changes, "Changes beyond the noise", folded=False)] if found.changes else []
    return [*changed, _differences(results, found.differences, "Everything that both runs measured", folded=True)]


def _differences(results: Results, found: Sequence[Difference], title: str, *, folded: bool) -> Table:
    labels = {subject.name: subject.label for subject in results.subjects}
    marks = {Change.BETTER: "better", Change.WORSE: "worse", Change.NONE: ""}
    return Table(
        title,
        ("Scenario", "server", "load", "figure", "then", "now", "change", "noise", "meaning"),
        tuple(
            Line(
                (
                    each.scenario,
                    labels.get(each.subject, each.subject),
                    wording.load(each.load) + ("" if each.setting is Setting.APART else f" ({each.setting.value})"),
                    each.figure,
                    wording.number(each.before.median),
                    wording.number(each.after.median),
                    wording.percent(each.part),
                    f"±{each.noise:.0%}",
                    each.change.value,
                ),
                marks[each.change],
            )
            for each in found
        ),
        frozenset({1, 2, 3, 8}),
        folded=folded,
    )
