"""What is drawn of a scenario."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from loadtest import summary
from loadtest.results import LADDER, Mode, Results, ScenarioRecord, Setting, Start
from loadtest.spread import Spread
from loadtest.summary import Row

from . import drawing, wording
from .drawing import Chart
from .palette import Look, light, looks

#: Percentages that are drawn against the rate, with their colours and markers.
_PERCENTILES = ((50.0, "p1", "o"), (90.0, "p2", "s"), (99.0, "p3", "^"), (99.9, "p4", "D"), (100.0, "p5", "x"))
#: Where percentile curves have a tick.
_NINES = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)
_MS = 1e-3
_MIB = 2**-20


@dataclass(frozen=True)
class Names:
    """How subjects are called and drawn."""

    labels: Mapping[str, str]
    looks: Mapping[str, Look]

    @classmethod
    def of(cls, results: Results) -> "Names":
        """Of every subject of a run."""
        return cls(
            {subject.name: subject.label for subject in results.subjects},
            looks([subject.name for subject in results.subjects]),
        )

    def colour(self, subject: str) -> str:
        """What a subject is drawn in."""
        return light(self.looks[subject].colour)


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
    yield from _bars(
        f"{scenario.name}-cpu",
        "CPU time of the server for each call",
        "Server CPU, µs a call",
        {row.subject: row.server_cpu for row in held},
        names,
        words=f"{_where(held)} Shorter is better; lines span the rounds.",
    )
    yield from _bars(
        f"{scenario.name}-throughput",
        "Calls a second",
        "Successful calls/s",
        {row.subject: _throughput(row) for row in held},
        names,
        hollow={row.subject for row in held if row.invalid},
        words=f"{_where(held)} Longer is better; lines span the rounds; hollow: the run is invalid, the server can do more.",
    )
    for setting in Setting:
        sweep = [row for row in rows if row.setting is setting and row.load.mode is Mode.CLOSED]
        if len({row.load.concurrency for row in sweep}) > 1:
            yield _sweep(scenario.name, setting, sweep, names)
    open_rows = _by_the_clock(own)
    yield from _against_rate(scenario.name, open_rows, names)
    yield from _curves(scenario.name, open_rows, names)
    yield from _errors(scenario.name, rows, names)
    if scenario.headline:
        yield from _footprint(scenario.name, held, starts, names)


def _where(held: Sequence[Row]) -> str:
    return f"{wording.load(held[0].load)}." if held else ""


def _throughput(row: Row) -> Spread | None:
    """Also of invalid rounds: it is drawn as such."""
    return row.requests_per_second or Spread.of(point.requests_per_second for point in row.points)


def _bars(
    name: str,
    title: str,
    axis: str,
    values: Mapping[str, Spread | None],
    names: Names,
    *,
    words: str,
    hollow: set[str] | frozenset[str] = frozenset(),
    scale: float = 1.0,
) -> Iterator[Chart]:
    """Bars from zero, so that lengths are ratios."""
    known = [(subject, spread) for subject, spread in values.items() if spread is not None]
    if not known:
        return
    figure, axes = drawing.canvas(0.75 + 0.3 * len(known))
    largest = max(spread.most for _, spread in known) * scale
    for place, (subject, spread) in enumerate(known):
        median, least, most = (value * scale for value in (spread.median, spread.least, spread.most))
        colour = names.colour(subject)
        filled = "none" if subject in hollow else colour
        axes.barh(
            place,
            median,
            height=0.62,
            color=filled,
            edgecolor=colour,
            linewidth=1.4,
            hatch="///" if subject in hollow else None,
        )
        axes.plot([least, most], [place, place], color=light("ink"), linewidth=1.2, solid_capstyle="butt")
        axes.text(most + 0.015 * largest, place, wording.number(median), va="center", fontsize=9)
    axes.set_yticks(range(len(known)), [names.labels[subject] for subject, _ in known])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    axes.set_xlim(0, largest * 1.16)
    axes.set_xlabel(axis)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.locator_params(axis="x", nbins=4)
    yield Chart(name, title, words.strip(), figure)


def _sweep(scenario: str, setting: Setting, rows: Sequence[Row], names: Names) -> Chart:
    """Throughput against callers."""
    figure, axes = drawing.canvas(4.0)
    for subject in dict.fromkeys(row.subject for row in rows):
        line = sorted((row for row in rows if row.subject == subject), key=lambda row: row.load.concurrency or 0)
        look, colour = names.looks[subject], names.colour(subject)
        found = [(row.load.concurrency or 0, spread, bool(row.invalid)) for row in line if (spread := _throughput(row))]
        axes.plot(
            [x for x, _, _ in found], [spread.median for _, spread, _ in found], color=colour, linestyle=look.dash
        )
        for x, spread, invalid in found:
            axes.errorbar(
                x,
                spread.median,
                yerr=[[spread.median - spread.least], [spread.most - spread.median]],
                color=colour,
                marker=look.marker,
                markerfacecolor=light("paper") if invalid else colour,
                linewidth=1.2,
            )
        knee = summary.knee(line)
        if knee is not None and knee.requests_per_second is not None and len(line) > 2:
            at = (knee.load.concurrency or 0, knee.requests_per_second.median)
            axes.plot(
                *at,
                color=light("ink"),
                linestyle="none",
                marker="o",
                markersize=13,
                markerfacecolor="none",
                markeredgecolor=light("ink"),
                markeredgewidth=1.1,
            )
    callers = sorted({row.load.concurrency or 0 for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_xticks(callers[:: 2 if len(callers) > 8 else 1])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("Callers: calls in progress at one time")
    _log(axes, "y")
    axes.set_ylabel("Successful calls/s")
    _legend(figure, dict.fromkeys(row.subject for row in rows), names)
    return Chart(
        f"{scenario}-sweep-{setting.value}",
        "Throughput against callers" + ("" if setting is Setting.APART else f". {wording.SETTINGS[setting]}"),
        "Higher is better; both axes are logarithmic. Bars span the rounds. Hollow: the run is invalid, mostly because the "
        "load generator was the limit and the server can do more. Ringed: the knee, the last step that brings 5% more "
        "calls without doubling the 99th percentile.",
        figure,
    )


def _by_the_clock(rows: Sequence[Row]) -> list[Row]:
    """Of the client that can offer the most: the tables have both."""
    for mode in (Mode.PACED, Mode.OPEN):
        if found := [row for row in rows if row.load.mode is mode]:
            return found
    return []


def _against_rate(scenario: str, rows: Sequence[Row], names: Names) -> Iterator[Chart]:
    """Percentiles against the rate, a chart for each subject."""
    for subject in dict.fromkeys(row.subject for row in rows):
        line = sorted((row for row in rows if row.subject == subject and row.valid), key=_rate)
        if len(line) < 2:
            continue
        figure, axes = drawing.canvas(3.0)
        for percent, colour, marker in _PERCENTILES:
            found = [(_rate(row), spread) for row in line if (spread := row.latency(percent))]
            axes.errorbar(
                [x for x, _ in found],
                [spread.median * _MS for _, spread in found],
                yerr=[
                    [(spread.median - spread.least) * _MS for _, spread in found],
                    [(spread.most - spread.median) * _MS for _, spread in found],
                ],
                color=light(colour),
                marker=marker,
                markersize=4.5,
                label=_percent(percent),
            )
        axes.set_xlabel("Calls offered a second")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlim(left=0)
        _log(axes, "y")
        axes.set_ylabel("Latency, ms")
        figure.legend(loc="outside upper center", ncols=5, handlelength=1.4, columnspacing=1.2)
        yield Chart(
            f"{scenario}-rate-{subject}",
            f"Latency against offered rate: {names.labels[subject]}",
            "From the moment at which each call was due. Lower is better; the vertical axis is logarithmic. Runs that are "
            "invalid are left out here and listed below.",
            figure,
        )


def _curves(scenario: str, rows: Sequence[Row], names: Names) -> Iterator[Chart]:
    """Percentile curves of all subjects, a chart for each rate that they have in common, or part of the ceiling."""
    loads: dict[tuple[float | None, float | None], list[Row]] = {}
    for row in rows:
        if row.valid:
            key = (row.load.fraction, None if row.load.fraction else row.load.rate)
            loads.setdefault(key, []).append(row)
    for (fraction, rate), found in sorted(loads.items(), key=lambda item: (item[0][0] or 0.0, item[0][1] or 0.0)):
        figure, axes = drawing.canvas(3.7)
        farthest = 0.0
        for row in found:
            # Beyond that it is a single call that is shown.
            calls = min(point.latencies.calls for point in row.valid if point.latencies)
            shown = [percent for percent in LADDER if percent < 100 and calls * (100 - percent) >= 100]
            farthest = max(farthest, *shown)
            latencies = [row.latency(percent) for percent in shown]
            axes.plot(
                [_nines(percent) for percent in shown],
                [spread.median * _MS for spread in latencies if spread],
                color=names.colour(row.subject),
                linestyle=names.looks[row.subject].dash,
                marker=names.looks[row.subject].marker,
                markevery=0.22,
                markersize=5,
            )
        ticks = [percent for percent in _NINES if percent <= farthest]
        axes.set_xticks([_nines(percent) for percent in ticks], [_percent(percent) for percent in ticks])
        axes.set_xlabel("Part of the calls that took no longer")
        _log(axes, "y")
        axes.set_ylabel("Latency, ms")
        _legend(figure, dict.fromkeys(row.subject for row in found), names)
        what = wording.load(found[0].load) if rate else f"{fraction:.0%} of each server's own ceiling"
        yield Chart(
            f"{scenario}-curve-{f'{rate:.0f}' if rate else f'{fraction:.0%}'.removesuffix('%') + 'pc'}",
            f"Percentiles at {what}",
            "From the moment at which each call was due; the median of the rounds at each point. Lower and flatter is better. "
            "Servers whose run was invalid at this rate are missing.",
            figure,
        )


def _errors(scenario: str, rows: Sequence[Row], names: Names) -> Iterator[Chart]:
    """Failed calls by code, of the loads where there are any."""
    failed = [row for row in rows if row.errors]
    if not failed:
        return
    codes = sorted({code for row in failed for code in row.errors})
    colours = ("vermillion", "blue", "amber", "green", "pink", "slate", "sky", "fog")
    hatches = (None, "//", "..", "xx", "\\\\", "++", "oo", "--")
    figure, axes = drawing.canvas(1.0 + 0.3 * len(failed))
    for place, row in enumerate(failed):
        calls = max(1, sum(point.calls for point in row.points))
        left = 0.0
        for index, code in enumerate(codes):
            part = 100 * row.errors.get(code, 0) / calls
            if part:
                look = index % len(colours)
                axes.barh(
                    place,
                    part,
                    left=left,
                    height=0.62,
                    color=light(colours[look]),
                    hatch=hatches[look],
                    edgecolor=light("paper"),
                )
            left += part
        axes.text(left, place, f" {wording.number(left)}%", va="center", fontsize=9)
    axes.set_yticks(
        range(len(failed)), [f"{names.labels[row.subject]}\n{wording.load(row.load)}" for row in failed], fontsize=8
    )
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_xlim(left=0)
    axes.set_xlabel("Failed calls, % of all calls")
    handles = [
        axes.barh(0, 0, color=light(colours[index % 8]), hatch=hatches[index % 8], edgecolor=light("paper"), label=code)
        for index, code in enumerate(codes)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    yield Chart(
        f"{scenario}-errors",
        "Failed calls by status code",
        "Only loads with a failed call are shown; every other call was answered with OK.",
        figure,
    )


def _footprint(scenario: str, held: Sequence[Row], starts: Sequence[Start], names: Names) -> Iterator[Chart]:
    yield from _bars(
        f"{scenario}-memory",
        "Peak resident memory under load",
        "Peak RSS, MiB",
        {row.subject: row.peak_rss for row in held},
        names,
        words="All processes of a server together; pages that they share count for each. Shorter is better.",
        scale=_MIB,
    )
    yield from _bars(
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


def _rate(row: Row) -> float:
    return row.load.rate or 0.0


def _nines(percent: float) -> float:
    """Where a percentage stands on an axis that gives each further nine the same room."""
    return -math.log10(1 - percent / 100)


def _percent(percent: float) -> str:
    return "slowest" if percent == 100 else f"{percent:g}%"


def _log(axes: Axes, which: str) -> None:
    """A logarithmic axis with plain numbers."""
    axis: Any = getattr(axes, f"{which}axis")
    getattr(axes, f"set_{which}scale")("log")
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 300 else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _legend(figure: Any, subjects: Any, names: Names) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=names.colour(subject),
            linestyle=names.looks[subject].dash,
            marker=names.looks[subject].marker,
            label=names.labels[subject],
        )
        for subject in subjects
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, handlelength=2.6, columnspacing=1.4)
