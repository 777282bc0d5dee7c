"""What was the limit of a run, and whether its figures mean anything."""

from dataclasses import dataclass

from .results import BY_THE_CLOCK, Latencies, Limit, Load, Mode, Setting

#: A side that was busy for this part of its cores was at its limit.
SATURATED = 0.9
#: A load generator that is busier measures itself when it measures time.
TOO_BUSY_FOR_LATENCY = 0.8
#: A percentile of the times says something of the server when the same percentile of the load generator's own delay is at most
#: this part of it.
SMALL_DELAY = 0.25
#: A server that answers a smaller part of the offered rate than this falls behind: the longer the run, the longer the waits.
KEEPS_UP = 0.85
#: The part of the offered rate that must have been kept.
RATE_KEPT = 0.99
#: Shares of cores of the whole machine, together, from which it was at its limit.
MACHINE_SATURATED = 0.9
#: Cores that other programs may keep busy on a machine that measures.
QUIET = 0.1

_CLIENT_WAS_THE_LIMIT = "the load generator was the limit"
#: The percentage whose times must be the server's for any to be shown.
_MIDDLE = 50.0

_SIDES = {
    (True, True): Limit.BOTH,
    (True, False): Limit.SERVER,
    (False, True): Limit.CLIENT,
    (False, False): Limit.NEITHER,
}


@dataclass(frozen=True)
class Seen:
    """What is known of a run."""

    setting: Setting
    load: Load
    calls: int
    failed: int
    offered: float | None
    """Open loop: calls that were started in a second."""
    server_busy: float | None
    """As a part of the server's cores."""
    client_busy: float
    """As a part of the load generator's cores."""
    answered: float | None = None
    """Open loop: calls that ended in a second, but for the first and last of them."""
    held_up: bool = False
    """Paced: whether the server left so many calls unanswered that no more were begun."""
    latencies: Latencies | None = None
    """Open loop: from when calls were due."""
    delays: Latencies | None = None
    """Open loop: by how much the load generator sent them late."""
    others: float | None = None
    """Cores that other programs kept busy; None when not known."""


def limit(seen: Seen) -> Limit:
    """What kept the run from doing more."""
    if seen.load.mode in BY_THE_CLOCK:
        if seen.held_up:
            return Limit.SERVER
        if _falls_behind(seen):
            return _behind(seen)
        if _kept_its_rate(seen):
            return Limit.RATE
    return Limit.CLIENT if seen.load.mode is Mode.PACED else _busier(seen)


def _behind(seen: Seen) -> Limit:
    """The server, unless it is known to have had time left."""
    apart = seen.setting is not Setting.SHARED and seen.server_busy is not None
    return Limit.NEITHER if apart and (seen.server_busy or 0.0) < SATURATED else Limit.SERVER


def _busier(seen: Seen) -> Limit:
    if seen.server_busy is None:
        return Limit.CLIENT if seen.client_busy >= SATURATED else Limit.UNKNOWN
    if seen.setting is Setting.SHARED:
        return Limit.BOTH if seen.server_busy + seen.client_busy >= MACHINE_SATURATED else Limit.NEITHER
    sides = (seen.server_busy >= SATURATED, seen.client_busy >= SATURATED)
    return _SIDES[sides]


def reasons(seen: Seen, failed_part: float) -> tuple[str, ...]:
    """Why the figures mean nothing, each in a line; empty when they mean something.

    In a closed loop failed calls are a result, as throughput counts the others. In an open one they are not: the
    latencies of the calls that were let through say nothing of the rate that was offered.
    """
    found = []
    if seen.calls == 0:
        return ("no call was made",)
    if seen.calls == seen.failed:
        return (f"all {seen.calls:,} calls failed",)
    if seen.load.mode in BY_THE_CLOCK:
        answered = f"{seen.answered or 0:,.0f} of {seen.load.rate or 0:,.0f} calls/s offered were answered"
        if seen.held_up:
            found.append(f"{answered}: so many waited for the server that for a time no more were begun")
        elif _falls_behind(seen):
            found.append(f"{answered}: waits grow as it lasts")
        elif not _kept_its_rate(seen):
            found.append(f"offered {seen.offered or 0:,.0f} calls/s instead of {seen.load.rate or 0:,.0f}")
        elif not shows(seen.latencies, seen.delays, _MIDDLE):
            found.append(f"the load generator's own delay is more than {SMALL_DELAY:.0%} of what the middle call took")
        if _too_busy(seen):
            found.append(f"the load generator was busy {seen.client_busy:.0%} of the time: it measured its own delay")
        if seen.failed > failed_part * seen.calls:
            found.append(f"{seen.failed:,} of {seen.calls:,} calls failed")
    elif limit(seen) is Limit.CLIENT:
        found.append(f"{_CLIENT_WAS_THE_LIMIT}, busy {seen.client_busy:.0%} of the time: the server can do more")
    return tuple(found)


def shows(latencies: Latencies | None, delays: Latencies | None, percent: float) -> bool:
    """Whether this percentile says something of the server: some call was slower, so that it is not the slowest by another
    name, and the load generator's own delay at the same percentile is small beside it.

    ``percent`` is one of ``results.LADDER``. Of closed loops there are no delays, as no clock says when a call is due.
    """
    if latencies is None:
        return True
    if percent < 100 and latencies.calls * round((100 - percent) * 1000) < 100_000:
        return False
    if delays is None:
        return True
    return delays.percentile(percent) <= SMALL_DELAY * latencies.percentile(percent)


def spent_for_answers(invalid: tuple[str, ...]) -> bool:
    """Whether the server's CPU time means something although the rest may not, for such reasons: a server whose client was
    the limit did the work that was asked, one that failed or gave wrong answers did not.
    """
    return all(reason.startswith(_CLIENT_WAS_THE_LIMIT) for reason in invalid)


def remarks(seen: Seen, *, listed: bool) -> tuple[str, ...]:
    """What a reader must know although the figures stand."""
    found = []
    if not listed:
        found.append("percentiles are over the first million calls, which is all ghz lists")
    if seen.failed and seen.load.mode is Mode.CLOSED:
        found.append(f"{seen.failed:,} of {seen.calls:,} calls failed; they count in no other figure")
    if seen.others is not None and seen.others > QUIET:
        found.append(f"other programs kept {seen.others:.1f} cores busy")
    if limit(seen) is Limit.NEITHER:
        found.append("neither side was busy: the limit was waiting, as with few callers")
    return tuple(found)


def _too_busy(seen: Seen) -> bool:
    """The pacer is always busy; how late it was says whether it kept up. On shared cores, parts of cores say nothing."""
    on_its_own = seen.load.mode is Mode.OPEN and seen.setting is not Setting.SHARED
    return on_its_own and seen.client_busy > TOO_BUSY_FOR_LATENCY


def _falls_behind(seen: Seen) -> bool:
    """Calls were begun on time, and their answers came ever later."""
    behind = seen.answered is not None and seen.answered < KEEPS_UP * (seen.offered or 0.0)
    return behind and _kept_its_rate(seen)


def _kept_its_rate(seen: Seen) -> bool:
    return (seen.offered or 0.0) >= RATE_KEPT * (seen.load.rate or 0.0)
