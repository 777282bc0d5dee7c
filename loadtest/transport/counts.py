"""What one request takes, counted rather than timed: instructions, allocations, bytes copied, system calls.

Valgrind's tools count from the start of a program to its end, so each program is run twice, for few requests and for many,
and the difference is shared out: start-up, connections and the end cancel out. Counts need no quiet machine, but what runs
under Valgrind runs its threads in turns, so waiting and waking differ from what they are at full speed. System calls
and context switches are therefore counted at full speed: by the kernel, for ``perf stat``, and in ``/proc``.
"""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil

from loadtest.servers import Server

from . import profile
from .h2load import Drive, Load, framed
from .rounds import Bench
from .subjects import Subject, running

#: Few enough streams that no server refuses one, however slowly it runs.
_LOAD = Load(4, 8)
#: System calls that are shown by name; all are in the sum.
_NAMED = ("recvfrom", "recvmsg", "read", "writev", "sendmsg", "write", "epoll_wait", "futex")
#: Requests of the run in which system calls are counted, for every request of the long run under Valgrind.
_FULL_SPEED = 40

Found = TypeVar("Found")


@dataclass(frozen=True)
class Counted:
    """A program and how often it is asked under Valgrind."""

    subject: Subject
    few: int
    many: int
    allocating: Subject | None
    """What to run where allocations are counted: DHAT sees the system's allocator only. None: not counted."""
    instructions_only: bool = False
    """Whether copies are left out."""


@dataclass(frozen=True)
class Tool:
    """One of Valgrind's."""

    options: tuple[str, ...]
    pattern: str
    """What it says at the end of each process, with its numbers as groups."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for the program."""


_BYTES_IN_BLOCKS = r"Total: +([\d,]+) bytes in ([\d,]+) blocks"
#: Without that setting CPython takes small objects out of its own pools, unseen.
_ALLOCATIONS = Tool(("--tool=dhat", "--dhat-out-file=/dev/null"), _BYTES_IN_BLOCKS, {"PYTHONMALLOC": "malloc"})
_COPIES = Tool(("--tool=dhat", "--mode=copy", "--dhat-out-file=/dev/null"), _BYTES_IN_BLOCKS)


class CountError(RuntimeError):
    """A tool said what is not understood."""


def measure(bench: Bench, counted: Sequence[Counted]) -> Iterator[dict[str, Any]]:
    """Yields the whole record after each program, as plain JSON values. What its tool is missing for is None."""
    subjects: dict[str, str] = {}
    rows: dict[str, Any] = {}
    for each in counted:
        bench.progress(each.subject.title)
        allocated = each.allocating and _difference(bench, each, each.allocating, _ALLOCATIONS)
        copied = None if each.instructions_only else _difference(bench, each, each.subject, _COPIES)
        rows[each.subject.name] = {
            "requests": [each.few, each.many],
            "instructions": _instructions(bench, each),
            "allocated_bytes": allocated[0] if allocated else None,
            "allocations": allocated[1] if allocated else None,
            "copied_bytes": copied[0] if copied else None,
            "copies": copied[1] if copied else None,
            **_at_full_speed(bench, each.subject, each.many * _FULL_SPEED),
        }
        subjects[each.subject.name] = each.subject.title
        yield {"load": str(_LOAD), "subjects": subjects, "rows": rows}


def _instructions(bench: Bench, each: Counted) -> dict[str, float] | None:
    """Instructions of one request, by crate or library; None without Valgrind."""
    if shutil.which("valgrind") is None:
        return None

    def counted(requests: int) -> Counter[str]:
        with tempfile.TemporaryDirectory(prefix="ferrule-valgrind-") as folder:
            valgrind = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/%p.out", "--trace-children=yes")
            under = replace(each.subject, command=(*valgrind, *each.subject.command))
            _asked(bench, under, requests, Path(folder))
            found: Counter[str] = Counter()
            for out in Path(folder).glob("*.out"):
                found.update(profile.instructions(out))
            return found

    few, many = _both(counted, each)
    return {group: (many[group] - few[group]) / (each.many - each.few) for group in many}


def _difference(bench: Bench, each: Counted, subject: Subject, tool: Tool) -> list[float] | None:
    """What the tool counts for one request; None without Valgrind."""
    if shutil.which("valgrind") is None:
        return None
    few, many = _both(lambda requests: _total(bench, subject, requests, tool), each)
    return [(more - less) / (each.many - each.few) for less, more in zip(few, many, strict=True)]


