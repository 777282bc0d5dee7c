"""The table that the demonstration ends with."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from loadtest.ghz import Report
from loadtest.results import Latencies

from .serving import Answered

Loads = Mapping[tuple[str, str], Report]
"""Short load runs by model and server."""


def table(answers: Sequence[Answered], loads: Loads | None) -> Table:
    """One line for each model and server; without ``loads`` the columns of ghz are left out."""
    made = Table(
        title="Held-out rows, answered by both servers", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False
    )
    for heading in ("model", "server"):
        made.add_column(heading, no_wrap=True)
    for heading in ("score", "sklearn", *(() if loads is None else ("req/s", "p50 ms", "p99 ms", "errors"))):
        made.add_column(heading, justify="right", no_wrap=True)
    shown = None
    for answer in answers:
        case = answer.trained.case
        model = "" if shown is answer.trained else case.model
        cells = [model, answer.server, f"{case.score(answer.labels):.3f}", f"{case.agreement(answer.labels):.1%}"]
        if loads is not None:
            figures = loads[case.model, answer.server]
            cells += [f"{figures.requests_per_second:,.0f}", *_milliseconds(figures)]
            cells.append(", ".join(f"{count:,} {code}" for code, count in figures.errors.items()) or "0")
        made.add_row(*cells)
        shown = answer.trained
    return made


def _milliseconds(figures: Report) -> list[str]:
    """The median and the 99th percentile."""
    if figures.successful_us.size == 0:
        return ["—", "—"]
    latencies = Latencies.of(figures.successful_us)
    return [f"{latencies.percentile(percent) / 1000:.2f}" for percent in (50, 99)]
