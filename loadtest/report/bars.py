"""Charts of one figure for each subject, and of failed calls."""

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.ticker import FuncFormatter

from loadtest.summary import Row
from measuring.spread import Spread

from . import drawing, wording
from .drawing import Chart
from .names import Names
from .palette import light


def bars(
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


def failed_calls(scenario: str, rows: Sequence[Row], names: Names) -> Iterator[Chart]:
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
