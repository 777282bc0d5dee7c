"""A comparison as a table for people and as JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from .answers import Agreement
from .measurement import Measurement, Spread, error_counts
from .rounds import Result
from .scenario import Scenario

#: Lines of the table: heading, figure, format.
_LINES = (
    ("successful requests/s", "requests_per_second", ",.0f"),
    ("p50 ms, successful calls", "p50_ms", ".2f"),
    ("p99 ms", "p99_ms", ".2f"),
    ("p99.9 ms", "p999_ms", ".2f"),
    ("server CPU, µs a call", "server_cpu_us", ".0f"),
    ("ghz CPU, µs a call", "ghz_cpu_us", ".0f"),
)


def table(scenario: Scenario, results: Sequence[Result], agreements: Mapping[str, Agreement]) -> Table:
    """A column for each server: medians over the rounds, the range in brackets."""
    load = scenario.load
    made = Table(
        title=scenario.title,
        caption=f"{load.connections} connections, {load.concurrency} calls in progress, "
        f"{load.rounds} × {load.duration_seconds:g} s each; median (range)",
        box=box.SIMPLE_HEAD,
    )
    made.add_column("")
    servers = by_server(results)
    for server in servers:
        made.add_column(server, justify="right")
    for heading, figure, form in _LINES:
        made.add_row(heading, *(spread_text(measurements, figure, form) for measurements in servers.values()))
    made.add_row("failed calls", *(errors_text(measurements) for measurements in servers.values()))
    made.add_row(
        "right answers",
        *(f"{agreements[server].equal_labels} of {agreements[server].rows}" for server in servers),
    )
    return made


def remarks(results: Sequence[Result], cores: int | None) -> list[str]:
    """What a reader must know to read the table right."""
    shared = f"ghz and the servers shared the machine's {cores or 'unknown number of'} cores: "
    lines = [shared + "compare the servers with each other and by CPU per call, not with figures from elsewhere."]
    for server, measurements in by_server(results).items():
        ghz_cores = Spread.of([measurement.ghz_cores for measurement in measurements]).median
        server_cores = Spread.of([measurement.server_cores for measurement in measurements]).median
        if ghz_cores > server_cores:
            lines.append(
                f"{server}: ghz kept {ghz_cores:.1f} cores busy, the server {server_cores:.1f}: "
                "ghz itself is probably the limit, and the server can do more than the table says."
            )
        if not all(measurement.percentiles_complete for measurement in measurements):
            lines.append(f"{server}: percentiles are over the first million calls of a round, which is all ghz lists.")
    return lines


def document(
    scenario: Scenario,
    results: Sequence[Result],
    agreements: Mapping[str, Agreement],
    commands: Mapping[str, Sequence[str]],
    environment: Mapping[str, object],
) -> dict[str, Any]:
    """Everything about the comparison, as plain JSON values."""
    return {
        "scenario": asdict(scenario),
        "environment": dict(environment),
        "servers": {
            server: {
                "command": list(commands[server]),
                "answers": asdict(agreements[server]),
                "errors": error_counts(measurements),
                "summary": {figure: _summary(measurements, figure) for _, figure, _ in _LINES},
            }
            for server, measurements in by_server(results).items()
        },
        "rounds": [
            {
                "round": result.round,
                "server": result.server,
                "ghz_command": list(result.command),
                **asdict(result.measurement),
            }
            for result in results
        ],
        "remarks": remarks(results, _cores(environment)),
    }


def by_server(results: Sequence[Result]) -> dict[str, list[Measurement]]:
    """The measurements of each server, in order of its name."""
    servers: dict[str, list[Measurement]] = {}
    for result in sorted(results, key=lambda result: (result.server, result.round)):
        servers.setdefault(result.server, []).append(result.measurement)
    return servers


def spread_text(measurements: Sequence[Measurement], figure: str, form: str) -> str:
    """``median (least–most)``, or the value alone when there is one; a dash for none."""
    spread = _spread(measurements, figure)
    if spread is None:
        return "—"
    median = format(spread.median, form)
    return median if len(measurements) == 1 else f"{median} ({spread.least:{form}}–{spread.most:{form}})"


def errors_text(measurements: Sequence[Measurement]) -> str:
    """``0``, or the failed calls by status code."""
    counts = error_counts(measurements)
    return ", ".join(f"{count:,} {code}" for code, count in counts.items()) or "0"


def _summary(measurements: Sequence[Measurement], figure: str) -> dict[str, float] | None:
    spread = _spread(measurements, figure)
    return None if spread is None else asdict(spread)


def _spread(measurements: Sequence[Measurement], figure: str) -> Spread | None:
    values = [getattr(measurement, figure) for measurement in measurements]
    known = [value for value in values if value is not None]
    return Spread.of(known) if known else None


def _cores(environment: Mapping[str, Any]) -> int | None:
    cores: int | None = environment["machine"]["cores"]
    return cores
