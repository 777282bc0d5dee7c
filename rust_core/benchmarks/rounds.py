"""The measurement of one work: trials of settings, then rounds in which all subjects take turns."""

import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring.rounds import orders

from . import answers
from .answers import Score
from .data import Arrays, folder, load
from .environments import Environments, MissingPeerError
from .peers import OURS, PEERS, SCIKIT_LEARN, Peer, Settings
from .subjects import Subject, SubjectError, Timing
from .works import Work

#: Between two subjects: threads of the one before may still spin in wait of work.
_PAUSE_SECONDS = 0.05
_LONG_SECONDS = 1.0
#: A peer's setting that takes longer for one call is left out.
_PATIENCE_SECONDS = 60.0
_FAR_BEHIND = 3.0


@dataclass(frozen=True)
class Pace:
    """How long and how often."""

    rounds: int = 5
    seconds: float = 0.3
    """Calls are repeated to at least this long in a measurement."""
    most_calls: int = 20_000


@dataclass
class Measured:
    """A subject's figures."""

    peer: str
    settings: Settings
    right: bool
    words: str
    """On its answer."""
    n_iter: int | None
    value: float
    """Inertia or final objective."""
    versions: dict[str, str]
    timings: list[Timing] = field(default_factory=list)
    """One for each round."""


@dataclass
class Outcome:
    """Of one work."""

    work: Work
    measured: list[Measured] = field(default_factory=list)
    """The subjects that took part, ours first."""
    missing: dict[str, str] = field(default_factory=dict)
    """Peers, or settings of theirs, that could have taken part and did not, with the reason."""
    load_average: list[float] = field(default_factory=list)
    """Of the last minute, before the work and after it."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What else belongs to it."""


def taking_part(work: Work) -> list[Peer]:
    """The peers that can do a work and are asked to."""
    asked = None if work.peers is None else {*work.peers, *work.quoted}
    return [
        peer for peer in PEERS if peer.variants(work.settings, work.dtype) and (asked is None or peer.name in asked)
    ]


@dataclass
class _Trial:
    subject: Subject
    score: Score
    seconds: float


