"""A run for people at a terminal: the plan, how far it is, and what came of it."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from measuring.spread import Spread

from . import summary
from .plan import Plan
from .results import BY_THE_CLOCK, Mode, Results, Setting
from .scenario import Scenario
from .summary import Found, Row

SETTINGS = {
    Setting.APART: "server and client on cores of their own",
    Setting.SHARED: "the whole machine: server and client share all cores",
    Setting.REMOTE: "a server that was running already",
}


class Bar:
    """A progress bar with the time left; where there is no terminal, a line for every twentieth of the way."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        self._total = seconds
        self._behind = 0.0
        self._said = -1
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
            # A run takes seconds; the speed of the last minutes tells how the rest will go.
            speed_estimate_period=300.0,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=seconds)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, words: str) -> None:
        """What is done next."""
        self._progress.update(self._task, description=words)
        part = int(20 * self._behind / self._total) if self._total else 0
        if not self._console.is_terminal and part > self._said:
            self._said = part
            left = minutes(max(0.0, self._total - self._behind))
            self._console.print(f"{5 * part:3d}%, about {left} left: {words}", highlight=False, markup=False)

    def done(self, seconds: float) -> None:
        """So many of the planned seconds are behind."""
        self._behind += seconds
        self._progress.advance(self._task, seconds)


def minutes(seconds: float) -> str:
    """``45 s`` or ``12 min``."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def scenarios_table(scenarios: Sequence[Scenario]) -> Table:
    """What ``--list`` shows."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("scenario", no_wrap=True)
    for heading in ("", "closed loop: callers", "open loop"):
        table.add_column(heading)
    for each in scenarios:
        callers = "" if each.closed is None else _numbers(each.closed.concurrency)
        rates = ""
        if each.open is not None:
            rates = ", ".join(
                [*(f"{part:.0%}" for part in each.open.fractions), *(f"{rate:,}/s" for rate in each.open.rates)]
            )
        table.add_row(each.name, each.title, callers, rates)
    return table


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(map(str, values)) if len(values) < 4 else f"{values[0]} … {values[-1]}"


