"""The table that the demonstration ends with."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from loadtest.measurement import Measurement
from loadtest.report import errors_text

from .serving import Answered

Loads = Mapping[tuple[str, str], Measurement]
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
            cells += [f"{figures.requests_per_second:,.0f}", _ms(figures.p50_ms), _ms(figures.p99_ms)]
            cells.append(errors_text([figures]))
        made.add_row(*cells)
        shown = answer.trained
    return made


def _ms(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
