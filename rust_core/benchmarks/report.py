"""Tables for people, plain values for files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from measuring.spread import Spread

from .judgement import Judgement, Verdict, judge
from .peers import OURS, Settings
from .roofline import Ceilings, floor
from .rounds import Measured, Outcome
from .works import Work

_STYLES = {Verdict.MET: "green", Verdict.MISSED: "red", Verdict.OPEN: "dim", Verdict.INVALID: "bold red"}


def duration(seconds: float) -> str:
    """With three digits and a unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds / size < 1000 else f"{seconds / size:,.0f} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def spread_text(spread: Spread) -> str:
    """Median, and the range in brackets."""
    return f"{duration(spread.median)} ({duration(spread.least)}–{duration(spread.most)})"


def target_text(work: Work) -> str:
    """What is wanted."""
    wanted = [] if work.target is None else [f"≥ {work.target:g}×"]
    if work.limit_seconds is not None:
        wanted.append(f"≤ {duration(work.limit_seconds)}")
    return ", ".join(wanted)


def ratio_text(judgement: Judgement) -> str:
    """The ratio with its range."""
    ratio = judgement.ratio
    return "" if ratio is None else f"{ratio.median:.3g}× ({ratio.least:.3g}–{ratio.most:.3g})"


def work_table(outcome: Outcome) -> Table:
    """Every subject of one work: median, least, most, its ratio to ours, its answer."""
    judgement = judge(outcome)
    style = _STYLES[judgement.verdict]
    caption = f"[{style}]{judgement.verdict}[/] {judgement.reason}"
    if outcome.work.target is not None or outcome.work.limit_seconds is not None:
        caption += f" (target {target_text(outcome.work)})"
    made = Table(
        title=outcome.work.title, caption=caption, title_justify="left", caption_justify="left", box=box.SIMPLE
    )
    for column in ("", "median (range)", "× ours", "cores", "n_iter", "settings", "answer"):
        made.add_column(column, justify="left" if column in {"", "settings", "answer"} else "right")
    ours = judgement.seconds.get(OURS.name)
    for each in outcome.measured:
        spread = judgement.seconds.get(each.peer)
        name = each.peer if each.peer == OURS.name or outcome.work.counts(each.peer) else f"{each.peer} (quoted)"
        made.add_row(
            f"[bold]{name}[/]" if each.peer == judgement.best else name,
            "" if spread is None else spread_text(spread),
            "" if spread is None or ours is None else f"{spread.median / ours.median:.3g}",
            _cores(each),
            "" if each.n_iter is None else str(each.n_iter),
            settings_text(each.settings),
            each.words if each.right else f"[red]left out: {each.words}[/]",
        )
    for name, reason in outcome.missing.items():
        made.add_row(name, "[yellow]missing[/]", "", "", "", "", reason)
    return made


def summary_table(outcomes: Sequence[Outcome]) -> Table:
    """A line for each work."""
    made = Table(title="Best peer's time by ours", title_justify="left", box=box.SIMPLE)
    for column in ("work", "ours", "best peer", "", "ratio (range)", "target", ""):
        made.add_column(column, justify="left" if column in {"work", "best peer"} else "right")
    for outcome in outcomes:
        cells = summary_cells(outcome)
        style = _STYLES[judge(outcome).verdict]
        made.add_row(outcome.work.name, *cells[1:-1], f"[{style}]{cells[-1]}[/]")
    return made


def summary_cells(outcome: Outcome) -> list[str]:
    """Title, our time, best peer, its time, ratio, target, verdict."""
    judgement = judge(outcome)
    ours, best = judgement.seconds.get(OURS.name), judgement.best
    return [
        outcome.work.title,
        "" if ours is None else duration(ours.median),
        best or "",
        "" if best is None else duration(judgement.seconds[best].median),
        ratio_text(judgement),
        target_text(outcome.work),
        str(judgement.verdict),
    ]


