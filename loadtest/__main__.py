"""``python -m loadtest SCENARIO``: runs a scenario against both servers, prints a table, writes a JSON file."""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from ferrule_client import FerruleError
from rich.console import Console

from . import answers, environment, ghz, report, rounds, scenario, servers
from .interruption import stop_on_termination

_RESULTS = servers.ROOT / "loadtest" / "results"


def main() -> int:
    """The command; its exit status."""
    arguments = _arguments()
    console = Console()
    program = ghz.find()
    if program is None:
        console.print("The load test needs ghz: install Go and run `make ghz`, or put ghz on PATH.", style="red")
        return 1
    try:
        chosen = _adjusted(scenario.read(arguments.scenario), arguments)
        return _compare(chosen, program, arguments, console)
    except (OSError, scenario.ScenarioError, servers.ServerError, ghz.GhzError, FerruleError) as problem:
        console.print(str(problem), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 130


def _compare(chosen: scenario.Scenario, program: ghz.Ghz, arguments: argparse.Namespace, console: Console) -> int:
    with stop_on_termination(), tempfile.TemporaryDirectory(prefix="ferrule-loadtest-") as folder, ExitStack() as stack:
        models = Path(folder, "models")
        running = [
            stack.enter_context(servers.running(name, models, log=Path(folder, f"{name}.log")))
            for name in arguments.server
        ]
        console.print(
            f"ghz {program.version}; " + ", ".join(f"{server.name} at {server.address}" for server in running)
        )
        subject = answers.publish(running[0].address, chosen.model, "subject")
        agreements = {server.name: answers.compare(server.address, subject) for server in running}
        results = rounds.measure(
            program, running, answers.request_bytes(subject, chosen.request), chosen.load, console.print
        )
        commands = {server.name: server.command for server in running}
    console.print()
    console.print(report.table(chosen, results, agreements))
    for remark in report.remarks(results, os.cpu_count()):
        console.print(remark, markup=False)
    written = _write(
        arguments.results,
        chosen,
        report.document(chosen, results, agreements, commands, environment.describe({"ghz": program.version})),
    )
    console.print(f"written to {written}")
    wrong = [name for name, agreement in agreements.items() if not agreement.complete]
    if wrong:
        console.print(f"answers differ from scikit-learn's: {', '.join(wrong)}", style="red")
    return 1 if wrong else 0


def _adjusted(chosen: scenario.Scenario, arguments: argparse.Namespace) -> scenario.Scenario:
    """The scenario with the length and the rounds of the command line, checked again."""
    changes = {"rounds": arguments.rounds, "duration_seconds": arguments.seconds}
    given = {key: value for key, value in changes.items() if value is not None}
    changed = dataclasses.replace(chosen, load=dataclasses.replace(chosen.load, **given))
    scenario.check(changed)
    return changed


def _write(folder: Path, chosen: scenario.Scenario, document: dict[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{chosen.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    parser.add_argument("scenario", type=Path, help="a file of loadtest/scenarios")
    parser.add_argument("--rounds", type=int, help="measured runs of each server instead of the scenario's")
    parser.add_argument("--seconds", type=float, help="length of each measured run instead of the scenario's")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="folder of the JSON file")
    parser.add_argument(
        "--server", action="append", choices=sorted(servers.COMMANDS), help="only this server (may be given twice)"
    )
    arguments = parser.parse_args()
    arguments.server = sorted(set(arguments.server or servers.COMMANDS))
    return arguments


if __name__ == "__main__":
    sys.exit(main())
