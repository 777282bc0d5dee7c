"""The command ``ferrule``: models on disk, without a server.

``models`` needs the compiled module alone; ``convert`` needs the extra ``ferrule[sklearn]``.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version as distribution_version
from typing import TextIO

from ferrule import models_report
from ferrule.model_versions import checked_version
from ferrule.text_table import as_json, printable

#: Exit statuses: a finding or a refusal; a command line that can't be followed (argparse's).
FAILED, USAGE = 1, 2

PICKLE_WARNING = """\
WARNING: {file} is a pickle. Loading it runs whatever code is in it, as you.
Convert only files that you, or people you trust, have made.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        if parsed.command == "convert":
            return _convert(parsed)
        return _models(parsed)
    except ModuleNotFoundError as error:
        return _failed(f"this needs {error.name}: pip install 'ferrule[sklearn]'")
    except (ValueError, OSError) as error:
        return _failed(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ferrule", description="Models on disk, without a server.")
    parser.add_argument("--version", action="version", version=f"ferrule {distribution_version('ferrule')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    convert = commands.add_parser(
        "convert",
        help="bring a scikit-learn model, saved by joblib or pickle, into a model repository",
        description="Loads a joblib or pickle file of a K-Means or logistic regression estimator of scikit-learn (also "
        "behind scalers in a Pipeline), writes it as the next version of a model, reads that back and compares its "
        "answers with the estimator's. Nothing is published unless they are equal within rounding. Loading a pickle "
        "runs the code in it: convert only files that you trust.",
    )
    convert.add_argument("file", metavar="MODEL.joblib", help="the file to load")
    convert.add_argument("--models", required=True, metavar="DIR", help="the model repository; made when missing")
    convert.add_argument("--name", required=True, help="the model's name: 1 to 64 of a-z, 0-9, '_', '-', '.'")
    convert.add_argument(
        "--sample", metavar="ROWS.npy", help="rows to compare on (.npy, or .npz of SciPy); else some are made"
    )
    convert.add_argument("--trusted", action="store_true", help="load the pickle without asking")
    convert.add_argument("--json", action="store_true", help="print the report as JSON")

    models = commands.add_parser("models", help="look at a model repository")
    actions = models.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, summary in (
        ("list", "list the versions of all models"),
        ("inspect", "show what a version holds"),
        ("verify", "read every file and check it; fails when one is damaged"),
    ):
        command = actions.add_parser(action, help=summary, description=f"{summary.capitalize()}.")
        command.add_argument("directory", metavar="DIR", help="the model repository")
        if action != "list":
            command.add_argument(
                "model",
                metavar="NAME[/VERSION]",
                nargs=None if action == "inspect" else "?",
                help="which model; the newest version unless one is given"
                if action == "inspect"
                else "which model or version; all unless one is given",
            )
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _models(parsed: argparse.Namespace) -> int:
    from ferrule.repository import versions

    name, number = _selected(getattr(parsed, "model", None))
    found = versions(parsed.directory, name, number)
    if parsed.action == "inspect":
        found = found[-1:]
    report = {
        "list": models_report.listing,
        "inspect": models_report.inspection,
        "verify": models_report.verification,
    }[parsed.action](found)
    _print(as_json(report.data) if parsed.json else report.text)
    return FAILED if report.failed else 0


def _selected(model: str | None) -> tuple[str | None, int | None]:
    """The name and the version in ``NAME/VERSION``."""
    if model is None:
        return None, None
    name, slash, number = model.partition("/")
    if slash and not (number.isascii() and number.isdigit()):
        raise ValueError(f"expected NAME or NAME/VERSION, got {model!r}")
    return name, checked_version(int(number)) if slash else None


def _convert(parsed: argparse.Namespace) -> int:
    _print(PICKLE_WARNING.format(file=parsed.file), sys.stderr)
    if not parsed.trusted and not _agreed():
        _print("Not loaded. If you trust the file, add --trusted.", sys.stderr)
        return USAGE
    from ferrule import conversion_report
    from ferrule.convert import convert

    conversion = convert(parsed.file, parsed.models, parsed.name, parsed.sample)
    report = conversion_report.of(conversion, parsed.name)
    _print(as_json(report.data) if parsed.json else report.text)
    return FAILED if report.failed else 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    _print("Load it? [y/N] ", sys.stderr, end="")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _failed(problem: str) -> int:
    _print(f"ferrule: {problem}", sys.stderr)
    return FAILED


def _print(text: str, stream: TextIO | None = None, end: str = "\n") -> None:
    stream = stream or sys.stdout
    stream.write(printable(text.rstrip("\n")) + end)
    stream.flush()