def roofline_table(outcomes: Sequence[Outcome], ceilings: Ceilings) -> Table | None:
    """For works that miss their target: what they need at least, and how near we are; None when there is none."""
    rows = [cells for outcome in outcomes if (cells := roofline_cells(outcome, ceilings)) is not None]
    if not rows:
        return None
    made = Table(title="Where a target is missed: what the machine allows", title_justify="left", box=box.SIMPLE)
    for column in ROOFLINE_COLUMNS:
        made.add_column(column, justify="left" if column == "work" else "right")
    for cells in rows:
        made.add_row(*cells)
    return made


ROOFLINE_COLUMNS = ("work", "moved", "operations", "bound by", "floor", "ours", "of the floor's speed")


def roofline_cells(outcome: Outcome, ceilings: Ceilings) -> list[str] | None:
    """The cells of a work that misses its target and whose floor is known."""
    judgement = judge(outcome)
    if judgement.verdict is not Verdict.MISSED:
        return None
    ours = next(each for each in outcome.measured if each.peer == OURS.name)
    least = floor(outcome.work, ours.n_iter, ceilings)
    if least is None:
        return None
    median = judgement.seconds[OURS.name].median
    return [
        outcome.work.title,
        f"{least.need.bytes / 1e9:.3g} GB",
        f"{least.need.flops / 1e9:.3g} GFLOP",
        least.bound,
        duration(least.seconds),
        duration(median),
        f"{least.seconds / median:.0%}",
    ]


#: Where ``Outcome.figures`` has the percentiles of a served work's calls, by server.
LATENCIES = "latencies"
LATENCY_COLUMNS = ("server", "p50", "p90", "p99", "calls")


def latency_cells(outcome: Outcome) -> list[list[str]]:
    """A line for each server of a served work, ours first; none for other works."""
    found: Mapping[str, Mapping[str, float]] = outcome.figures.get(LATENCIES, {})
    return [
        [
            "Ferrule, Rust server" if name == OURS.name else name,
            *(duration(percentiles[column]) for column in ("p50", "p90", "p99")),
            f"{percentiles['calls']:,.0f}",
        ]
        for name, percentiles in found.items()
    ]


def latency_table(outcome: Outcome) -> Table | None:
    """Of a served work's calls; None for other works."""
    rows = latency_cells(outcome)
    if not rows:
        return None
    made = Table(box=box.SIMPLE)
    for column in LATENCY_COLUMNS:
        made.add_column(column, justify="left" if column == "server" else "right")
    for cells in rows:
        made.add_row(*cells)
    return made


def settings_text(settings: Settings) -> str:
    """On one line."""
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def document(outcome: Outcome) -> dict[str, Any]:
    """Everything that was measured of a work, as plain values."""
    judgement = judge(outcome)
    return {
        "work": asdict(outcome.work),
        "measured": [asdict(each) for each in outcome.measured],
        "missing": outcome.missing,
        "load_average": outcome.load_average,
        "figures": outcome.figures,
        "judgement": {
            "verdict": str(judgement.verdict),
            "reason": judgement.reason,
            "best": judgement.best,
            "ratio": None if judgement.ratio is None else asdict(judgement.ratio),
        },
    }


def read_document(read: Mapping[str, Any]) -> Outcome:
    """The outcome that ``document`` wrote; its judgement is made anew."""
    from .data import Data
    from .subjects import Timing

    work = dict(read["work"])
    work["data"] = Data(**work["data"])
    work["peers"] = None if work["peers"] is None else tuple(work["peers"])
    work["quoted"] = tuple(work["quoted"])
    measured = [
        Measured(**{**each, "timings": [Timing(**timing) for timing in each["timings"]]}) for each in read["measured"]
    ]
    return Outcome(Work(**work), measured, read["missing"], read["load_average"], read["figures"])


def _cores(each: Measured) -> str:
    """How many cores a subject kept busy."""
    pairs = [(timing.cpu_seconds, timing.seconds) for timing in each.timings if timing.cpu_seconds is not None]
    if not pairs:
        return ""
    return f"{sum(cpu for cpu, _ in pairs) / sum(seconds for _, seconds in pairs):.1f}"
