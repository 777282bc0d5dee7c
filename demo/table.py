"""The table that the demonstration ends with."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from loadtest.measurement import Measurement
from loadtest.report import errors_text

from .serving import Answered

Loads = Mapping[tuple[str, str], Measurement]
"""Short load runs by model and server."""


def table(answers: Sequence[Answered], loads: Loads | None) -> Table:
    """One line for each model and server; without ``loads`` the columns of ghz are left out."""
    made = Table(title="Held-out rows, answered by both servers", title_justify="left")
    for heading in ("data", "algorithm", "trained by", "server"):
        made.add_column(heading)
    headings = ["score", "= scikit-learn"]
    if loads is not None:
        headings += ["requests/s", "p50 ms", "p99 ms", "errors"]
    for heading in headings:
        made.add_column(heading, justify="right")
    for answer, following in zip(answers, [*answers[1:], None], strict=True):
        case = answer.trained.case
        cells = [case.dataset.name, case.algorithm_name, answer.trained.by, answer.server]
        cells += [f"{case.score(answer.labels):.3f}", f"{case.agreement(answer.labels):.1%}"]
        if loads is not None:
            figures = loads[case.model, answer.server]
            cells += [f"{figures.requests_per_second:,.0f}", _ms(figures.p50_ms), _ms(figures.p99_ms)]
            cells += [errors_text([figures])]
        last = following is None or following.trained is not answer.trained
        made.add_row(*cells, end_section=last)
    return made


def _ms(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
