"""``python -m loadtest.transport``: measures both servers against the ceilings of their transports, prints the ratios."""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from ferrule_client import FerruleError, messages
from rich.console import Console
from rich.table import Table

from loadtest import answers, environment, servers
from loadtest.interruption import stop_on_termination
from loadtest.scenario import ModelSpec, RequestSpec

from . import h2load, rounds, subjects, targets
from .h2load import Load
from .targets import Figures

_RESULTS = servers.ROOT / "loadtest" / "results"
_MODEL = ModelSpec(algorithm="k_means", n_clusters=100, columns=2, training_rows=10_000, seed=0)
_LOADS = (Load(4, 16), Load(16, 4))


def main() -> int:
    """The command; its exit status."""
    arguments = _arguments()
    console = Console()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        console.print("Needs two cores: one for the server, one for the load.", style="red")
        return 1
    try:
        program = h2load.find(tuple(cores[1:]))
        with stop_on_termination(), tempfile.TemporaryDirectory(prefix="ferrule-transport-") as folder:
            question = _question(Path(folder))
            chosen = [each for each in subjects.all_of(question) if not arguments.only or each.name in arguments.only]
            plan = rounds.Plan(_LOADS, arguments.rounds, arguments.seconds)
            bench = rounds.Bench(program, core=cores[0], logs=Path(folder), progress=console.print)
            figures = bench.measure(chosen, plan)
    except (OSError, servers.ServerError, h2load.H2loadError, FerruleError, RuntimeError) as problem:
        console.print(str(problem), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    console.print()
    console.print(_subjects_table(chosen, figures))
    console.print(_targets_table(figures))
    written = _RESULTS / f"transport-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    written.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "environment": environment.describe({"h2load": program.version}),
        "rounds": rounds.as_json(figures),
        "commands": {subject.name: subject.command for subject in chosen},
    }
    written.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {written}")
    return 0


def _question(folder: Path) -> subjects.Question:
    """Publishes the model; the right answer is scikit-learn's."""
    models = folder / "models"
    with servers.running("rust", models, log=folder / "publish.log") as server:
        subject = answers.publish(server.address, _MODEL, "subject")
        agreement = answers.compare(server.address, subject)
        if not agreement.complete:
            raise RuntimeError(f"answers differ from scikit-learn's: {agreement}")
        request = answers.request_bytes(subject, RequestSpec(rows=1, outputs=("labels",)))
    response = messages.PredictResponse(model=subject.name, version=subject.version)
    response.prediction.labels.integers.values.append(int(subject.labels[0]))
    centers = folder / "centers.npy"
    np.save(centers, _centers(models / "subject" / str(subject.version) / "model.safetensors"))
    return subjects.Question(request, response.SerializeToString(), models, centers)


def _centers(file: Path) -> np.ndarray:
    whole = file.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    entry = json.loads(whole[8 : 8 + length])["cluster_centers"]
    start, end = entry["data_offsets"]
    return np.frombuffer(whole[8 + length + start : 8 + length + end], "<f8").reshape(entry["shape"])


def _subjects_table(chosen: list[subjects.Subject], figures: Mapping[Load, list[dict[str, Figures]]]) -> Table:
    table = Table(title="One row in, one label out; one core for the server", box=None)
    table.add_column("server")
    for load in figures:
        table.add_column(f"{load} req/s", justify="right")
        table.add_column(f"{load} CPU µs", justify="right")
    for subject in chosen:
        cells = []
        for measured in figures.values():
            cells.append(f"{statistics.median(each[subject.name].requests_per_second for each in measured):,.0f}")
            cells.append(f"{statistics.median(each[subject.name].cpu_us for each in measured):.1f}")
        table.add_row(subject.title, *cells)
    return table


def _targets_table(figures: Mapping[Load, list[dict[str, Figures]]]) -> Table:
    table = Table(title="Ratios: median (smallest-largest) of the rounds", box=None)
    for column in ("ratio", "load", "measured", "target", ""):
        table.add_column(column)
    for target in targets.SMALL:
        for load, measured in figures.items():
            if not {target.above, target.below} <= set(measured[0]):
                continue
            median, least, most = target.ratio(measured)
            bound = f"{'≥' if target.at_least else '≤'} {target.bound:g}"
            verdict = "met" if target.met(median) else "[red]missed[/]"
            table.add_row(target.title, str(load), f"{median:.2f} ({least:.2f}-{most:.2f})", bound, verdict)
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.transport", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each server and load")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each measured run")
    parser.add_argument("--only", action="append", default=[], help="only this subject (may be given again)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
