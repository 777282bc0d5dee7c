"""``python -m rust_core.benchmarks.document RESULTS.json …``: writes the tables of docs/benchmarks.md from results.

Each file that ``make bench-core`` wrote brings its works; where several have the same work, the last named counts. What
stands between the markers is replaced, the rest of the page is for people. The pictures are drawn into the folder
``benchmarks`` beside the page, where the results that are quoted belong too.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring.document import filled

from . import growth, plots
from .environments import ROOT
from .judgement import judge
from .peers import OURS
from .report import (
    LATENCY_COLUMNS,
    ROOFLINE_COLUMNS,
    duration,
    latency_cells,
    read_document,
    roofline_cells,
    settings_text,
    summary_cells,
)
from .roofline import Ceilings
from .rounds import Outcome

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin: core -->", "<!-- end: core -->"


@dataclass(frozen=True)
class Run:
    """One results file."""

    name: str
    environment: Mapping[str, Any]
    ceilings: Ceilings | None
    outcomes: Sequence[Outcome]


def read(file: Path) -> Run:
    """Reads a results file."""
    whole = json.loads(file.read_text(encoding="utf-8"))
    ceilings = None if whole["ceilings"] is None else Ceilings(**whole["ceilings"])
    outcomes = [read_document(work) for work in whole["works"]]
    return Run(os.path.relpath(file, PAGE.parent), whole["environment"], ceilings, outcomes)


def newest(runs: Sequence[Run]) -> dict[str, tuple[Run, Outcome]]:
    """Each work's last outcome, and the run that it is from, by the work's name."""
    return {outcome.work.name: (run, outcome) for run in runs for outcome in run.outcomes}


def section(runs: Sequence[Run], pictures: Sequence[str] = ()) -> str:
    """What stands between the markers; ``pictures`` are addresses relative to the page."""
    tabled = {name: both for name, both in newest(runs).items() if both[1].work.series is None}
    shown = {Path(picture).stem: f"![{Path(picture).stem}]({picture})" for picture in pictures}
    parts = [_provenance(runs), *(shown[name] for name in shown if name.endswith("-ratios"))]
    for algorithm, title in (("kmeans", "K-Means"), ("logistic", "Logistic regression")):
        chosen = [outcome for _, outcome in tabled.values() if outcome.work.name.startswith(algorithm)]
        if chosen:
            heading = ("work", "Ferrule", "best peer", "its time", "ratio (range)", "target", "")
            parts += [f"### {title}", _table(heading, [summary_cells(outcome) for outcome in chosen])]
    for _, outcome in tabled.values():
        if served := latency_cells(outcome):
            parts += [
                "### Served",
                "The work served over gRPC: the same request to each server, one call after the other on one connection.",
                _table(LATENCY_COLUMNS, served),
            ]
    cells = [
        missed
        for run, outcome in tabled.values()
        if run.ceilings is not None and (missed := roofline_cells(outcome, run.ceilings)) is not None
    ]
    if cells:
        parts += ["### Where a target is missed: what the machine allows", _table(ROOFLINE_COLUMNS, cells)]
    grown = growth.series([outcome for _, outcome in newest(runs).values()])
    if grown:
        pictured = [shown[name] for name in shown if not name.endswith("-ratios")]
        parts += ["### Time against size", _GROWTH, *pictured, _table(_SERIES, list(_growth_rows(grown)))]
    subjects = _table(_SUBJECTS, [row for _, outcome in tabled.values() for row in _rows(outcome)])
    parts += [
        "### Every subject",
        f"<details><summary>Each one's times, settings and answer</summary>\n\n{subjects}\n\n</details>",
    ]
    return "\n\n".join(parts)


_GROWTH = """One variable at a time, the others as the titles of the works in the results file say; the dotted line is growth in
proportion. A slope is the exponent between two neighbouring sizes: 1 is in proportion, 0 does not grow."""
_SERIES = ("series", "from", "time", "to", "time", "slope from end to end", "greatest slope between neighbours")


def _growth_rows(grown: Mapping[str, Sequence[tuple[float, float]]]) -> Iterator[list[str]]:
    for name, points in grown.items():
        (least, first), (most, last) = points[0], points[-1]
        slopes = growth.exponents(points)
        whole = growth.exponents([points[0], points[-1]])[0]
        cells = (f"{least:,g}", duration(first), f"{most:,g}", duration(last), f"{whole:.2f}", f"{max(slopes):.2f}")
        yield [name, *cells]


_SUBJECTS = ("work", "subject", "median", "least", "most", "settings", "answer")


def _rows(outcome: Outcome) -> list[list[str]]:
    seconds = judge(outcome).seconds
    rows = []
    for each in outcome.measured:
        spread = seconds[each.peer]
        quoted = each.peer != OURS.name and not outcome.work.counts(each.peer)
        name = f"{each.peer} (quoted)" if quoted else each.peer
        words = each.words if each.right else f"left out: {each.words}"
        times = [duration(value) for value in (spread.median, spread.least, spread.most)]
        rows.append([outcome.work.name, name, *times, settings_text(each.settings), words])
    rows += [[outcome.work.name, name, "", "", "", "", f"missing: {why}"] for name, why in outcome.missing.items()]
    return rows


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _provenance(runs: Sequence[Run]) -> str:
    lines = []
    for run in runs:
        where = run.environment
        machine, versions = where["machine"], where["versions"]
        loads = [load for outcome in run.outcomes for load in outcome.load_average]
        peers = {
            f"{name} {version}"
            for outcome in run.outcomes
            for each in outcome.measured
            for name, version in each.versions.items()
            if name != "ferrule"
        }
        changed = " with uncommitted changes" if where["uncommitted_changes"] else ""
        ceilings = "" if run.ceilings is None else f" {_ceilings(run.ceilings)}"
        lines.append(
            f"- [{run.name}]({run.name}): {where['date']}, commit {str(where['commit'])[:12]}{changed}; "
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB; "
            f"load average {min(loads, default=0):.1f} to {max(loads, default=0):.1f}; Python {versions['python']}, "
            f"{versions['rust']}; {', '.join(sorted(peers))}.{ceilings} Command: `{' '.join(where['command'])}`"
        )
    return "\n".join(["Runs:", "", *lines])


def _ceilings(ceilings: Ceilings) -> str:
    flops = ", ".join(f"{value / 1e9:.0f} GFLOP/s in {dtype}" for dtype, value in ceilings.flops.items())
    reading = (
        f"{ceilings.cache_bytes / 1e9:.0f} GB/s from the last cache, {ceilings.memory_bytes / 1e9:.0f} from memory"
    )
    return f"Ceilings on {ceilings.threads} threads: {flops}; {reading}."


def replaced(page: str, between: str) -> str:
    """The page with another text between the markers. Raises MarkerError when it lacks them."""
    return filled(page, BEGIN, END, between)


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="JSON files of make bench-core")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page (default docs/benchmarks.md)")
    arguments = parser.parse_args()
    runs = [read(file) for file in arguments.results]
    beside = arguments.page.parent / "benchmarks"
    beside.mkdir(exist_ok=True)
    drawn = plots.draw([outcome for _, outcome in newest(runs).values()], beside / "core")
    pictures = [f"benchmarks/{file.name}" for file in drawn if file.suffix == ".svg"]
    page = arguments.page.read_text(encoding="utf-8")
    arguments.page.write_text(replaced(page, section(runs, pictures)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
