"""What the command line takes."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ferrule_client.algorithms import Algorithm, KMeans, LogisticRegression
from ferrule_client.results import Output

ALGORITHMS: dict[str, type[Algorithm]] = {"k-means": KMeans, "logistic-regression": LogisticRegression}

_FILES = """\
files: .csv, or - for CSV from standard input; .npy, a 2-D array of NumPy; .npz, a sparse matrix saved by SciPy. The first
line of a CSV file names its columns, and these are matched to the model's feature names; --no-header says that it holds
values.
"""

_STATUS = """\
exit status: 0 done; 1 the server refused or was not reached; 2 wrong arguments or files; 130 interrupted by Ctrl-C.
"""


def parser() -> argparse.ArgumentParser:
    """The parser; ``command`` is the command that was chosen."""
    made = argparse.ArgumentParser(
        prog="ferrule-client",
        description="Ask a Ferrule server for predictions and fits.",
        epilog=_STATUS,
    )
    made.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = made.add_subparsers(dest="command", required=True, metavar="predict | fit")
    for name, add, text in (
        ("predict", _add_predict, "Answer the rows of a file with a model, in batches."),
        ("fit", _add_fit, "Fit a model to the rows of a file and publish it."),
    ):
        command = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"{_FILES}\n{_STATUS}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(command)
        _add_server(command)
    return made


class _Version(argparse.Action):
    """Tells the version; it is looked up only then, as the package may be used without being installed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            version = metadata.version("ferrule-client")
        except metadata.PackageNotFoundError:
            parser.exit(1, "ferrule-client: no version is known, as the package is not installed\n")
        sys.stdout.write(f"ferrule-client {version}\n")
        parser.exit()


def algorithm(options: argparse.Namespace) -> Algorithm:
    """What to fit. Raises ValueError for a parameter of another algorithm."""
    kind = ALGORITHMS[options.algorithm]
    known = {parameter.name for parameter in fields(kind)}
    given = {name: value for name in _parameters() if (value := getattr(options, name)) is not None}
    for name in given.keys() - known:
        raise ValueError(f"{_flag(name)}: {options.algorithm} has no such parameter")
    return kind(**given)


def _add_predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, help="the rows")
    command.add_argument("--model", required=True, help="name of the model")
    command.add_argument("--version", type=_count, metavar="N", help="version of the model (default: the newest)")
    command.add_argument(
        "--outputs",
        type=_outputs,
        default=("labels",),
        metavar="NAMES",
        help=f"what to compute, joined by commas: {', '.join(get_args(Output))} (default: labels)",
    )
    _add_columns(command)
    command.add_argument(
        "--batch-rows", type=_count, metavar="N", help="rows in a request (default: as fit into 4 MiB, both ways)"
    )
    _add_output(command, "the answers", seconds=10)


def _add_fit(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, help="the rows; all of them go in one request")
    command.add_argument("--model", required=True, help="name to publish the model under, as a new version")
    command.add_argument("--algorithm", required=True, choices=list(ALGORITHMS), help="what to fit")
    command.add_argument(
        "--target",
        metavar="COLUMN",
        help="the column with the classes, for logistic-regression: its name, or without a header its number from 0",
    )
    _add_columns(command)
    group = command.add_argument_group(
        "parameters", "with scikit-learn's names; what is not given is the server's default"
    )
    for name, (hint, kinds) in _parameters().items():
        settings: dict[str, Any] = {"help": f"of {' and '.join(kinds)}", "default": None, "dest": name}
        if bool in _members(hint):
            group.add_argument(_flag(name), action=argparse.BooleanOptionalAction, **settings)
        else:
            metavar = "|".join(map(_shown, _members(hint)))
            group.add_argument(_flag(name), type=value(hint), metavar=metavar, **settings)
    _add_output(command, "the answers for the training rows", seconds=600)


def _add_columns(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether the first line of a CSV file names the columns (default: it does)",
    )
    command.add_argument(
        "--delimiter", default=",", metavar="CHAR", help="between the cells of a CSV file (default: ,)"
    )
    command.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave a column out, by name or number; may be repeated",
    )


def _add_output(command: argparse.ArgumentParser, what: str, *, seconds: int) -> None:
    command.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"where {what} go: .csv, .json or .npz, one array for each output (default: standard output, "
        "where fit has its report)",
    )
    command.add_argument("--json", action="store_true", help="print JSON on standard output")
    command.add_argument(
        "--timeout", type=float, default=seconds, metavar="SECONDS", help=f"for each request (default: {seconds})"
    )


def _add_server(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("server")
    group.add_argument(
        "--address",
        default="127.0.0.1:50051",
        metavar="HOST:PORT",
        help="where it listens; several addresses joined by commas are called in turn (default: 127.0.0.1:50051)",
    )
    group.add_argument("--tls", action="store_true", help="encrypt, and trust the public authorities")
    group.add_argument("--ca", type=Path, metavar="FILE", help="encrypt, and trust these certificates (PEM)")
    group.add_argument("--cert", type=Path, metavar="FILE", help="certificate to show to the server (PEM); needs --key")
    group.add_argument("--key", type=Path, metavar="FILE", help="key of that certificate (PEM)")
    group.add_argument(
        "--server-name", metavar="NAME", help="name in the servers' certificates, if not that of the address"
    )
    group.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="file with the bearer token (default: the environment variable FERRULE_TOKEN)",
    )
    group.add_argument(
        "--allow-plaintext-token", action="store_true", help="send the token to other machines without encryption"
    )


def _parameters() -> dict[str, tuple[Any, list[str]]]:
    """For each parameter that a command line can give: its type, and the algorithms that have it."""
    found: dict[str, tuple[Any, list[str]]] = {}
    for kind, algorithm in ALGORITHMS.items():
        hints = get_type_hints(algorithm)
        for parameter in fields(algorithm):
            hint = hints[parameter.name]
            # --algorithm chooses among the algorithms.
            if _members(hint) and parameter.name != "algorithm":
                found.setdefault(parameter.name, (hint, []))[1].append(kind)
    return found


def _members(hint: Any) -> list[Any]:
    """The words and types that a parameter's type allows, as far as they can be written on a command line."""
    parts = _parts(hint)
    words = [part for part in parts if isinstance(part, str)]
    # Beside words there may be arrays, which NumPy's types describe by all that they are made of.
    return [*words, *(kind for kind in (int, float) if kind in parts)] if words else parts


def _parts(hint: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if hint in {bool, int, float, str}:
        return [hint]
    if get_origin(hint) in {Union, UnionType}:
        return [member for part in get_args(hint) for member in _parts(part)]
    return []


def value(hint: Any) -> Callable[[str], Any]:
    """Reads a parameter of this type."""
    members = _members(hint)

    def convert(text: str) -> Any:
        for member in members:
            if isinstance(member, str):
                if text == member:
                    return member
                continue
            try:
                return member(text)
            except ValueError:
                continue
        expected = " or ".join(map(_shown, members))
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")

    return convert


def _shown(member: Any) -> str:
    return member if isinstance(member, str) else {int: "N", float: "X", str: "TEXT"}[member]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _outputs(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in get_args(Output):
            raise argparse.ArgumentTypeError(f"expected {', '.join(get_args(Output))}, got {name!r}")
    return names
