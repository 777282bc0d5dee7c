"""Charts of a figure against callers, rates or percentages."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from loadtest import summary
from loadtest.results import LADDER, Setting
from loadtest.summary import Found, Row
from measuring.spread import Spread

from . import drawing, wording
from .drawing import Chart
from .names import Names
from .palette import light

#: Percentages that are drawn against the rate, with their colours and markers.
_PERCENTILES = ((50.0, "p1", "o"), (90.0, "p2", "s"), (99.0, "p3", "^"), (99.9, "p4", "D"), (100.0, "p5", "x"))
#: Where percentile curves have a tick.
_NINES = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)
_MS = 1e-3


def throughput(row: Row) -> Spread | None:
    """Calls a second, also of a row without a valid round: it is drawn as such."""
    return row.requests_per_second or Spread.of(point.requests_per_second for point in row.points)


def sweep(scenario: str, setting: Setting, rows: Sequence[Row], names: Names) -> Chart:
    """Throughput against callers."""
    figure, axes = drawing.canvas(4.0)
    for subject in dict.fromkeys(row.subject for row in rows):
        line = sorted((row for row in rows if row.subject == subject), key=lambda row: row.load.concurrency or 0)
        look, colour = names.looks[subject], names.colour(subject)
        found = [(row.load.concurrency or 0, spread, bool(row.invalid)) for row in line if (spread := throughput(row))]
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
        if knee is not None and knee.found is Found.REACHED and knee.row.requests_per_second is not None:
            at = (knee.row.load.concurrency or 0, knee.row.requests_per_second.median)
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
    _logarithmic(axes)
    axes.set_ylabel("Successful calls/s")
    _legend(figure, dict.fromkeys(row.subject for row in rows), names)
    return Chart(
        f"{scenario}-sweep-{setting.value}",
        "Throughput against callers" + ("" if setting is Setting.APART else f". {wording.SETTINGS[setting]}"),
        "Higher is better; both axes are logarithmic. Bars span the rounds. Hollow: the run is invalid, mostly because the "
        "load generator was the limit and the server can do more. Ringed: the knee, the last step that brings 5% more "
        "calls without doubling the 99th percentile; none where the load generator was the limit before it.",
        figure,
    )


def against_rate(scenario: str, rows: Sequence[Row], names: Names) -> Iterator[Chart]:
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
        _logarithmic(axes)
        axes.set_ylabel("Latency, ms")
        figure.legend(loc="outside upper center", ncols=5, handlelength=1.4, columnspacing=1.2)
        yield Chart(
            f"{scenario}-rate-{subject}",
            f"Latency against offered rate: {names.labels[subject]}",
            "From the moment at which each call was due. Lower is better; the vertical axis is logarithmic. Runs that are "
            "invalid are left out here and listed below, and percentiles that the load generator's own delay is a part of.",
            figure,
        )


def percentile_curves(scenario: str, rows: Sequence[Row], names: Names) -> Iterator[Chart]:
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
            # To the first percentile that says more of the load generator.
            spreads = takewhile(
                lambda pair: pair[1] is not None, ((percent, row.latency(percent)) for percent in shown)
            )
            curve = [(percent, spread) for percent, spread in spreads if spread]
            farthest = max([farthest, *(percent for percent, _ in curve)])
            axes.plot(
                [_nines(percent) for percent, _ in curve],
                [spread.median * _MS for _, spread in curve],
                color=names.colour(row.subject),
                linestyle=names.looks[row.subject].dash,
                marker=names.looks[row.subject].marker,
                markevery=0.22,
                markersize=5,
            )
        ticks = [percent for percent in _NINES if percent <= farthest]
        axes.set_xticks([_nines(percent) for percent in ticks], [_percent(percent) for percent in ticks])
        axes.set_xlabel("Part of the calls that took no longer")
        _logarithmic(axes)
        axes.set_ylabel("Latency, ms")
        _legend(figure, dict.fromkeys(row.subject for row in found), names)
        what = wording.load(found[0].load) if rate else f"{fraction:.0%} of each server's own ceiling"
        yield Chart(
            f"{scenario}-curve-{f'{rate:.0f}' if rate else f'{fraction:.0%}'.removesuffix('%') + 'pc'}",
            f"Percentiles at {what}",
            "From the moment at which each call was due; the median of the rounds at each point. Lower and flatter is better. "
            "Servers whose run was invalid at this rate are missing; a curve ends where the load generator's own delay counts.",
            figure,
        )


def _rate(row: Row) -> float:
    return row.load.rate or 0.0


def _nines(percent: float) -> float:
    """Where a percentage stands on an axis that gives each further nine the same room."""
    return -math.log10(1 - percent / 100)


def _percent(percent: float) -> str:
    return "slowest" if percent == 100 else f"{percent:g}%"


def _logarithmic(axes: Axes) -> None:
    """A logarithmic vertical axis with plain numbers."""
    axis = axes.yaxis
    axes.set_yscale("log")
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 300 else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, subjects: Iterable[str], names: Names) -> None:
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
