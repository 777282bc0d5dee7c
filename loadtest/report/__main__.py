"""``python -m loadtest.report RESULTS.json``: writes the report of a run, and compares it with an earlier one."""

import argparse
import sys
from pathlib import Path

from loadtest.results import Results, ResultsError
from measuring.document import MarkerError

from . import headline, write


def main() -> int:
    """The command; its exit status."""
    arguments = _arguments()
    try:
        results = Results.read(arguments.results)
        earlier = None if arguments.compare is None else Results.read(arguments.compare)
        folder = arguments.out or arguments.results.parent
        page = write(results, folder, earlier=earlier)
        headline.write_summary(results, folder)
        sys.stdout.write(f"written to {page}\n")
        if arguments.write_docs:
            for file in headline.write(results, arguments.results):
                sys.stdout.write(f"table written to {file}\n")
    except (OSError, ResultsError, MarkerError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.report", description=__doc__)
    parser.add_argument("results", type=Path, metavar="RESULTS.json", help="what a run of the load test wrote")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the report (default: beside the results)")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="results of an earlier run")
    parser.add_argument(
        "--write-docs", action="store_true", help="put what they quote of it into docs/benchmarks.md and README.md"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
