"""What a run of the load test leaves: its environment, what was asked of whom, and every measured point.

One JSON file. ``Results.read`` gives what ``Results.write`` was given, but for this machine's folders in command lines; a file
of another ``FORMAT`` is refused. Times are
in microseconds and sizes in bytes unless a name says otherwise. Figures over several rounds are not stored: ``summary``
works them out, so that the terminal, the report and a comparison with an earlier run cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from .locations import unplaced

#: Raised with every change that a reader of older files would misread.
FORMAT = 1

#: Percentages of calls for which each run keeps a latency; 0 is the quickest call, 100 the slowest.
# fmt: off
LADDER: tuple[float, ...] = (
    0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 96, 97, 98, 98.5, 99,
    99.25, 99.5, 99.7, 99.8, 99.9, 99.95, 99.98, 99.99, 99.995, 99.999, 100,
)
# fmt: on


class ResultsError(ValueError):
    """A file is not one that ``Results.write`` wrote, or has another format."""


class Mode(StrEnum):
    """Who decides when the next call starts."""

    CLOSED = "closed"
    """Each of so many callers, when it has its answer: how much. By ghz."""
    OPEN = "open"
    """The clock: how long. By ghz; a call's time runs from its intended start."""
    PACED = "paced"
    """The same by the project's own pacer, which can offer rates that ghz can't, and times to the microsecond."""
    CEILING = "ceiling"
    """Closed, by h2load: how much when the client costs hardly anything."""


class Setting(StrEnum):
    """Who runs on which cores."""

    APART = "apart"
    """Server and client on cores of their own."""
    SHARED = "shared"
    """Both on all cores of the machine."""
    REMOTE = "remote"
    """The server was running already; nothing is known of its CPU and memory."""


class Limit(StrEnum):
    """What kept a run from doing more."""

    SERVER = "server"
    CLIENT = "client"
    BOTH = "both"
    """Neither had CPU time left (on shared cores: the machine)."""
    RATE = "rate"
    """The offered rate was kept: nothing was at its limit."""
    NEITHER = "neither"
    """Both waited: for each other's round trips, or for something that is not CPU time."""
    UNKNOWN = "unknown"
    """The server's CPU time is not known."""


#: The modes in which a clock starts the calls.
BY_THE_CLOCK = (Mode.OPEN, Mode.PACED)


@dataclass(frozen=True)
class Load:
    """How hard a server is loaded. Points with equal loads are rounds of the same measurement."""

    mode: Mode
    connections: int
    """TCP connections."""
    concurrency: int | None = None
    """Closed and ceiling: calls in progress at one time, over all connections."""
    rate: float | None = None
    """Open and paced: calls started in a second, over all connections."""
    fraction: float | None = None
    """Open and paced: ``rate`` as a part of the subject's ceiling, when it was chosen so."""


