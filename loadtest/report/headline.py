"""What the documents quote of a run, written between markers so that it has one source.

``docs/benchmarks.md`` has what the figures do not show, the table, the published ratios and how long calls take; the README the
most important of the first, and the table; ``summary.md`` beside the results what the former has.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from loadtest import summary
from loadtest.results import Mode, Results, ScenarioRecord, Setting
from loadtest.servers import ROOT
from loadtest.summary import Row
from measuring.document import MarkerError, filled
from measuring.spread import Spread

from . import caveats, published, wording

BEGIN = "<!-- begin: load test -->"
END = "<!-- end: load test -->"
SUMMARY = "summary.md"
_MS = 1e-3


def whole(results: Results, source: str) -> str:
    """What ``docs/benchmarks.md`` quotes; ``source`` is where the results are."""
    known = "\n".join(f"- {caveat}" for caveat in caveats.of(results))
    parts = [f"What these figures do not show:\n\n{known}", table(results, source)]
    for scenario in results.scenarios:
        if scenario.headline:
            parts += [part for make in (_published, _latencies) if (part := make(results, scenario))]
    return "\n\n".join(parts)


def short(results: Results, source: str) -> str:
    """What the README quotes."""
    known = " ".join(caveats.most_important(results))
    return f"What these figures do not show: {known}\n\n{table(results, source)}"


def table(results: Results, source: str) -> str:
    """The table, and where it comes from."""
    labels = {subject.name: subject.label for subject in results.subjects}
    roles = {subject.name: subject.role for subject in results.subjects}
    lines = [
        "| | Rust server, µs | Python server, µs | best peer, µs | scikit-learn behind grpcio, µs | Rust / Python / scikit-learn, calls/s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [line for scenario in results.scenarios if (line := _line(results, scenario, labels, roles))]
    return (
        "CPU time of the server for each call, in microseconds, median over the rounds, under the load that all are held against "
        "each other by; and calls a second under that load, server and load generator on a core each, in brackets where the run "
        f"is invalid because the load generator was the limit.\n\n{chr(10).join(lines)}\n\n{' '.join(_origin(results, source))}"
    )


#: The documents, and what each quotes.
FILES: Mapping[Path, Callable[[Results, str], str]] = {
    ROOT / "docs" / "benchmarks.md": whole,
    ROOT / "README.md": short,
}


def write(results: Results, file: Path, into: Mapping[Path, Callable[[Results, str], str]] = FILES) -> Sequence[Path]:
    """Replaces what is between the markers of each file; ``file`` is where the results are. All files, or none.

    Raises MarkerError when a file lacks the markers, and OSError.
    """
    source = _shown(file)
    changed = {}
    for each, text in into.items():
        try:
            changed[each] = filled(each.read_text(encoding="utf-8"), BEGIN, END, text(results, source))
        except MarkerError as problem:
            raise MarkerError(f"{each}: {problem}") from problem
    for each, written in changed.items():
        each.write_text(written, encoding="utf-8")
    return list(changed)


def write_summary(results: Results, folder: Path) -> Path:
    """Writes ``summary.md`` into the folder of the results."""
    file = folder / SUMMARY
    title = f"# Load test, {str(results.environment.get('date', 'undated'))[:10]}"
    file.write_text(f"{title}\n\n{whole(results, _shown(file))}\n", encoding="utf-8")
    return file


def _published(results: Results, scenario: ScenarioRecord) -> str | None:
    found = published.table(results, scenario)
    if found is None:
        return None
    lines = [_cells(found.columns), f"|---|{'---:|' * (len(found.columns) - 1)}"]
    lines += [_cells(line.cells) for line in found.lines]
    return f"### {found.title}\n\n{scenario.title}.\n\n{chr(10).join(lines)}\n\n{found.note}"


def _latencies(results: Results, scenario: ScenarioRecord) -> str | None:
    """Percentiles at the rates that all were offered."""
    labels = {subject.name: subject.label for subject in results.subjects}
    rows = [
        row
        for row in summary.rows(results)
        if (row.scenario, row.call) == (scenario.name, "call")
        and row.load.mode in (Mode.PACED, Mode.OPEN)
        and row.load.fraction is None
        and row.setting is not Setting.SHARED
    ]
    if not rows:
        return None
    lines = [_cells(("calls/s offered", "server", "p50, ms", "p99, ms", "p99.9, ms")), "|---:|---|---:|---:|---:|"]
    for row in sorted(rows, key=lambda row: row.load.rate or 0.0):
        figures = [wording.median(row.latency(percent), _MS) for percent in (50, 99, 99.9)]
        if row.invalid:
            figures = [row.invalid[0], wording.NOTHING, wording.NOTHING]
        lines.append(_cells((wording.number(row.load.rate or 0), labels[row.subject], *figures)))
    return (
        f"### How long a call takes at a given rate\n\n{scenario.title}. Calls are started by a clock, and time runs from when each "
        f"was due; medians over the rounds; {wording.NOTHING} where the load generator's own delay counts or calls are too few."
        f"\n\n{chr(10).join(lines)}"
    )


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _line(
    results: Results, scenario: ScenarioRecord, labels: Mapping[str, str], roles: Mapping[str, str]
) -> str | None:
    rows = [row for row in summary.rows(results) if row.scenario == scenario.name]
    held = {row.subject: row for row in summary.comparable(rows)}
    if "rust" not in held or "python" not in held:
        return None
    peers = [row for name, row in held.items() if roles.get(name) == "peer" and row.server_cpu is not None]
    best = min(peers, key=lambda row: row.server_cpu.median if row.server_cpu else 0.0, default=None)
    return _cells(
        (
            scenario.title,
            _cpu(held["rust"]),
            _cpu(held["python"]),
            wording.NOTHING if best is None else f"{_cpu(best)} ({labels[best.subject]})",
            _cpu(held.get("sklearn")),
            " / ".join(_throughput(held.get(name)) for name in ("rust", "python", "sklearn")),
        )
    )


def _cpu(row: Row | None) -> str:
    return wording.NOTHING if row is None else wording.median(row.server_cpu)


def _throughput(row: Row | None) -> str:
    if row is None:
        return wording.NOTHING
    if row.requests_per_second is not None:
        return wording.median(row.requests_per_second)
    if not row.working:
        return "invalid"
    return f"({wording.median(Spread.of(point.requests_per_second for point in row.working))})"


def _origin(results: Results, source: str) -> Iterator[str]:
    environment = results.environment
    machine = environment.get("machine") or {}
    yield f"{machine.get('processor') or 'Unknown processor'}, {machine.get('cores') or 'unknown number of'} cores;"
    commit = str(environment.get("commit") or "unknown")[:12]
    changed = " with uncommitted changes" if environment.get("uncommitted_changes") else ""
    yield f"{str(environment.get('date', 'undated'))[:10]}, commit {commit}{changed};"
    yield f"`{shlex.join(results.command)}`; raw data and report: `{source}`."


def _shown(file: Path) -> str:
    """The results' folder as seen from the repository."""
    folder = file.resolve().parent
    return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else folder.name
