"""From what was measured, as kept in JSON, to tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .balance import FOR_EACH
from .latency import PERCENTILES
from .table import Table
from .targets import Figures, Interval, Round, Target

Record = Mapping[str, Any]


def case(record: Record) -> list[Table]:
    """Requests a second and CPU time of each subject, then the ratios."""
    rounds = {load: [_round(each) for each in many] for load, many in record["rounds"].items()}
    columns = [""]
    for load in rounds:
        columns += [f"{load}: requests/s", "CPU µs"]
    rows = []
    for name, title in record["subjects"].items():
        cells = [title]
        for many in rounds.values():
            cells.append(f"{Interval.of([each[name].requests_per_second for each in many]).median:,.0f}")
            cells.append(f"{Interval.of([each[name].cpu_us for each in many]).median:,.1f}")
        rows.append(cells)
    count = min(len(many) for many in rounds.values())
    stopped = "; stopped before the end" if record.get("interrupted") else ""
    return [
        Table(record["title"], columns, rows, f"Medians of {count} rounds{stopped}; CPU is the server's, per request."),
        targets([record]),
    ]


def targets(records: Sequence[Record]) -> Table:
    """The ratios of these cases, and whether they are what is asked."""
    rows = []
    for record in records:
        for target in (Target(**{**each, "below": tuple(each["below"])}) for each in record["targets"]):
            for load, many in record["rounds"].items():
                ratio = target.ratio([_round(each) for each in many])
                sign = "≥" if target.at_least else "≤"
                rows.append(
                    (
                        target.title,
                        load,
                        f"{ratio.median:.2f}",
                        f"{ratio.low:.2f} to {ratio.high:.2f}",
                        "" if target.bound is None else f"{sign} {target.bound:g}",
                        target.verdict(ratio),
                    )
                )
    return Table(
        "Ratios, taken round by round",
        ("ratio", "connections × streams", "median", "90% interval", "asked", ""),
        rows,
    )


def latency(record: Record) -> list[Table]:
    """Percentiles."""
    rows = []
    for each in record["loads"]:
        rate = each["asked_rate"]
        held = "" if rate is None else f"{each['rate']:,.0f}/s in {each['held']} of {each['runs']}"
        cells = [_in_short(each["latency_us"][percentile], each["runs"]) for percentile in PERCENTILES]
        rows.append((record["subjects"][each["subject"]], each["load"], held, *cells))
    note = (
        "Each call timed from the moment it was due, at even distances, over 16 connections; medians of the runs that held "
        "the rate, and in parentheses the 90% interval. A dash: the load generator was too late itself for the figure to "
        "be about the server."
    )
    return [
        Table(
            "Latency of the small request in µs; one core for the server",
            ("", "load", "rate held in runs", *PERCENTILES),
            rows,
            note,
        )
    ]


def _in_short(figure: Sequence[float] | None, runs: int) -> str:
    if figure is None:
        return "–"
    median, low, high, count = figure
    return f"{median:,.0f} ({low:,.0f}–{high:,.0f}" + (")" if count == runs else f"; {count:.0f} of {runs})")


def footprint(record: Record) -> list[Table]:
    """Start-up and memory."""
    keys = {
        "start_ms": "first answer, ms",
        "rss_mib": "resident, MiB",
        "connection_kib": "an idle connection, KiB",
        "stream_kib": "an idle stream, KiB",
    }
    rows = [
        (title, *("–" if (of := record["rows"][name][key]) is None else _spread(of) for key in keys))
        for name, title in record["subjects"].items()
    ]
    note = (
        "One worker; medians of several starts, and the 90% interval. Resident memory counts what processes share for each "
        "of them. A stream is a watch of the server's health."
    )
    return [Table("Start-up and memory", ("", *keys.values()), rows, note)]


def _spread(figure: Sequence[float]) -> str:
    median, low, high = (f"{each:,.0f}" if each >= 100 else f"{each:.1f}" for each in figure)
    return f"{median} ({low}–{high})"


def counts(record: Record) -> list[Table]:
    """What one request takes, counted."""
    keys: dict[str, Callable[[Record], float | None]] = {
        "instructions": lambda row: row["instructions"] and sum(row["instructions"].values()),
        "allocations": lambda row: row["allocations"],
        "bytes allocated": lambda row: row["allocated_bytes"],
        "copies": lambda row: row["copies"],
        "bytes copied": lambda row: row["copied_bytes"],
        "system calls": lambda row: row["system_calls"] and row["system_calls"]["all"],
        "context switches": lambda row: row["context_switches"],
        "CPU µs, user": lambda row: row["user_us"],
        "CPU µs, kernel": lambda row: row["kernel_us"],
    }
    rows = [
        (title, *(_count(of(record["rows"][name])) for of in keys.values()))
        for name, title in record["subjects"].items()
    ]
    named = [
        (title, ", ".join(f"{call} {count:.2f}" for call, count in _calls(record["rows"][name])))
        for name, title in record["subjects"].items()
    ]
    note = (
        f"At {record['load']} connections × streams. Instructions (callgrind), allocations and copies (DHAT: calls of malloc, "
        "of memcpy and its kin, so no copy that the compiler has written out) are of user space, from the difference of a "
        "long run and a short one. System calls (perf), context switches and CPU time are of one run each at full speed."
    )
    if record.get("interrupted"):
        note += " Stopped before the end: programs are missing."
    return [
        Table("What one small request takes", ("", *keys), rows, note),
        Table("The system calls among them", ("", "for each request"), named),
        _profile(record),
    ]


def before(record: Record) -> list[Table]:
    """The counts of an earlier state, to hold the present ones against."""
    counted, _, profiled = counts(record)
    commit = str(record.get("environment", {}).get("commit"))[:10]
    return [replace(each, title=f"Before, at commit {commit}: {each.title}", note="") for each in (counted, profiled)]


def _profile(record: Record) -> Table:
    """Where the instructions go; what is less than a hundredth of every program is left out."""
    of = {name: row["instructions"] or {} for name, row in record["rows"].items()}
    totals = {name: sum(groups.values()) or 1.0 for name, groups in of.items()}
    largest = {
        group: max(groups.get(group, 0.0) / totals[name] for name, groups in of.items())
        for group in {each for groups in of.values() for each in groups}
    }
    rows = [
        (group, *(f"{groups[group]:,.0f}" if groups.get(group, 0.0) >= 0.5 else "" for groups in of.values()))
        for group, share in sorted(largest.items(), key=lambda each: -each[1])
        if share >= 0.01
    ]
    titles = [record["subjects"][name] for name in of]
    return Table("Where the instructions go, by the crate or library that they were written in", ("", *titles), rows)


def _count(figure: float | None) -> str:
    if figure is None:
        return "–"
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.2f}" if figure < 10 else f"{figure:.1f}"


def _calls(row: Record) -> Iterator[tuple[str, float]]:
    for call, count in sorted((row["system_calls"] or {}).items(), key=lambda each: -each[1]):
        if call != "all" and count >= 0.005:
            yield call, count


def in_process(record: Record) -> list[Table]:
    """The parts of a call."""
    rows = [
        (name, f"{median:,.0f}", f"{low:,.0f} to {high:,.0f}")
        for name, (median, low, high) in record["parts_ns"].items()
    ]
    note = (
        'CPU time of this thread; "nothing" is the loop itself, and in all of them. The limit on calls in flight is also the '
        "counter of calls: one number, counted in and out."
    )
    return [Table("Parts of a small request in process, in ns", ("", "median", "spread"), rows, note)]


def balance(record: Record) -> list[Table]:
    """How connections spread over workers."""
    seen = [
        (
            each["subject"],
            f"{each['workers']}",
            f"{each['connections']}",
            "; ".join(" + ".join(map(str, spread)) for spread in each["open"]),
        )
        for each in record["seen"]
    ]
    expected = [
        (workers, *(f"{mean:.2f} ({most:.2f})" for mean, most in (of[str(each)] for each in FOR_EACH)))
        for workers, of in record["expected"].items()
    ]
    return [
        Table(
            "What the servers log of their connections",
            ("", "workers", "connections", "of each worker, in three starts"),
            seen,
        ),
        Table(
            "The busiest worker's connections, as a multiple of a fair share",
            ("workers", *(f"{each} for each" for each in FOR_EACH)),
            expected,
            "What a fair hash gives: the mean, and in parentheses what one start in ten exceeds.",
        ),
    ]


def _round(values: Mapping[str, Mapping[str, float]]) -> Round:
    return {name: Figures(**each) for name, each in values.items()}


#: By the names of the parts.
TABLES: Mapping[str, Callable[[Record], list[Table]]] = {
    "small": case,
    "large": case,
    "workers": case,
    "deadlines": case,
    "latency": latency,
    "counts": counts,
    "before": before,
    "in-process": in_process,
    "footprint": footprint,
    "balance": balance,
}
