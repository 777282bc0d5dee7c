"""What is drawn of a scenario."""

from collections.abc import Iterator, Sequence

from loadtest import summary
from loadtest.results import Mode, Results, ScenarioRecord, Setting, Start
from loadtest.summary import Row
from measuring.spread import Spread

from . import drawing, wording
from .bars import bars, failed_calls
from .drawing import Chart
from .lines import against_rate, percentile_curves, sweep, throughput
from .names import Names

_MIB = 2**-20


def of_scenario(results: Results, scenario: ScenarioRecord) -> list[Chart]:
    """Every chart of a scenario, in the order of the page; what has too few points for a line is in the tables alone."""
    names = Names.of(results)
    rows = [row for row in summary.rows(results) if row.scenario == scenario.name and row.call == "call"]
    starts = [start for start in results.starts if start.scenario == scenario.name]
    with drawing.settings():
        return list(_charts(scenario, rows, starts, names))


def _charts(scenario: ScenarioRecord, rows: Sequence[Row], starts: Sequence[Start], names: Names) -> Iterator[Chart]:
    first = next((setting for setting in Setting if any(row.setting is setting for row in rows)), None)
    own = [row for row in rows if row.setting is first]
    held = summary.comparable(own)
    yield from bars(
        f"{scenario.name}-cpu",
        "CPU time of the server for each call",
        "Server CPU, µs a call",
        {row.subject: row.server_cpu for row in held},
        names,
        words=f"{_where(held)} Shorter is better; lines span the rounds.",
    )
    yield from bars(
        f"{scenario.name}-throughput",
        "Calls a second",
        "Successful calls/s",
        {row.subject: throughput(row) for row in held},
        names,
        hollow={row.subject for row in held if row.invalid},
        words=f"{_where(held)} Longer is better; lines span the rounds; hollow: the run is invalid, the server can do more.",
    )
    for setting in Setting:
        closed = [row for row in rows if row.setting is setting and row.load.mode is Mode.CLOSED]
        if len({row.load.concurrency for row in closed}) > 1:
            yield sweep(scenario.name, setting, closed, names)
    open_rows = _by_the_clock(own)
    yield from against_rate(scenario.name, open_rows, names)
    yield from percentile_curves(scenario.name, open_rows, names)
    yield from failed_calls(scenario.name, rows, names)
    if scenario.headline:
        yield from _footprint(scenario.name, held, starts, names)


def _where(held: Sequence[Row]) -> str:
    return f"{wording.load(held[0].load)}." if held else ""


def _by_the_clock(rows: Sequence[Row]) -> list[Row]:
    """Of the client that can offer the most: the tables have both."""
    for mode in (Mode.PACED, Mode.OPEN):
        if found := [row for row in rows if row.load.mode is mode]:
            return found
    return []


def _footprint(scenario: str, held: Sequence[Row], starts: Sequence[Start], names: Names) -> Iterator[Chart]:
    yield from bars(
        f"{scenario}-memory",
        "Peak resident memory under load",
        "Peak RSS, MiB",
        {row.subject: row.peak_rss for row in held},
        names,
        words="All processes of a server together; pages that they share count for each. Shorter is better.",
        scale=_MIB,
    )
    yield from bars(
        f"{scenario}-start",
        "Start-up",
        "From start to first right answer, ms",
        {
            subject: Spread.of(start.first_answer_ms for start in starts if start.subject == subject)
            for subject in dict.fromkeys(start.subject for start in starts)
        },
        names,
        words="From the start of the program, on the server's cores, to its first right answer. Shorter is better.",
    )
