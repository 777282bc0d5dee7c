"""``python -m loadtest.transport``: measures both servers against the ceilings of their transports, prints the ratios."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ferrule_client import FerruleError
from rich.console import Console

from loadtest import servers
from loadtest.locations import unplaced
from measuring import provenance
from measuring.interruption import stop_on_termination

from . import balance, cases, counts, footprint, h2load, in_process, latency, report, rounds, targets
from .cases import Case
from .counts import Counted
from .rounds import Bench
from .subjects import Question, Subject, echoes, others, ours

_RESULTS = servers.ROOT / "loadtest" / "results"
_FAILURES = (
    OSError,
    servers.ServerError,
    h2load.H2loadError,
    rounds.MeasurementError,
    counts.CountError,
    FerruleError,
    subprocess.CalledProcessError,
)


#: The part that is measured only when it is named.
BEFORE = "before"


class Programme:
    """The parts of the measurement. Each yields its record, as plain JSON values: whole, or ever more complete."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._bench = bench
        self._folder = folder
        self.parts: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
            "small": lambda: rounds.measure(bench, cases.small(self._small)),
            "large": lambda: rounds.measure(bench, cases.large(self._large)),
            "workers": lambda: self._case(cases.workers),
            "deadlines": lambda: self._case(cases.deadlines),
            "latency": lambda: iter([latency.measure(bench, self._servers)]),
            "in-process": lambda: iter([in_process.measure(bench, self._small)]),
            "footprint": lambda: iter([footprint.measure(bench, self._servers)]),
            "balance": lambda: iter([balance.measure(bench, self._small)]),
            "counts": lambda: counts.measure(bench, self._counted),
            # The same, kept as what later counts are held against.
            BEFORE: lambda: counts.measure(bench, self._counted),
        }

    def _case(self, case: Callable[[Question], Case]) -> Iterator[dict[str, Any]]:
        return rounds.measure(self._bench, case(self._small))

    @cached_property
    def _small(self) -> Question:
        return cases.small_question(self._folder)

    @cached_property
    def _large(self) -> Question:
        return cases.large_question(self._folder)

    @cached_property
    def _by_name(self) -> dict[str, Subject]:
        small = self._small
        both = ours(small, "rust", "Ferrule, Rust server"), ours(small, "python", "Ferrule, Python server")
        return {each.name: each for each in (*both, *echoes(small), *others(small))}

    @property
    def _servers(self) -> list[Subject]:
        return [self._by_name[name] for name in ("rust", "python", "usual")]

    @property
    def _counted(self) -> list[Counted]:
        named, small = self._by_name, self._small
        plain = ours(small, "rust-plain", "Ferrule, Rust server on the system's allocator")
        endless = ours(small, "rust", "Ferrule, Rust server, no deadlines", name="rust-endless", deadline=False)
        return [
            Counted(named["rust"], 500, 5_500, plain),
            Counted(endless, 500, 5_500, None, instructions_only=True),
            Counted(named["loop-echo"], 500, 5_500, None),
            Counted(named["tonic-echo"], 500, 5_500, None),
            Counted(named["python"], 100, 600, named["python"]),
            Counted(named["grpcio-echo"], 100, 600, named["grpcio-echo"]),
        ]


def main() -> int:
    """The command; its exit status."""
    arguments = _arguments()
    console = Console()
    cores = tuple(sorted(os.sched_getaffinity(0)))
    if len(cores) < 2:
        console.print("Needs two cores: one for the server, one for the load.", style="red")
        return 1
    arguments.results.mkdir(parents=True, exist_ok=True)
    file = arguments.keep or arguments.results / f"transport-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    began, status = time.monotonic(), 0
    with stop_on_termination(), tempfile.TemporaryDirectory(prefix="ferrule-transport-") as folder:
        try:
            program = h2load.find()
            bench = Bench(
                program,
                cores,
                arguments.rounds,
                max(arguments.rounds, arguments.most_rounds),
                arguments.seconds,
                logs=Path(folder),
                progress=lambda next_: console.print(f"  {next_}", style="dim", markup=False),
            )
            parts = Programme(bench, Path(folder)).parts
            # Before the first part is kept, which may itself change a file of the project.
            described = provenance.describe({"h2load": program.version})
            chosen = arguments.only or [name for name in parts if name != BEFORE]
            for number, name in enumerate(chosen, start=1):
                took = time.monotonic() - began
                console.print(f"{name}: part {number} of {len(chosen)}, {took:.0f} s so far")
                _measured(name, parts[name](), file, described, console)
        except _FAILURES as problem:
            console.print(str(problem), style="red", markup=False)
            status = 1
        except KeyboardInterrupt:
            console.print("stopped")
            status = 130
    if file.exists():
        console.print(f"written to {file}", soft_wrap=True)
    return status


def _measured(
    name: str, part: Iterator[dict[str, Any]], file: Path, described: Mapping[str, Any], console: Console
) -> None:
    """Measures one part and keeps it; what there is of it when it is stopped."""
    record: dict[str, Any] | None = None
    try:
        for latest in part:
            record = latest
    except BaseException:
        if record is not None:
            record["interrupted"] = True
        raise
    finally:
        if record is not None:
            keep(file, name, record | {"environment": described})
            for table in report.TABLES[name](record):
                console.print(table.for_terminal())
                console.print()


def keep(file: Path, name: str, record: dict[str, Any]) -> None:
    """Writes a part to the file, in the place of an earlier one of its name; the others stay."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"parts": {}}
    kept["parts"][name] = record
    beside = file.with_suffix(".new")
    beside.write_text(unplaced(json.dumps(kept, indent=1, ensure_ascii=False)) + "\n", encoding="utf-8")
    beside.replace(file)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.transport", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=list(report.TABLES), metavar="PART", help=f"parts: {', '.join(report.TABLES)}"
    )
    parser.add_argument("--rounds", type=_rounds, default=15, help="measured runs of each server and load, at least")
    parser.add_argument("--most-rounds", type=int, default=21, help="at most, while the spread leaves a verdict open")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of each measured run")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="folder of the JSON file")
    parser.add_argument(
        "--keep", type=Path, help="JSON file that takes the parts instead, in the place of earlier ones"
    )
    return parser.parse_args()


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < 1:
        raise argparse.ArgumentTypeError("expected at least 1")
    if rounds < targets.LEAST_ROUNDS:
        sys.stderr.write(f"{rounds} rounds give no 90% interval: at least {targets.LEAST_ROUNDS} do\n")
    return rounds


if __name__ == "__main__":
    sys.exit(main())