def _both(count: Callable[[int], Found], each: Counted) -> tuple[Found, Found]:
    """The two runs, at one time: counts do not depend on how fast they are made."""
    with ThreadPoolExecutor(2) as pool:
        few, many = pool.map(count, (each.few, each.many))
    return few, many


def _total(bench: Bench, subject: Subject, requests: int, tool: Tool) -> list[int]:
    """What the tool counts in all processes of the program, from start to end."""
    with tempfile.TemporaryDirectory(prefix="ferrule-valgrind-") as folder:
        valgrind = ("valgrind", *tool.options, f"--log-file={folder}/%p.log")
        under = replace(subject, command=(*valgrind, "--trace-children=yes", *subject.command))
        _asked(bench, under, requests, Path(folder), tool.settings)
        return total([log.read_text(errors="replace") for log in Path(folder).iterdir()], tool.pattern)


def _asked(bench: Bench, under: Subject, requests: int, logs: Path, settings: Mapping[str, str] | None = None) -> None:
    """Runs a program that is under a tool, and asks it so often."""
    with running(under, bench.cores, logs, settings=settings) as server:
        run = bench.h2load.ask(Drive(server.address, under, _LOAD, bench.cores), requests)
    if run.failed:
        raise CountError(f"{under.name} under valgrind: {run.failed} of {requests} requests failed")


def total(logs: Sequence[str], pattern: str) -> list[int]:
    """The sum of what the processes' logs say. Raises CountError when none says anything."""
    found = [re.search(pattern, log) for log in logs]
    numbers = [[int(group.replace(",", "")) for group in match.groups()] for match in found if match]
    if not numbers:
        raise CountError(f"valgrind says what is not understood: {logs}")
    return [sum(column) for column in zip(*numbers, strict=True)]


def _at_full_speed(bench: Bench, subject: Subject, requests: int) -> dict[str, Any]:
    """System calls and context switches for each request."""
    with running(subject, bench.cores[:1], bench.logs) as server, tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "request.bin")
        body.write_bytes(framed(subject.request))
        drive = Drive(server.address, subject, _LOAD, bench.cores[1:])
        load = bench.h2load.command(drive, body, f"--requests={requests}")
        subprocess.run(load, capture_output=True, check=True)
        before, used_before = _switches(server), _used(server)
        subprocess.run(load, capture_output=True, check=True)
        switches, used = _switches(server) - before, _used(server)
        counts = _system_calls(server, load)
    return {
        "context_switches": switches / requests,
        "user_us": (used[0] - used_before[0]) / requests * 1e6,
        "kernel_us": (used[1] - used_before[1]) / requests * 1e6,
        "system_calls": None if counts is None else {name: count / requests for name, count in counts.items()},
    }


def _system_calls(server: Server, load: Sequence[str]) -> dict[str, int] | None:
    """Calls that the server makes while the load runs, all and by name; None where perf can't say."""
    events = ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in _NAMED)]
    pids = ",".join(str(process.pid) for process in _processes(server))
    try:
        said = subprocess.run(
            ("perf", "stat", "--field-separator=,", f"--event={','.join(events)}", f"--pid={pids}", "--", *load),
            capture_output=True,
            text=True,
            check=True,
        ).stderr
    except (OSError, subprocess.CalledProcessError):
        return None
    return perf_counts(said)


def perf_counts(said: str) -> dict[str, int]:
    """``perf stat``'s fields: how many calls in all, and by name."""
    counts = {}
    for line in said.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[0].isdigit():
            counts[fields[2].rpartition("sys_enter")[2].lstrip("_") or "all"] = int(fields[0])
    return counts


def _processes(server: Server) -> list[psutil.Process]:
    parent = psutil.Process(server.process.pid)
    return [parent, *parent.children(recursive=True)]


def _switches(server: Server) -> int:
    """Of all threads: times that one waited, or was made to."""
    found = 0
    for process in _processes(server):
        for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
            found += sum(int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", status.read_text()))
    return found


def _used(server: Server) -> tuple[float, float]:
    """CPU seconds of user space and of the kernel."""
    times = [process.cpu_times() for process in _processes(server)]
    return sum(each.user for each in times), sum(each.system for each in times)