class Bench:
    """Measures works one after the other."""

    def __init__(
        self, environments: Environments, pace: Pace, progress: Callable[[str], None], only_ours: bool = False
    ) -> None:
        self.environments, self.pace, self.progress = environments, pace, progress
        self._only_ours = only_ours

    def measure(self, work: Work, outcome: Outcome) -> None:
        """Fills the outcome, as it goes: what is in it when Ctrl-C comes is good.

        Raises SubjectError when our own subject fails.
        """
        self.progress("making the rows")
        rows = folder(work.data, work.dtype)
        arrays = load(rows)
        outcome.load_average.append(os.getloadavg()[0])
        with ExitStack() as stack:
            trials: dict[str, list[_Trial]] = {}
            reference_iterations: int | None = None
            # scikit-learn first: those that know no tolerance make as many iterations.
            for peer in self._subjects(work):
                tried, problems = self._trials(stack, peer, work, (rows, arrays), reference_iterations)
                if problems:
                    outcome.missing[peer.name] = "; ".join(problems)
                if not tried:
                    continue
                trials[peer.name] = tried
                if peer is SCIKIT_LEARN:
                    reference_iterations = trials[peer.name][0].score.n_iter
            self._choose(work, trials, outcome)
            running = {
                each.peer: next(one for one in trials[each.peer] if one.subject.settings is each.settings)
                for each in outcome.measured
            }
            for name, tried in trials.items():
                for one in tried:
                    if one is not running[name]:
                        one.subject.close()
            del arrays
            self._rounds(running, outcome)
        outcome.load_average.append(os.getloadavg()[0])

    def _subjects(self, work: Work) -> list[Peer]:
        return [OURS] if self._only_ours else [*taking_part(work), OURS]

    def _trials(
        self,
        stack: ExitStack,
        peer: Peer,
        work: Work,
        rows: tuple[Path, Arrays],
        reference_iterations: int | None,
    ) -> tuple[list[_Trial], list[str]]:
        """Each setting of a peer that runs, and a word on each that does not. Raises SubjectError where it is ours."""
        tried: list[_Trial] = []
        problems: list[str] = []
        for settings in peer.variants(work.settings, work.dtype):
            try:
                tried.append(
                    self._try(stack, peer, settings, work=work, rows=rows, reference_iterations=reference_iterations)
                )
            except (MissingPeerError, SubjectError, ValueError) as problem:
                if peer is OURS:
                    raise SubjectError(str(problem)) from problem
                if isinstance(problem, MissingPeerError):
                    return tried, [*problems, str(problem)]
                words = _words(settings)
                problems.append(f"{words}: {problem}" if words else str(problem))
        return tried, problems

    def _try(
        self,
        stack: ExitStack,
        peer: Peer,
        settings: Settings,
        *,
        work: Work,
        rows: tuple[Path, Arrays],
        reference_iterations: int | None,
    ) -> _Trial:
        """Starts a subject, lets it warm up, and judges what it finds."""
        self.progress(f"trying {peer.name} {_words(settings)}")
        kept, arrays = rows
        subject = stack.enter_context(
            Subject(peer, settings, work, kept, self.environments, reference_iterations=reference_iterations)
        )
        seconds = subject.run(1, None if peer is OURS else _PATIENCE_SECONDS).seconds
        # A long call says enough the first time.
        if seconds < _LONG_SECONDS:
            seconds = subject.run(self._calls(seconds)).seconds
        score = answers.score(work, arrays, *subject.answer())
        return _Trial(subject, score, seconds)

    def _choose(self, work: Work, trials: dict[str, list[_Trial]], outcome: Outcome) -> None:
        """The settings of each peer that go on: the fastest of those whose answers are right."""
        lowest = min(one.score.value for tried in trials.values() for one in tried)
        reference = trials.get(SCIKIT_LEARN.name, next(iter(trials.values())))[0].score
        for name in [OURS.name, *(name for name in trials if name != OURS.name)]:
            # Ours are scikit-learn's draws.
            other = not work.options.get("given", True) and name not in {OURS.name, SCIKIT_LEARN.name}
            judged = [
                (one, answers.verdict(work, one.score, reference, lowest, other_draws=other)) for one in trials[name]
            ]
            best, verdict = min(judged, key=lambda each: (not each[1].right, each[0].seconds))
            outcome.measured.append(
                Measured(
                    name,
                    best.subject.settings,
                    verdict.right,
                    verdict.words,
                    best.score.n_iter,
                    best.score.value,
                    best.subject.versions,
                )
            )

    def _calls(self, seconds: float) -> int:
        """How many calls of so many seconds make a measurement."""
        return max(1, min(self.pace.most_calls, math.ceil(self.pace.seconds / max(seconds, 1e-9))))

    def _rounds(self, running: dict[str, _Trial], outcome: Outcome) -> None:
        calls = {name: self._calls(one.seconds) for name, one in running.items()}
        # The second call of a process is not yet a measure for short ones.
        for name, one in running.items():
            if calls[name] > 1:
                seconds = one.subject.run(calls[name]).seconds
                calls[name] = self._calls(seconds)
        hopeless = _hopeless(running, outcome)
        by_name = {each.peer: each for each in outcome.measured}
        whole = 0
        try:
            for number, names in orders(list(running), self.pace.rounds):
                self.progress(f"round {number} of {self.pace.rounds}")
                for name in names:
                    if whole == 0 or name not in hopeless:
                        time.sleep(_PAUSE_SECONDS)
                        by_name[name].timings.append(running[name].subject.run(calls[name]))
                whole = number
        finally:
            # Whatever ended the rounds early: the figures of a round that not all have finished are dropped.
            for each in outcome.measured:
                del each.timings[whole:]


def _hopeless(running: Mapping[str, _Trial], outcome: Outcome) -> set[str]:
    """Peers that take long and are far behind the fastest that counts: once is enough for them."""
    peers = [each for each in outcome.measured if each.peer != OURS.name]
    rivals = [each.peer for each in peers if each.right and outcome.work.counts(each.peer)]
    fastest = min((running[name].seconds for name in rivals), default=0.0)
    return {each.peer for each in peers if running[each.peer].seconds > max(_LONG_SECONDS, _FAR_BEHIND * fastest)}


def _words(settings: Settings) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())
