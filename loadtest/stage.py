"""The subjects of one part of a plan: their model, their processes, their first answers."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import questions, servers
from .answers import Inquirer
from .plan import Cores, Part
from .processes import Tree
from .questions import Published, Questions
from .record import Record
from .results import Load, ScenarioRecord, Setting, Start
from .servers import Server
from .subjects import Deployment, Subject


class WrongAnswerError(RuntimeError):
    """A subject answered wrongly before it was loaded."""


@dataclass(eq=False)
class Started:
    """A subject that answers right."""

    subject: Subject
    address: str
    tree: Tree | None
    """None for one that was running already."""
    asked: Questions
    beside: Questions | None
    inquirer: Inquirer
    rates: dict[Load, Load] = field(default_factory=dict)
    """Loads with a fraction, and what they come to."""
    hopeless: set[Load] = field(default_factory=set)
    """Rates that the load generator could not offer twice, or the server not take."""
    doubtful: set[Load] = field(default_factory=set)
    """Rates that were not kept once."""


@dataclass(frozen=True)
class Stage:
    """Where a part is measured."""

    part: Part
    cores: Cores
    folder: Path
    """For the model, the subjects' own files and their logs."""
    target: str | None
    """The address of a server that runs already; None to start the subjects."""
    record: Record

    @classmethod
    def of(cls, part: Part, folder: Path, target: str | None, record: Record) -> "Stage":
        """With the cores that the part's setting means on this machine."""
        available = os.sched_getaffinity(0)
        split = Cores.split(tuple(available)) if part.setting is Setting.APART else None
        return cls(part, split or Cores.shared(tuple(available)), folder, target, record)

    def published(self) -> Published | None:
        """Fits the scenario's model and publishes it; None when it needs none. Raises FerruleError, ServerError."""
        model = self.part.scenario.model
        if model is None:
            return None
        name = f"loadtest-{self.part.scenario.name}"
        if self.target is not None:
            return questions.publish(self.target, model, name)
        with servers.running("rust", self.folder / "models", log=self.folder / "publish.log") as server:
            published = questions.publish(server.address, model, name)
        published.oracle.save(self.folder / "model.npz")
        return published

    @contextmanager
    def started(self, subject: Subject, published: Published | None) -> Iterator[Started]:
        """Runs a subject until the block ends. Raises ServerError, WrongAnswerError."""
        scenario = self.part.scenario
        asked = questions.of(scenario.call, scenario.model, published, subject.dialect)
        beside = None
        if scenario.beside is not None:
            beside = questions.of(scenario.beside, scenario.model, published, subject.dialect)
        with ExitStack() as stack:
            began = time.monotonic()
            server = None
            if self.target is None:
                server = stack.enter_context(self._launched(subject, published))
            address = self.target if server is None else server.address
            inquirer = stack.enter_context(Inquirer(address or "", asked))
            if problem := inquirer.first_answer():
                raise WrongAnswerError(f"its first answer was wrong: {problem}")
            took = time.monotonic() - began
            tree = None if server is None else Tree(server.process.pid)
            if tree is not None:
                start = Start(scenario.name, subject.name, self.part.setting, round(took * 1e3, 1), tree.rss())
                self.record.starts.append(start)
            before = inquirer.ask_all(scenario.name, subject.name, "before")
            self.record.answers.append(before)
            if before.wrong:
                raise WrongAnswerError(f"{before.wrong} of {before.checked} answers were wrong: {before.first_wrong}")
            yield Started(subject, address or "", tree, asked, beside, inquirer)

    def note(self, started: Started) -> None:
        """Keeps what the scenario was, once."""
        scenario = self.part.scenario
        if any(record.name == scenario.name for record in self.record.scenarios):
            return
        sizes = {"call": len(started.asked.request)}
        if started.beside is not None:
            sizes["beside"] = len(started.beside.request)
        self.record.scenarios.append(
            ScenarioRecord(scenario.name, scenario.title, scenario.headline, sizes, scenario.document())
        )

    @contextmanager
    def _launched(self, subject: Subject, published: Published | None) -> Iterator[Server]:
        own = self.folder / subject.name
        own.mkdir()
        model, version = ("", 0) if published is None else (published.model, published.version)
        workers = len(self.cores.server)
        deployment = Deployment(self.folder / "models", self.folder / "model.npz", model, version, own, workers)
        launch = subject.launch(deployment, self.part.scenario.call.kind)
        command = ("taskset", "--cpu-list", ",".join(map(str, self.cores.server)), *launch.command)
        self.record.commands.setdefault(subject.name, {})[command] = None
        self.record.environments.setdefault(subject.name, {}).update(launch.environment)
        with servers.launched(
            subject.name,
            command,
            log=self.folder / f"{subject.name}.log",
            settings=launch.environment,
            start_seconds=launch.start_seconds,
        ) as server:
            yield server
