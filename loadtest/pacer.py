"""``ferrule-probes load``: rates that ghz can't offer, times to the microsecond, from when each call was due."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import processes
from .processes import Watch
from .questions import Questions
from .transport.subjects import PROBES
from .validity import SMALL_DELAY

PROGRAM = Path(PROBES)
#: So many calls without an answer, and it begins no more: ``MOST_IN_FLIGHT`` of ``probes/src/load.rs``, less those that end
#: while it looks.
_MOST_IN_FLIGHT = 9_990
#: Seconds that it may take beyond the load and the last call.
_PATIENCE = 30.0
#: The gRPC status codes by number, as ghz names them; the last is the pacer's own, for a connection that failed.
_CODES = (
    *("OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists"),
    *("PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented"),
    *("Internal", "Unavailable", "DataLoss", "Unauthenticated"),
)


class PacerError(RuntimeError):
    """The pacer did not end well; the message has what it wrote."""


@dataclass(frozen=True)
class Load:
    """What is offered."""

    connections: int
    """TCP connections; calls take turns."""
    rate: int
    """Calls started in a second."""
    seconds: float
    """How long calls are started."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run; times in microseconds, in the order of the answers."""

    due_us: npt.NDArray[np.float64]
    """When each call was due, after the start."""
    sent_us: npt.NDArray[np.float64]
    answered_us: npt.NDArray[np.float64]
    codes: npt.NDArray[np.uint64]
    """gRPC status codes."""
    unanswered: int
    """Calls that had no answer some seconds after the last was begun; the other figures leave them out."""
    cpu_seconds: float
    """CPU time that it used; it never sleeps, so this says nothing of how hard its work was."""
    command: tuple[str, ...]

    @property
    def succeeded(self) -> npt.NDArray[np.bool_]:
        """Whether each call succeeded."""
        return np.equal(self.codes, 0)

    @property
    def by_code(self) -> dict[str, int]:
        """Calls by the name of their status code."""
        numbers, counts = np.unique(self.codes, return_counts=True)
        found = {code_name(int(number)): int(count) for number, count in zip(numbers, counts, strict=True)}
        return {**found, **({"Unanswered": self.unanswered} if self.unanswered else {})}

    @property
    def held_up(self) -> bool:
        """Whether the server left so many calls unanswered that no more were begun.

        A pacer that was late itself, and then sends at once what was due long before, has as many in flight, and no time to
        read answers. So the server is the cause only where those calls had been sent in time: their median delay is a small
        part of their median time from when they were due to their answers. That is asked of the calls that wait where a
        stretch of so many begins; the server is the cause of all where it is the cause of one.
        """
        answered = np.searchsorted(np.sort(self.answered_us), sent := np.sort(self.sent_us), side="right")
        in_flight = np.arange(1, sent.size + 1) - answered + self.unanswered
        full = in_flight >= _MOST_IN_FLIGHT
        begins = np.flatnonzero(full & ~np.concatenate(([False], full[:-1])))
        # Of beginnings close to each other the first is enough: the same calls wait, but for a tenth of them.
        _, first = np.unique(begins // (_MOST_IN_FLIGHT // 10), return_index=True)
        return any(self._fills(moment) for moment in sent[begins[first]])

    def _fills(self, moment: float) -> bool:
        """Whether the server, and not the pacer, is why so many calls wait at this moment."""
        waited = (self.sent_us <= moment) & (self.answered_us > moment)
        # Of calls that never had an answer nothing is known, and the pacer is not why.
        if np.count_nonzero(waited) <= self.unanswered:
            return True
        delay = np.median(self.late_us[waited])
        return bool(delay <= SMALL_DELAY * np.median((self.answered_us - self.due_us)[waited]))

    @property
    def late_us(self) -> npt.NDArray[np.float64]:
        """By how much each call was sent late."""
        return self.sent_us - self.due_us


def code_name(number: int) -> str:
    """The name of a gRPC status code."""
    return _CODES[number] if number < len(_CODES) else "ConnectionFailed"


def available() -> bool:
    """Whether it is built."""
    return PROGRAM.exists()


def run(
    address: str, asked: Questions, load: Load, *, cores: Sequence[int] | None = None, watch: Watch | None = None
) -> Run:
    """Offers calls to the server at ``address``. Raises PacerError."""
    with tempfile.TemporaryDirectory(prefix="ferrule-pacer-") as folder:
        request, output = Path(folder, "request.bin"), Path(folder, "calls.bin")
        request.write_bytes(asked.request)
        # fmt: off
        command = (
            str(PROGRAM), "load", "--address", address, "--path", asked.path, "--request", str(request),
            "--connections", str(load.connections), "--rate", str(load.rate), "--seconds", f"{load.seconds:g}",
            "--calls", str(output),
        )
        # fmt: on
        ended = processes.run(command, cores=cores, watch=watch, timeout=load.seconds + _PATIENCE)
        if ended.status != 0:
            raise PacerError(f"the pacer ended with status {ended.status}: {(ended.stderr + ended.stdout).strip()}")
        calls = np.fromfile(output, dtype="<u8").reshape(-1, 4)
    unanswered = int(json.loads(ended.stdout)["calls"]) - len(calls)
    due, sent, answered = (calls[:, column].astype(np.float64) / 1e3 for column in range(3))
    return Run(due, sent, answered, calls[:, 3], unanswered, ended.cpu_seconds, command)