@dataclass(frozen=True)
class Latencies:
    """How long the successful calls of one run took."""

    calls: int
    """Calls that are counted here."""
    mean: float
    ladder: tuple[float, ...]
    """In the order of ``LADDER``, by nearest rank: each is the time of a call that was made."""

    @classmethod
    def of(cls, microseconds: npt.NDArray[np.float64]) -> "Latencies":
        """Of at least one call."""
        ordered = np.sort(microseconds)
        # Whole numbers, so that no rank is rounded wrongly.
        ranks = [max(1, -(-ordered.size * round(percent * 1000) // 100_000)) for percent in LADDER]
        return cls(int(ordered.size), _short(ordered.mean()), tuple(_short(ordered[rank - 1]) for rank in ranks))

    def percentile(self, percent: float) -> float:
        """The time that ``percent`` of the calls did not exceed; ``percent`` is one of ``LADDER``."""
        return self.ladder[LADDER.index(percent)]

    @property
    def worst(self) -> float:
        """The time of the slowest call."""
        return self.ladder[-1]


@dataclass(frozen=True)
class Point:
    """One measured run of one call under one load."""

    scenario: str
    call: str
    """``"call"``; ``"beside"`` for the calls that a mixed scenario makes meanwhile."""
    subject: str
    setting: Setting
    load: Load
    round: int
    """From 1."""
    started: float
    """Seconds from the beginning of the whole command to the first call of this run, warm-up not counted."""
    seconds: float
    """From the first call to the last answer."""
    codes: Mapping[str, int]
    """Calls by gRPC status code, ``"OK"`` among them. h2load knows none: ``"HTTP 200"`` and ``"failed"``."""
    requests_per_second: float
    """Successful calls a second."""
    latencies: Latencies | None
    """Closed: from the start of a call; open and paced: from its intended start. None when no call succeeded, or by h2load."""
    latencies_as_sent: Latencies | None
    """Open and paced: the same calls from when they were sent. What they are shorter by is the client's own delay."""
    server_cpu: float | None
    """CPU time of the server and its workers for each call; None when not known, or when other calls ran beside."""
    server_busy: float | None
    """Cores that the server kept busy, as a part of its cores; 1 is all of them."""
    client_cpu: float
    """CPU time of the load generator for each call."""
    client_busy: float
    """Cores that it kept busy, as a part of its cores. The pacer never sleeps: it is always at 1."""
    peak_rss: int | None
    """Largest resident memory of the server and its workers together during the run; shared pages count for each."""
    limit: Limit
    invalid: tuple[str, ...]
    """Why the figures mean nothing, each reason a line; empty when they do mean something."""
    remarks: tuple[str, ...]
    """What a reader must know although the figures stand."""
    command: tuple[str, ...]
    """The load generator's command line."""
    delays: Latencies | None = None
    """Open and paced: by how much calls were sent later than they were due; failed ones too, but for ghz's."""

    @property
    def calls(self) -> int:
        """All calls, failed ones too."""
        return sum(self.codes.values())

    @property
    def errors(self) -> dict[str, int]:
        """Failed calls by status code."""
        return {code: count for code, count in self.codes.items() if code not in ("OK", "HTTP 200")}


@dataclass(frozen=True)
class Answers:
    """A sample of a subject's answers compared with the right ones, by a client of our own."""

    scenario: str
    subject: str
    when: Literal["before", "during", "after"]
    """The load."""
    checked: int
    wrong: int
    """Wrong answers; for ``during`` a refused or failed call is no answer and counts in ``failed``."""
    failed: int
    first_wrong: str | None
    """The first wrong answer or failure, in words."""


@dataclass(frozen=True)
class Start:
    """One start of a subject for a scenario."""

    scenario: str
    subject: str
    setting: Setting
    first_answer_ms: float
    """From the start of the program to its first right answer."""
    rss: int
    """Resident memory then, all processes together."""


@dataclass(frozen=True)
class SubjectRecord:
    """A server that was measured, or could not be."""

    name: str
    label: str
    """For people."""
    role: Literal["ours", "peer", "floor", "target"]
    """``floor``: answers nothing of use; ``target``: was running already, at an address that the user gave."""
    dialect: str
    """What the requests and answers are."""
    commands: tuple[tuple[str, ...], ...] = ()
    """The different command lines that it was started with."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that were set for it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """What it is made of."""
    left_out: str | None = None
    """Why it was not measured."""


@dataclass(frozen=True)
class ScenarioRecord:
    """A scenario as it was run."""

    name: str
    title: str
    headline: bool
    """Whether it has the whole sweep."""
    request_bytes: Mapping[str, int]
    """Size of the request by call, in the encoding of the first subject."""
    definition: Mapping[str, Any]
    """The scenario file, with what the command line changed."""


@dataclass(frozen=True)
class Results:
    """A run of the load test."""

    environment: Mapping[str, Any]
    """Machine, versions, commit, date and the command; see ``measuring.provenance.describe``."""
    command: tuple[str, ...]
    plan: Mapping[str, Any]
    """Rounds, seconds, cores of servers and client, budget; see ``plan``."""
    subjects: Sequence[SubjectRecord]
    scenarios: Sequence[ScenarioRecord]
    starts: Sequence[Start]
    points: Sequence[Point]
    answers: Sequence[Answers]
    notes: Sequence[str]
    """What was left out and why, in words."""
    complete: bool
    """Whether all that was planned was measured; false after Ctrl-C."""
    format: int = FORMAT

    def write(self, path: Path) -> None:
        """Writes the file, beside and then in place, so that a reader never meets half of it."""
        beside = path.with_name(f".{path.name}.part")
        beside.write_text(unplaced(_ADAPTER.dump_json(self).decode()) + "\n", encoding="utf-8")
        beside.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Reads what ``write`` wrote. Raises ResultsError, and OSError when there is no such file."""
        written = path.read_bytes()
        try:
            found = _FORMAT_ONLY.validate_json(written).get("format")
            if found != FORMAT:
                raise ResultsError(f"{path}: format {found!r}; this program reads format {FORMAT}")
            return _ADAPTER.validate_json(written)
        except ValidationError as problem:
            raise ResultsError(f"{path}: not results of the load test: {problem}") from None


def _short(value: float) -> float:
    """Five significant digits: finer than any of these figures repeats."""
    return float(f"{value:.5g}")


_ADAPTER = TypeAdapter(Results)
_FORMAT_ONLY = TypeAdapter(dict[str, Any])
