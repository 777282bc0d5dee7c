"""``python -m loadtest.transport``: measures both servers against the ceilings of their transports, prints the ratios."""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from ferrule_client import FerruleError
from rich.console import Console

from loadtest import environment, h2load, servers
from loadtest.interruption import stop_on_termination

from . import cases, footprint, report, rounds

#: What answers, rather than echoes.
_WHOLE_SERVERS = ("rust", "python", "usual")
_RESULTS = servers.ROOT / "loadtest" / "results"


def main() -> int:
    """The command; its exit status."""
    arguments = _arguments()
    console = Console()
    cores = tuple(sorted(os.sched_getaffinity(0)))
    if len(cores) < 2:
        console.print("Needs two cores: one for the server, one for the load.", style="red")
        return 1
    failures = (OSError, servers.ServerError, h2load.H2loadError, rounds.MeasurementError, FerruleError)
    try:
        program = h2load.find()
        with stop_on_termination(), tempfile.TemporaryDirectory(prefix="ferrule-transport-") as folder:
            bench = rounds.Bench(
                program, cores, arguments.rounds, arguments.seconds, logs=Path(folder), progress=console.print
            )
            chosen = cases.all_of(Path(folder))
            whole: dict[str, object] = {"cases": [_measured(bench, case, console) for case in chosen]}
            small = [subject for subject in chosen[0].subjects if subject.name in _WHOLE_SERVERS]
            titles = {subject.name: subject.title for subject in small}
            console.print("latency")
            latencies = bench.latencies(small)
            console.print(report.latency_table(latencies, titles))
            footprints = [footprint.measure(subject, cores, Path(folder)) for subject in small]
            console.print(report.footprint_table(footprints, titles))
            whole["latencies"] = [dataclasses.asdict(each) for each in latencies]
            whole["footprints"] = [dataclasses.asdict(each) for each in footprints]
    except (*failures, subprocess.CalledProcessError) as problem:
        console.print(str(problem), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    arguments.results.mkdir(parents=True, exist_ok=True)
    written = arguments.results / f"transport-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    whole["environment"] = environment.describe({"h2load": program.version})
    whole["command"] = ["python", "-m", "loadtest.transport", *sys.argv[1:]]
    written.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"written to {written}", soft_wrap=True)
    return 0


def _measured(bench: rounds.Bench, case: cases.Case, console: Console) -> dict[str, object]:
    console.print(case.title)
    figures = bench.measure(case)
    console.print()
    console.print(report.figures_table(case, figures))
    console.print()
    console.print(report.targets_table(case, figures))
    console.print()
    return report.document(case, figures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.transport", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each server and load")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each measured run")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="folder of the JSON file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
