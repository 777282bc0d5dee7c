"""``python -m demo``: trains on real data over gRPC, asks both servers, prints a comparison."""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from ferrule_client import FerruleError
from rich.console import Console
from rich.progress import Progress

from loadtest import ghz, servers
from loadtest.ghz import Ghz
from loadtest.servers import Server
from measuring.interruption import stop_on_termination

from . import serving
from .cases import cases
from .serving import Answered, Trained
from .table import Loads, table


def main() -> int:
    """The command; its exit status."""
    console = Console()
    try:
        with stop_on_termination(), tempfile.TemporaryDirectory(prefix="ferrule-demo-") as folder:
            return _demonstrate(Path(folder), console)
    except (servers.ServerError, ghz.GhzError, FerruleError) as problem:
        console.print(str(problem), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 130


def _demonstrate(folder: Path, console: Console) -> int:
    program = ghz.find()
    console.print("Starting both servers on one model repository")
    with ExitStack() as stack:
        running = [
            stack.enter_context(servers.running(name, folder / "models", log=folder / f"{name}.log"))
            for name in servers.COMMANDS
        ]
        for server in running:
            console.print(f"  {server.name:<7} {server.address}", highlight=False)
        trained = _train(running, console)
        answers = [serving.ask(server, model) for model in trained for server in running]
        loads = None if program is None else _load(program, running, trained, console)
    console.print("Both servers stopped\n")

    console.print(table(answers, loads))
    console.print()
    console.print(
        "score     accuracy; for K-Means the adjusted Rand index against the classes (1 perfect, 0 chance)\n"
        "sklearn   held-out rows with the label that scikit-learn gives, fitted to the same rows",
        highlight=False,
        soft_wrap=True,
    )
    if loads is None:
        console.print("No load figures: neither ghz nor Go is on PATH. With Go, `make demo` installs ghz by itself.")
    else:
        console.print(
            "req/s     a moment of ghz, one row a request, on the cores that the servers run on; ghz itself is the limit\n"
            "          of the Rust server. `make loadtest` measures properly.",
            highlight=False,
            soft_wrap=True,
        )
    return _verdict(answers, loads, console)


def _train(running: list[Server], console: Console) -> list[Trained]:
    console.print("Training on real data by FitPredict, through each server in turn")
    trained = []
    for number, case in enumerate(cases()):
        # Three cases each: every model is served by the server that trained it and by the other.
        server = running[(number + number // 2) % len(running)]
        started = time.monotonic()
        model = serving.train(server, case)
        took = (time.monotonic() - started) * 1000
        rows, columns = case.dataset.training.shape
        console.print(
            f"  {case.model}: {rows} rows × {columns} columns, {model.iterations} iterations, {took:.0f} ms, "
            f"by the {server.name} server",
            highlight=False,
            soft_wrap=True,
        )
        trained.append(model)
    return trained


def _load(program: Ghz, running: list[Server], trained: list[Trained], console: Console) -> Loads:
    pairs = [(model, server) for model in trained for server in running]
    description = f"Loading each model on each server with ghz {program.version}"
    with Progress(console=console) as progress:
        return {
            (model.case.model, server.name): serving.load(program, server, model)
            for model, server in progress.track(pairs, description=description)
        }


def _verdict(answers: list[Answered], loads: Loads | None, console: Console) -> int:
    problems = list(serving.differing(answers))
    problems += [
        f"{model} on {server}: {sum(figures.errors.values())} calls failed"
        for (model, server), figures in (loads or {}).items()
        if figures.errors
    ]
    for problem in problems:
        console.print(problem, style="red", markup=False)
    if not problems:
        console.print("Both servers gave the same labels for every row.", style="green")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
