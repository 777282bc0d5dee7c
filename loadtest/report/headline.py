"""The table that the README and ``docs/benchmarks.md`` quote, written between markers so that it has one source."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from loadtest import summary
from loadtest.results import Results, ScenarioRecord
from loadtest.servers import ROOT
from loadtest.summary import Row

from . import caveats, wording

FILES = (ROOT / "docs" / "benchmarks.md", ROOT / "README.md")
BEGIN = "<!-- begin: load test -->"
END = "<!-- end: load test -->"


class MarkerError(ValueError):
    """A file has no place for the table."""


def write(results: Results, file: Path, into: Sequence[Path] = FILES) -> Sequence[Path]:
    """Replaces what is between the markers of each file; ``file`` is where the results are. All files, or none.

    Raises MarkerError when a file lacks the markers, and OSError.
    """
    table = markdown(results, _shown(file))
    changed = {each: _replaced(each, each.read_text(encoding="utf-8"), table) for each in into}
    for each, text in changed.items():
        each.write_text(text, encoding="utf-8")
    return into


def markdown(results: Results, source: str) -> str:
    """What the figures do not show, the table, and where it comes from."""
    labels = {subject.name: subject.label for subject in results.subjects}
    roles = {subject.name: subject.role for subject in results.subjects}
    lines = [
        "| | Rust server, µs | Python server, µs | best peer, µs | scikit-learn behind grpcio, µs | Rust / Python / scikit-learn, calls/s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [line for scenario in results.scenarios if (line := _line(results, scenario, labels, roles))]
    about = _about(results, source)
    known = "\n".join(f"- {caveat}" for caveat in caveats.of(results)[:4])
    return (
        f"What these figures do not show:\n\n{known}\n\n"
        "CPU time of the server for each call, in microseconds, median over the rounds, under the load that all are held against "
        "each other by; and calls a second under that load, in brackets where the run is invalid because the load generator was "
        f"the limit.\n\n{chr(10).join(lines)}\n\n{about}"
    )


def _line(
    results: Results, scenario: ScenarioRecord, labels: Mapping[str, str], roles: Mapping[str, str]
) -> str | None:
    rows = [row for row in summary.rows(results) if row.scenario == scenario.name]
    held = {row.subject: row for row in summary.comparable(rows)}
    if "rust" not in held or "python" not in held:
        return None
    peers = [row for name, row in held.items() if roles.get(name) == "peer" and row.server_cpu is not None]
    best = min(peers, key=lambda row: row.server_cpu.median if row.server_cpu else 0.0, default=None)
    cells = (
        scenario.title,
        _cpu(held["rust"]),
        _cpu(held["python"]),
        wording.NOTHING if best is None else f"{_cpu(best)} ({labels[best.subject]})",
        _cpu(held.get("sklearn")),
        " / ".join(_throughput(held.get(name)) for name in ("rust", "python", "sklearn")),
    )
    return f"| {' | '.join(cells)} |"


def _cpu(row: Row | None) -> str:
    return wording.NOTHING if row is None else wording.median(row.server_cpu)


def _throughput(row: Row | None) -> str:
    if row is None:
        return wording.NOTHING
    if row.requests_per_second is not None:
        return wording.median(row.requests_per_second)
    measured = max(point.requests_per_second for point in row.points)
    return f"({wording.number(measured)})"


def _about(results: Results, source: str) -> str:
    return " ".join(_origin(results, source))


def _origin(results: Results, source: str) -> Iterator[str]:
    environment = results.environment
    machine = environment.get("machine") or {}
    yield f"{machine.get('processor') or 'Unknown processor'}, {machine.get('cores') or 'unknown number of'} cores;"
    yield f"{str(environment.get('date', 'undated'))[:10]}, commit {str(environment.get('commit') or 'unknown')[:12]};"
    yield f"`{shlex.join(results.command)}`; raw data and report: `{source}`."


def _shown(file: Path) -> str:
    """The results' folder as seen from the repository."""
    folder = file.resolve().parent
    return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else folder.name


def _replaced(file: Path, text: str, table: str) -> str:
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise MarkerError(f"{file}: expected the lines {BEGIN!r} and {END!r}, with the table between them")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"
