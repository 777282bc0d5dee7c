"""The command line of the load test."""

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from measuring import provenance

from .servers import ROOT

_RESULTS = ROOT / "loadtest" / "results"
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Arguments:
    """What was asked for."""

    scenario: tuple[str, ...]
    """Names or files; empty for all."""
    subject: tuple[str, ...]
    """Names; empty for all."""
    target: str | None
    """``HOST:PORT`` of a server that runs already."""
    quick: bool
    budget: float | None
    """In seconds."""
    rounds: int | None
    seconds: float | None
    results: Path
    """A folder."""
    keep: bool
    """Whether it is one that git sees, with a name that says when and on what."""
    list: bool
    plan: bool


def read(arguments: list[str] | None = None) -> Arguments:
    """The command line; ends the program with a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest",
        description="Loads servers with ghz and h2load by scenario files, checks their answers, compares them.",
    )
    parser.add_argument(
        "scenario", nargs="*", help="a scenario's name (see --list) or a .toml file; all of them when none is given"
    )
    parser.add_argument("--scenario", dest="more", action="append", default=[], metavar="NAME", help="the same")
    parser.add_argument("--list", action="store_true", help="show the scenarios and end")
    parser.add_argument("--plan", action="store_true", help="show what would be measured and end")
    parser.add_argument("--quick", action="store_true", help="the headline scenario, a few points, in two minutes")
    parser.add_argument("--budget", type=_duration, metavar="60m", help="the most it may take, as 90s, 60m or 2h")
    parser.add_argument(
        "--rounds", type=_count, help="measured runs of each subject and load instead of the scenario's"
    )
    parser.add_argument("--seconds", type=_seconds, help="length of each measured run instead of the scenario's")
    parser.add_argument(
        "--subject", action="append", default=[], metavar="NAME", help="only this server (may be given several times)"
    )
    parser.add_argument(
        "--target",
        type=_address,
        metavar="HOST:PORT",
        help="load this running Ferrule server instead of starting any; models named loadtest-… are published through it",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--results", type=Path, metavar="DIR", help="folder of results.json")
    where.add_argument(
        "--keep", action="store_true", help="write to loadtest/results/DATE-MACHINE, which git sees, to be quoted"
    )
    given = parser.parse_intermixed_args(arguments)
    if given.keep and _kept().exists():
        parser.error(f"{_kept().relative_to(ROOT)} is there already: move it away first")
    return Arguments(
        scenario=(*given.scenario, *given.more),
        subject=tuple(given.subject),
        target=given.target,
        quick=given.quick,
        budget=given.budget,
        rounds=given.rounds,
        seconds=given.seconds,
        results=_kept() if given.keep else given.results or _RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}",
        keep=given.keep,
        list=given.list,
        plan=given.plan,
    )


def _kept() -> Path:
    """Where a run goes that is to be quoted: today's date, and the machine as its processor and cores."""
    return _RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{provenance.machine_name()}"


def _duration(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if found is None or float(found[1]) <= 0:
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 60m or 2h, got {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected at least 0.1 seconds, got {text!r}")
    return value


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, got {text!r}")
    return text