def plan_table(plan: Plan) -> Table:
    """What will be measured."""
    table = Table(title=f"The plan: about {minutes(plan.seconds)}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("scenario", no_wrap=True)
    table.add_column("cores")
    for heading in ("subjects", "loads", "rounds", "seconds each", "in all"):
        table.add_column(heading, justify="right")
    for part in plan.parts:
        timing = part.scenario.timing
        table.add_row(
            part.scenario.name,
            {Setting.APART: "apart", Setting.SHARED: "shared", Setting.REMOTE: "remote"}[part.setting],
            str(len(part.subjects)),
            str(len(part.loads)),
            str(timing.rounds),
            f"{timing.warm_up_seconds:g} + {timing.duration_seconds:g}",
            minutes(part.seconds),
        )
    return table


def show(results: Results, console: Console) -> None:
    """The summary: a table for each scenario and setting, verdicts, what must be known."""
    found = summary.rows(results)
    labels = {subject.name: subject.label for subject in results.subjects}
    roles = {subject.name: subject.role for subject in results.subjects}
    for scenario in results.scenarios:
        of_this = [row for row in found if row.scenario == scenario.name]
        for setting in dict.fromkeys(row.setting for row in of_this):
            chosen = [row for row in of_this if row.setting is setting]
            console.print(_table(f"{scenario.title} — {SETTINGS[setting]}", chosen))
        _knees(of_this, labels, console)
        for verdict in summary.verdicts(results, scenario.name):
            if "ours" not in (roles[verdict.subject], roles[verdict.other]):
                continue
            throughput = "" if verdict.throughput_ratio is None else f"; {verdict.throughput_ratio:.1f}× its throughput"
            console.print(
                f"{labels[verdict.subject]}: {verdict.cpu_ratio:.1f}× ({verdict.least:.1f}–{verdict.most:.1f}) less CPU a "
                f"call than {labels[verdict.other]}{throughput}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    if results.starts:
        console.print(_starts(results))
    _remarks(results, found, console)


def _knees(found: Sequence[Row], labels: Mapping[str, str], console: Console) -> None:
    """Where more callers stop to pay, for each subject that was measured with several numbers of callers."""
    for subject in dict.fromkeys(row.subject for row in found):
        sweep = [row for row in found if row.subject == subject and row.setting is not Setting.SHARED]
        knee = summary.knee(sweep)
        if knee is not None and knee.row.requests_per_second is not None:
            callers, rate = knee.row.load.concurrency, knee.row.requests_per_second.median
            console.print(
                f"{labels[subject]}: more than {callers} callers bring little but waiting ({rate:,.0f} calls/s)"
                if knee.found is Found.REACHED
                else f"{labels[subject]}: the knee is {knee.found.value} ({callers} callers, {rate:,.0f} calls/s)",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


def _table(title: str, found: Sequence[Row]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("load, subject", no_wrap=True)
    for heading in ("calls/s", "p50 ms", "p99 ms", "p99.9", "CPU µs", "RSS MiB", "limit"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("errors")
    shown = ""
    for row in sorted(found, key=_by_load):
        load = _load(row)
        if load != shown:
            table.add_row(load, style="bold")
        table.add_row(f"  {row.subject}", *_cells(row), style="dim" if row.invalid else None)
        shown = load
    return table


def _by_load(row: Row) -> tuple[int, float, float]:
    order = {Mode.CEILING: 0, Mode.CLOSED: 1, Mode.PACED: 2, Mode.OPEN: 3}
    load = row.load
    # Loads at a fraction of the ceiling stand together though their rates differ.
    return order[load.mode], load.fraction or float(load.concurrency or 0), 0.0 if load.fraction else load.rate or 0.0


def _load(row: Row) -> str:
    load = row.load
    if load.mode in BY_THE_CLOCK:
        by_ghz = ", ghz" if load.mode is Mode.OPEN else ""
        return (
            f"{load.fraction:.0%} of the ceiling{by_ghz}" if load.fraction else f"{load.rate or 0:,.0f} calls/s{by_ghz}"
        )
    if load.mode is Mode.CEILING:
        return f"ceiling, {load.connections} × {(load.concurrency or 1) // load.connections}"
    return f"{load.concurrency} callers{' beside' if row.call != 'call' else ''}"


def _cells(row: Row) -> list[str]:
    rate = row.requests_per_second
    resident = "—" if row.peak_rss is None else f"{row.peak_rss.most / 2**20:,.0f}"
    errors = ", ".join(f"{count:,} {code}" for code, count in row.errors.items())
    return [
        "invalid" if rate is None else f"{rate.median:,.0f} ±{(rate.most - rate.least) / 2 / rate.median:.0%}",
        *(_median(row.latency(percent), ".2f", 1e-3) for percent in (50, 99, 99.9)),
        _median(row.server_cpu, ",.1f"),
        resident,
        row.limit.value,
        errors,
    ]


def _median(spread: Spread | None, form: str, scale: float = 1.0) -> str:
    return "—" if spread is None else format(spread.median * scale, form)


def _starts(results: Results) -> Table:
    table = Table(
        title="Start-up: from the start of the program to its first right answer",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("subject")
    for heading in ("first answer, ms", "RSS then, MiB"):
        table.add_column(heading, justify="right")
    for subject in results.subjects:
        own = [start for start in results.starts if start.subject == subject.name]
        took, resident = (
            Spread.of(start.first_answer_ms for start in own),
            Spread.of(float(start.rss) for start in own),
        )
        if took is not None and resident is not None:
            table.add_row(subject.name, took.text(",.0f"), resident.text(",.0f", 2**-20))
    return table


def _remarks(results: Results, found: Sequence[Row], console: Console) -> None:
    checked = sum(each.checked for each in results.answers)
    wrong = [each for each in results.answers if each.wrong]
    console.print(
        f"{checked:,} answers checked against scikit-learn's before, during and after the load: "
        f"{sum(each.wrong for each in wrong):,} wrong",
        style="red" if wrong else "green",
        highlight=False,
    )
    lines = [f"{each.subject}, {each.scenario}: {each.first_wrong}" for each in wrong]
    lines += [
        f"invalid: {row.scenario}, {row.setting.value}, {_load(row)}, {row.subject}: {row.invalid[0]}"
        for row in found
        if row.invalid
    ]
    remarks = [remark for point in results.points for remark in point.remarks if remark.startswith("other programs")]
    if remarks:
        lines.append(f"{len(remarks)} of {len(results.points)} runs were not alone: measure on a quiet machine")
    lines += results.notes
    if not results.complete:
        lines.append("The run was stopped: only what is shown was measured.")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
