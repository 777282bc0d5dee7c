"""Measured points from what a load generator and a watch say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import ceiling, ghz, pacer, schedule, validity
from .processes import Watch
from .results import Answers, Latencies, Load, Mode, Point, Setting
from .validity import Seen


@dataclass(frozen=True)
class Place:
    """Where a point belongs."""

    scenario: str
    call: str
    subject: str
    setting: Setting
    load: Load
    round: int
    started: float
    """Seconds since the command began."""


@dataclass(frozen=True)
class Used:
    """What a run used."""

    server_cpu_seconds: float | None
    """None when not known, or when other calls used it too."""
    server_cores: int
    client_cores: int
    own_calls: int
    """Calls of the load test itself, for a look at their answers, beside the load."""
    watch: Watch
    """Has ended."""

    @property
    def server_busy(self) -> float | None:
        """As a part of its cores."""
        cores = self.watch.server_cores
        return None if cores is None else cores / self.server_cores

    @property
    def client_busy(self) -> float:
        """As a part of its cores."""
        return self.watch.client_cores / self.client_cores


def of_ghz(place: Place, run: ghz.Run, used: Used, failed_part: float) -> Point:
    """A closed or an open loop."""
    report = run.report
    offered = schedule.offered_rate(report.starts_us)
    as_sent = report.successful_us
    corrected = as_sent
    if place.load.mode is Mode.OPEN and place.load.rate:
        every = schedule.from_intended_start(report.starts_us, report.latencies_us, int(place.load.rate))
        corrected = every[report.succeeded]
    found = corrected.size > 0
    latencies = Latencies.of(corrected) if found else None
    delays = Latencies.of(corrected - as_sent) if found and corrected is not as_sent else None
    seen = Seen(
        place.setting,
        place.load,
        report.calls,
        sum(report.errors.values()),
        offered,
        used.server_busy,
        used.client_busy,
        schedule.answered_rate(report.starts_us + report.latencies_us),
        latencies=latencies,
        delays=delays,
        others=used.watch.others_cores,
    )
    return Point(
        **_common(place, used, seen, failed_part, run.cpu_seconds, listed=report.complete),
        seconds=_short(report.seconds),
        codes=dict(sorted(report.codes.items())),
        requests_per_second=_short(report.requests_per_second),
        latencies=latencies,
        latencies_as_sent=Latencies.of(as_sent) if found and place.load.mode is Mode.OPEN else None,
        command=run.command,
        delays=delays,
    )


def of_pacer(place: Place, run: pacer.Run, used: Used, failed_part: float) -> Point:
    """An open loop by the pacer."""
    good = run.succeeded
    calls = run.codes.size + run.unanswered
    took = run.answered_us - run.due_us
    found = bool(np.any(good))
    latencies = Latencies.of(took[good]) if found else None
    delays = Latencies.of(run.late_us) if found else None
    seconds = float((run.answered_us.max() - run.due_us.min()) / 1e6) if run.codes.size else 0.0
    seen = Seen(
        place.setting,
        place.load,
        calls,
        int(calls - np.sum(good)),
        schedule.offered_rate(np.sort(run.sent_us)),
        used.server_busy,
        used.client_busy,
        schedule.answered_rate(run.answered_us),
        run.held_up,
        latencies,
        delays,
        used.watch.others_cores,
    )
    return Point(
        **_common(place, used, seen, failed_part, run.cpu_seconds, listed=True),
        seconds=_short(seconds),
        codes=run.by_code,
        requests_per_second=_short(float(np.sum(good)) / seconds if seconds else 0.0),
        latencies=latencies,
        latencies_as_sent=Latencies.of((run.answered_us - run.sent_us)[good]) if found else None,
        command=run.command,
        delays=delays,
    )


def of_h2load(place: Place, run: ceiling.Run, used: Used, failed_part: float) -> Point:
    """A ceiling."""
    calls = run.requests + run.failed
    others = used.watch.others_cores
    seen = Seen(place.setting, place.load, calls, run.failed, None, used.server_busy, used.client_busy, others=others)
    codes = {"HTTP 200": run.requests, "failed": run.failed}
    return Point(
        **_common(place, used, seen, failed_part, run.cpu_seconds, listed=True),
        seconds=_short(run.seconds),
        codes={code: count for code, count in codes.items() if count},
        requests_per_second=_short(run.requests / run.seconds if run.seconds else 0.0),
        latencies=None,
        latencies_as_sent=None,
        command=run.command,
    )


def judged(ceiling: Point, meanwhile: Answers | None) -> Point:
    """The same point, invalid when our own calls failed meanwhile: h2load takes an error for an answer."""
    if meanwhile is None or not meanwhile.failed:
        return ceiling
    asked = meanwhile.checked + meanwhile.failed
    reason = f"{meanwhile.failed} of {asked} calls beside h2load, which can't tell errors from answers, failed"
    return replace(ceiling, invalid=(*ceiling.invalid, f"{reason}: {meanwhile.first_wrong}"))


def without_wrong_answers(measured: Sequence[Point], answers: Sequence[Answers]) -> list[Point]:
    """The same points; those of a subject that gave a wrong answer in a scenario are invalid there."""
    wrong = {(each.scenario, each.subject): each for each in answers if each.wrong}
    return [
        replace(point, invalid=(*point.invalid, _wrong(found)))
        if (found := wrong.get((point.scenario, point.subject))) and _wrong(found) not in point.invalid
        else point
        for point in measured
    ]


def _wrong(answers: Answers) -> str:
    return f"{answers.wrong} of {answers.checked} answers were wrong: {answers.first_wrong}"


def _common(
    place: Place, used: Used, seen: Seen, failed_part: float, client_cpu: float, *, listed: bool
) -> dict[str, Any]:
    calls = max(1, seen.calls)
    server = used.server_cpu_seconds
    return {
        "scenario": place.scenario,
        "call": place.call,
        "subject": place.subject,
        "setting": place.setting,
        "load": place.load,
        "round": place.round,
        "started": round(place.started, 1),
        "server_cpu": None if server is None else _short(server / (calls + used.own_calls) * 1e6),
        "server_busy": None if seen.server_busy is None else round(seen.server_busy, 3),
        "client_cpu": _short(client_cpu / calls * 1e6),
        "client_busy": round(seen.client_busy, 3),
        "peak_rss": used.watch.peak_rss,
        "limit": validity.limit(seen),
        "invalid": validity.reasons(seen, failed_part),
        "remarks": validity.remarks(seen, listed=listed),
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")
