"""``python -m loadtest``: runs scenarios against servers, prints a summary, writes the results as JSON."""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ferrule_client import FerruleError
from rich.console import Console

from measuring import provenance
from measuring.interruption import stop_on_termination

from . import command_line, ghz, pacer, plan, scenario, selection, servers, terminal
from .command_line import Arguments
from .plan import Plan
from .record import Record
from .results import Results
from .runner import Runner, Tools
from .transport import h2load

#: In the folder of a run.
FILE = "results.json"
#: Columns, where the output is no terminal.
_WIDTH = 110


def main() -> int:
    """The command; its exit status: 0 also when rows are invalid, 1 when answers were wrong, 130 when it was stopped."""
    arguments = command_line.read()
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    try:
        if arguments.list:
            console.print(terminal.scenarios_table(selection.scenarios(arguments)))
            return 0
        return _run(arguments, console)
    except (OSError, scenario.ScenarioError, servers.ServerError, ghz.GhzError, FerruleError) as problem:
        console.print(str(problem), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped before anything was measured")
        return 130


def _run(arguments: Arguments, console: Console) -> int:
    record = Record()
    chosen = selection.scenarios(arguments)
    subjects = selection.subjects(arguments, chosen, record, console.print)
    made = plan.make(chosen, subjects, selection.settings(arguments), selection.choice(arguments))
    record.notes += made.notes
    console.print(terminal.plan_table(made))
    for note in record.notes:
        console.print(note, markup=False, highlight=False)
    if arguments.plan:
        return 0
    tools = _tools(console)
    if tools is None:
        return 1
    if arguments.target is not None:
        servers.check(arguments.target)
    # Before the folder is there, which is a change that git sees when the run is to be kept.
    described = provenance.describe(tools.versions)
    arguments.results.mkdir(parents=True, exist_ok=True)
    file = arguments.results / FILE

    def keep(*, complete: bool) -> None:
        _results(made, described, record, complete=complete).write(file)

    complete = _measure(made, tools, record, arguments, console, keep=keep)
    keep(complete=complete)
    # As it was written: without places of this machine.
    results = Results.read(file)
    console.print()
    terminal.show(results, console)
    # Imported here: its charts take a second to import, and most commands end before.
    from . import report

    page = report.write(results, arguments.results)
    report.write_summary(results, arguments.results)
    console.print(f"written to {file} and {page}", soft_wrap=True, highlight=False)
    if not complete:
        return 130
    return 1 if any(each.wrong for each in record.answers) else 0


def _measure(
    made: Plan,
    tools: Tools,
    record: Record,
    arguments: Arguments,
    console: Console,
    *,
    keep: Callable[..., None],
) -> bool:
    """Whether all was measured; false when it was stopped. ``keep`` is called when there is more to lose."""
    with (
        stop_on_termination(),
        tempfile.TemporaryDirectory(prefix="ferrule-loadtest-") as folder,
        terminal.Bar(console, made.seconds) as bar,
    ):
        runner = Runner(tools, record, bar, folder=Path(folder), target=arguments.target)
        complete = True
        try:
            for part in made.parts:
                try:
                    runner.run(part)
                except (FerruleError, servers.ServerError) as problem:
                    record.notes.append(f"{part.scenario.name}, {part.setting.value}: given up: {problem}")
                    complete = False
                keep(complete=False)
        except KeyboardInterrupt:
            return False
        except BaseException:
            keep(complete=False)
            raise
    return complete


def _results(made: Plan, described: Mapping[str, object], record: Record, *, complete: bool) -> Results:
    return Results(
        environment=described,
        command=("python", "-m", "loadtest", *sys.argv[1:]),
        plan=made.document(),
        subjects=selection.with_commands(record),
        scenarios=record.scenarios,
        starts=record.starts,
        points=record.points,
        answers=record.answers,
        notes=record.notes,
        complete=complete,
    )


def _tools(console: Console) -> Tools | None:
    program = ghz.find()
    if program is None:
        console.print("The load test needs ghz: install Go and run `make ghz`, or put ghz on PATH.", style="red")
        return None
    pinned = "" if program.version == ghz.PINNED_VERSION else f" (tested with {ghz.PINNED_VERSION})"
    try:
        beside = h2load.find()
    except h2load.H2loadError as problem:
        beside = None
        console.print(f"No ceilings: {problem}", markup=False)
    if not pacer.available():
        console.print("No pacer: ghz alone offers rates; `make loadtest` builds it.", markup=False)
    version = "" if beside is None else f", {beside.version}"
    console.print(f"ghz {program.version}{pinned}{version}", highlight=False)
    return Tools(program, beside)


if __name__ == "__main__":
    sys.exit(main())
