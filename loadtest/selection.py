"""Which scenarios and which subjects the command line asks for."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from . import ours, pacer, plan, scenario
from .command_line import Arguments
from .dialects import FERRULE
from .plan import Choice
from .record import Record
from .results import Setting, SubjectRecord
from .scenario import Scenario, ScenarioError
from .subjects import Deployment, Kind, Launch, Subject

#: What ``--quick`` may take, the start of the program not counted.
_QUICK_SECONDS = 105.0


def scenarios(arguments: Arguments) -> list[Scenario]:
    """Those that are named, else all; of ``--quick`` the headlines. Raises ScenarioError."""
    known = {each.name: each for each in scenario.read_all()}
    if not arguments.scenario:
        return [each for each in known.values() if each.headline or not arguments.quick]
    chosen = []
    for name in dict.fromkeys(arguments.scenario):
        if name in known:
            chosen.append(known[name])
        elif Path(name).suffix == ".toml":
            chosen.append(scenario.read(Path(name)))
        else:
            raise ScenarioError(f"no scenario {name}; there are {', '.join(known)}, or give a .toml file")
    return chosen


def subjects(
    arguments: Arguments, asked: Sequence[Scenario], record: Record, say: Callable[[str], None]
) -> list[Subject]:
    """Those that can be measured, with a record of every one that was asked for. ``say`` is told what may take long."""
    if arguments.target is not None:
        target = Subject(
            "target", f"the server at {arguments.target}", "ours", FERRULE, frozenset(Kind) - {Kind.ECHO}, _never
        )
        record.subjects.append(SubjectRecord(target.name, target.label, "target", FERRULE.name))
        return [target]
    every = {subject.name: subject for subject in ours.everyone()}
    for name in arguments.subject:
        if name not in every:
            raise ScenarioError(f"no subject {name}; there are {', '.join(every)}")
    able = []
    for subject in every.values():
        if not _wanted(subject, arguments, asked):
            continue
        if subject.role == "peer" and not arguments.plan:
            say(f"{subject.label}: making sure of its environment")
        # A plan installs nothing: it counts on everyone.
        missing = None if arguments.plan else subject.missing()
        if missing is None:
            able.append(subject)
        else:
            record.notes.append(f"{subject.label} was left out: {missing}")
        versions = {} if missing or arguments.plan else subject.versions()
        record.subjects.append(
            SubjectRecord(
                subject.name,
                subject.label,
                subject.role,
                subject.dialect.name,
                versions=versions,
                left_out=missing,
            )
        )
    return able


def settings(arguments: Arguments) -> list[Setting]:
    """Who runs on which cores, as far as this machine has them."""
    if arguments.target is not None:
        return [Setting.REMOTE]
    if plan.Cores.split(tuple(os.sched_getaffinity(0))) is None:
        return [Setting.SHARED]
    return [Setting.APART, Setting.SHARED]


def choice(arguments: Arguments) -> Choice:
    """How long and how much."""
    budget = _QUICK_SECONDS if arguments.quick and arguments.budget is None else arguments.budget
    fewest = len(plan.THINNINGS) - 1
    return Choice(arguments.rounds, arguments.seconds, budget, fewest if arguments.quick else 0, pacer.available())


def with_commands(record: Record) -> list[SubjectRecord]:
    """The subjects' records with how they were started."""
    return [
        dataclasses.replace(
            each,
            commands=tuple(record.commands.get(each.name, {})),
            environment=record.environments.get(each.name, {}),
        )
        for each in record.subjects
    ]


def _wanted(subject: Subject, arguments: Arguments, asked: Sequence[Scenario]) -> bool:
    if arguments.subject:
        return subject.name in arguments.subject
    if arguments.quick and subject.role != "ours":
        return False
    return any(plan.answers(subject, scenario) for scenario in asked)


def _never(_deployment: Deployment, _kind: Kind) -> Launch:
    raise AssertionError("a target runs already")
