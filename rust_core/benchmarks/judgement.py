"""What the figures of a work come to: the best peer, the ratio to it, and whether the target is met."""

from dataclasses import dataclass
from enum import StrEnum

from measuring.spread import Spread

from .peers import OURS
from .rounds import Measured, Outcome
from .works import Work


class Verdict(StrEnum):
    """Of a work."""

    MET = "met"
    MISSED = "missed"
    OPEN = "no target"
    INVALID = "invalid"


@dataclass(frozen=True)
class Judgement:
    """Of an outcome."""

    verdict: Verdict
    reason: str
    """Why it is invalid; what was missed."""
    seconds: dict[str, Spread]
    """Of a call, by subject, for those that were timed."""
    best: str | None
    """The fastest peer that counts and is right, by its median."""
    ratio: Spread | None
    """Its time by ours, round by round."""


def judge(outcome: Outcome) -> Judgement:
    """Judges what was measured, even if the rounds were not finished."""
    timed = {each.peer: each for each in outcome.measured if each.timings}
    seconds = {name: Spread.over([timing.seconds for timing in each.timings]) for name, each in timed.items()}
    ours = timed.get(OURS.name)
    if ours is None:
        return Judgement(Verdict.INVALID, "not measured", seconds, None, None)
    if not ours.right:
        return Judgement(Verdict.INVALID, f"our answer is wrong: {ours.words}", seconds, None, None)
    # One that was far behind in its trial was timed once.
    rivals = [
        each
        for name, each in timed.items()
        if each is not ours and each.right and outcome.work.counts(name) and len(each.timings) == len(ours.timings)
    ]
    if not rivals:
        return Judgement(Verdict.OPEN, "no peer to compare with", seconds, None, None)
    best = min(rivals, key=lambda each: seconds[each.peer].median)
    ratio = ratios(best, ours)
    missed = list(_missed(outcome.work, ratio, seconds[OURS.name]))
    wanted = outcome.work.target is not None or outcome.work.limit_seconds is not None
    verdict = Verdict.MISSED if missed else Verdict.MET if wanted else Verdict.OPEN
    return Judgement(verdict, "; ".join(missed), seconds, best.peer, ratio)


def ratios(peer: Measured, ours: Measured) -> Spread:
    """A peer's time by ours. A round measures all within seconds: what slows the machine then slows both."""
    pairs = zip(peer.timings, ours.timings, strict=True)
    return Spread.over([theirs.seconds / own.seconds for theirs, own in pairs])


def _missed(work: Work, ratio: Spread, ours: Spread) -> list[str]:
    missed = []
    if work.target is not None and ratio.median < work.target:
        missed.append(f"{ratio.median:.2g}× of {work.target:g}×")
    if work.limit_seconds is not None and ours.median > work.limit_seconds:
        missed.append(f"{ours.median * 1e6:.0f} µs of {work.limit_seconds * 1e6:.0f} µs")
    return missed
