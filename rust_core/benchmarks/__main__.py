"""``make bench-core`` (``python -m rust_core.benchmarks``): Ferrule's core beside scikit-learn, scikit-learn-intelex, faiss
and linfa, on the same data, in interleaved rounds, with the answers checked.

Peers that are missing are installed on demand into environments of their own below the cache folder
(FERRULE_BENCH_CACHE, else ~/.cache/ferrule-bench-core); one that can't be had is left out and named. Ctrl-C keeps what was
measured. What the machine does otherwise shows in the figures: leave it alone, and look at the load average.
"""

import argparse
import dataclasses
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from measuring import provenance
from measuring.interruption import stop_on_termination

from . import growth, report, roofline, serving, works
from .environments import HERE, Environments, MissingPeerError
from .judgement import Verdict, judge
from .rounds import Bench, Outcome, Pace
from .subjects import SubjectError

_RESULTS = HERE / "results"
_EXAMPLES = """examples:
  make bench-core ARGS="--list"                                what there is
  make bench-core ARGS="--only kmeans/fit-1m-2"                works whose name has this in it
  make bench-core ARGS="--only 'logistic/*/float32' --quick"   a first look: 2 short rounds
  make bench-core ARGS="--growth --only k"                     time against size, one variable at a time
  make bench-core ARGS="--ours"                                no peers: our own times only
  python -m rust_core.benchmarks.document RESULTS.json …       the tables of docs/benchmarks.md from results
"""


def main() -> int:
    """The command; its exit status: 0 when every target that was measured is met, 1 otherwise, 130 after Ctrl-C."""
    arguments = _arguments()
    console = Console()
    if not console.is_terminal:
        # A log has no width of its own.
        console = Console(width=180)
    offered = growth.all_works() if arguments.growth else [*works.all_works(), *serving.all_works()]
    chosen = works.chosen(offered, arguments.only)
    if arguments.list:
        for work in chosen:
            console.print(f"{work.name:44} {work.title} {report.target_text(work)}", markup=False, highlight=False)
        return 0
    if not chosen:
        console.print("nothing has such a name; --list shows what there is", style="red")
        return 2
    pace = Pace(rounds=2, seconds=0.05) if arguments.quick else Pace()
    pace = dataclasses.replace(pace, rounds=arguments.rounds or pace.rounds)
    outcomes: list[Outcome] = []
    environments = Environments(console.print)
    interrupted, ceilings = False, None
    try:
        with stop_on_termination():
            ceilings = _ceilings(environments, console)
            _measure(chosen, pace, environments, console, outcomes, only_ours=arguments.ours)
            # Before and after: other work on the machine lowers what is reached.
            if ceilings is not None and (again := _ceilings(environments, console)) is not None:
                ceilings = roofline.better(ceilings, again)
    except KeyboardInterrupt:
        interrupted = True
        console.print("stopped; what was measured is kept")
    outcomes = [outcome for outcome in outcomes if outcome.measured and outcome.measured[0].timings]
    if not outcomes:
        console.print("nothing was measured", style="red")
        return 130 if interrupted else 1
    _conclude(outcomes, ceilings, console, arguments)
    if interrupted:
        return 130
    failed = {Verdict.MISSED, Verdict.INVALID}
    return 1 if len(outcomes) < len(chosen) or any(judge(outcome).verdict in failed for outcome in outcomes) else 0


def _measure(
    chosen: list[works.Work],
    pace: Pace,
    environments: Environments,
    console: Console,
    outcomes: list[Outcome],
    *,
    only_ours: bool,
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(chosen))
        for work in chosen:

            def say(what: str, name: str = work.name) -> None:
                progress.update(task, description=f"{name}: {what}")

            outcome = Outcome(work)
            outcomes.append(outcome)
            try:
                if work.task == serving.TASK:
                    serving.measure(work, outcome, pace, say, only_ours=only_ours)
                else:
                    Bench(environments, pace, say, only_ours=only_ours).measure(work, outcome)
            except SubjectError as problem:
                console.print(f"{work.name}: {problem}", style="red", markup=False)
            else:
                console.print(report.work_table(outcome))
                if (latencies := report.latency_table(outcome)) is not None:
                    console.print(latencies)
            progress.advance(task)


def _ceilings(environments: Environments, console: Console) -> roofline.Ceilings | None:
    try:
        return roofline.measure(environments)
    except MissingPeerError as problem:
        console.print(f"no roofline: {problem}", style="yellow", markup=False)
        return None


def _conclude(
    outcomes: list[Outcome], ceilings: roofline.Ceilings | None, console: Console, arguments: argparse.Namespace
) -> None:
    if arguments.growth:
        console.print(growth.table(outcomes))
    else:
        console.print(report.summary_table(outcomes))
        if ceilings is not None and (missed := report.roofline_table(outcomes, ceilings)) is not None:
            console.print(missed)
    arguments.results.mkdir(parents=True, exist_ok=True)
    kind = "growth" if arguments.growth else "core"
    written = arguments.results / f"{kind}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    whole = {
        "environment": {**provenance.describe({}), "command": ["python", "-m", __package__, *sys.argv[1:]]},
        "ceilings": None if ceilings is None else dataclasses.asdict(ceilings),
        "works": [report.document(outcome) for outcome in outcomes],
    }
    written.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"written to {written}", soft_wrap=True)
    try:
        from . import plots
    except ModuleNotFoundError as problem:
        console.print(f"no plot: {problem.name} is missing; `make build` installs it", style="yellow")
        return
    for drawn in plots.draw(outcomes, written.with_suffix("")):
        console.print(f"written to {drawn}", soft_wrap=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m rust_core.benchmarks",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="name the works and their targets, measure nothing")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="works with this in their name, or whose whole name matches (* and ?); may be given again",
    )
    parser.add_argument("--rounds", type=_positive, help="measured runs of each subject (default 5)")
    parser.add_argument("--quick", action="store_true", help="2 short rounds: a first look, not to be quoted")
    parser.add_argument("--growth", action="store_true", help="time against each size instead of the tables")
    parser.add_argument("--ours", action="store_true", help="leave the peers out")
    parser.add_argument(
        "--results", type=Path, default=_RESULTS, metavar="DIR", help="folder of the JSON file and the plots"
    )
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
