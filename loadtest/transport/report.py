"""Tables for people, plain values for files."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.table import Table

from loadtest.h2load import Load

from .cases import Case
from .footprint import Footprint
from .latency import PERCENTILES, Latency
from .targets import Round


def figures_table(case: Case, figures: Mapping[Load, list[Round]]) -> Table:
    """Requests a second and CPU time of each subject: medians."""
    table = Table(title=case.title, title_justify="left", box=None)
    table.add_column("")
    titles = {subject.name: subject.title for subject in case.subjects}
    if case.alone is not None:
        titles["engine"] = "the engine alone"
    for load in figures:
        table.add_column(f"{load} requests/s", justify="right")
        table.add_column("CPU µs", justify="right")
    for name, title in titles.items():
        cells = []
        for rounds in figures.values():
            cells.append(f"{statistics.median(each[name].requests_per_second for each in rounds):,.0f}")
            cells.append(f"{statistics.median(each[name].cpu_us for each in rounds):,.1f}")
        table.add_row(title, *cells)
    return table


def targets_table(case: Case, figures: Mapping[Load, list[Round]]) -> Table:
    """Each target's ratio."""
    table = Table(box=None)
    for column in ("ratio", "load", "median (least-most)", "target", ""):
        table.add_column(column)
    for target in case.targets:
        for load, rounds in figures.items():
            median, least, most = target.ratio(rounds)
            bound = f"{'≥' if target.at_least else '≤'} {target.bound:g}"
            verdict = "met" if target.met(median) else "[red]missed[/]"
            table.add_row(target.title, str(load), f"{median:.2f} ({least:.2f}-{most:.2f})", bound, verdict)
    return table


def document(case: Case, figures: Mapping[Load, list[Round]]) -> dict[str, object]:
    """The raw figures and what was run."""
    return {
        "case": case.title,
        "commands": {subject.name: subject.command for subject in case.subjects},
        "rounds": {
            str(load): [{name: asdict(each) for name, each in one.items()} for one in rounds]
            for load, rounds in figures.items()
        },
        "targets": [asdict(target) for target in case.targets],
    }


def latency_table(latencies: Sequence[Latency], titles: Mapping[str, str]) -> Table:
    """Percentiles in microseconds."""
    table = Table(title="Latency of the small request in µs; one core for the server", title_justify="left", box=None)
    table.add_column("")
    table.add_column("load")
    for each in PERCENTILES:
        table.add_column(f"p{each:g}", justify="right")
    for latency in sorted(latencies, key=lambda each: each.load.startswith("half")):
        table.add_row(
            titles[latency.subject], latency.load, *(f"{microseconds:,.0f}" for microseconds in latency.microseconds)
        )
    return table


def footprint_table(footprints: Sequence[Footprint], titles: Mapping[str, str]) -> Table:
    """Start-up and memory."""
    table = Table(title="Start-up and memory, one worker", title_justify="left", box=None)
    for column in ("", "first answer, ms", "resident, MiB", "each idle connection, KiB"):
        table.add_column(column, justify="right" if column else "left")
    for each in footprints:
        figures = f"{each.start_ms:,.0f}", f"{each.rss_mib:.1f}", f"{each.connection_kib:.1f}"
        table.add_row(titles[each.subject], *figures)
    return table
