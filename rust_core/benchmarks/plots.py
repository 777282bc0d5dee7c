"""The figures as pictures, SVG and PNG: ratios to the best peer, and time against size on log-log axes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from .judgement import Verdict, judge
from .peers import BY_NAME, OURS
from .rounds import Outcome

_COLORS = {Verdict.MET: "#2a7f4f", Verdict.MISSED: "#c0392b", Verdict.OPEN: "#7f8c8d", Verdict.INVALID: "#000000"}


def draw(outcomes: Sequence[Outcome], base: Path) -> list[Path]:
    """Draws what the outcomes have: the files, named after ``base``."""
    # Letters stay letters, so that the pictures can be searched; the same figures make the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ferrule", "font.size": 9})
    files: list[Path] = []
    compared = [each for each in outcomes if each.work.series is None and judge(each).ratio is not None]
    if compared:
        files += _saved(_ratios(compared), base.with_name(f"{base.name}-ratios"))
    for algorithm in ("kmeans", "logistic"):
        grown = [each for each in outcomes if each.work.series is not None and each.work.algorithm == algorithm]
        if grown:
            files += _saved(_growth(grown), base.with_name(f"{base.name}-{algorithm}"))
    return files


def _saved(figure: Figure, base: Path) -> list[Path]:
    files = [base.with_name(f"{base.name}.{suffix}") for suffix in ("svg", "png")]
    for file in files:
        figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix == ".svg" else None)
    return files


def _ratios(outcomes: Sequence[Outcome]) -> Figure:
    """A bar for each work, its range over the rounds, and a mark at its target."""
    figure = Figure(figsize=(9, 1.2 + 0.28 * len(outcomes)), layout="constrained")
    axes = figure.subplots()
    for at, outcome in enumerate(outcomes):
        judgement = judge(outcome)
        if judgement.ratio is None:
            continue
        ratio = judgement.ratio
        around = [[ratio.median - ratio.least], [ratio.most - ratio.median]]
        color = _COLORS[judgement.verdict]
        # From 1, where both take as long: to the right we are faster.
        axes.barh(at, ratio.median - 1, left=1, color=color, xerr=around, error_kw={"ecolor": "#333333", "capsize": 2})
        words = f" {ratio.median:.3g}× {judgement.best}"
        axes.annotate(words, (1.0, at), xycoords=("axes fraction", "data"), va="center", fontsize=7)
        if outcome.work.target is not None:
            axes.plot([outcome.work.target] * 2, [at - 0.4, at + 0.4], color="#000000", linewidth=1.5)
    axes.axvline(1.0, color="#333333", linewidth=0.8)
    axes.set(xscale="log", xlabel="best peer's time by ours (to the right of 1 we are faster); the mark is the target")
    axes.set_yticks(range(len(outcomes)), [outcome.work.name for outcome in outcomes])
    axes.invert_yaxis()
    axes.margins(x=0.05)
    return figure


def _growth(outcomes: Sequence[Outcome]) -> Figure:
    """A panel for each series: seconds of a fit against the size, and a line of slope 1."""
    names = list(dict.fromkeys(str(outcome.work.series) for outcome in outcomes))
    figure = Figure(figsize=(3.4 * len(names), 3.4), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)
    for axes, name in zip(panels[0], names, strict=True):
        points = sorted((each for each in outcomes if each.work.series == name), key=lambda each: each.work.size)
        for peer in BY_NAME:
            line = [
                (point.work.size, judge(point).seconds[peer].median)
                for point in points
                for each in point.measured
                if each.peer == peer and each.timings
            ]
            if line:
                sizes, seconds = zip(*line, strict=True)
                axes.plot(sizes, seconds, marker="o", markersize=3, label=peer)
                if peer == OURS.name:
                    slope = -1 if name.endswith("threads") else 1
                    along = [seconds[0] * (size / sizes[0]) ** slope for size in sizes]
                    axes.plot(sizes, along, color="#999999", linestyle=":", label="in proportion")
        axes.set(xscale="log", yscale="log", title=name, xlabel=name.rpartition(" ")[2], ylabel="seconds of a fit")
        axes.set_xticks(
            [point.work.size for point in points], [_short(point.work.size) for point in points], rotation=45
        )
        axes.xaxis.minorticks_off()
        axes.legend(fontsize=7)
    return figure


def _short(size: float) -> str:
    """A size as a tick has room for it: 12.5k."""
    return f"{size / 1000:g}k" if size >= 1000 else f"{size:g}"
