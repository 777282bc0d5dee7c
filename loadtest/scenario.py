"""A scenario: what is asked, how hard and for how long. Read from TOML and checked whole."""

import dataclasses
import itertools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from .subjects import Kind

#: The scenarios of the repository.
FOLDER = Path(__file__).parent / "scenarios"


class ScenarioError(ValueError):
    """A scenario file is wrong; the message lists every mistake."""


class Algorithm(StrEnum):
    """What a model was fitted by."""

    K_MEANS = "k_means"
    LOGISTIC_REGRESSION = "logistic_regression"


def _rising(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if any(after <= before for before, after in itertools.pairwise(values)):
        raise ValueError("expected each number to be larger than the one before")
    return values


_CHECKED = ConfigDict(extra="forbid")
_Count = Annotated[int, Field(strict=True, ge=1)]
_Seconds = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
_LongSeconds = Annotated[float, Field(strict=True, ge=0.1, allow_inf_nan=False)]
_Part = Annotated[float, Field(strict=True, gt=0, le=1)]
_Text = Annotated[str, Field(strict=True, min_length=1)]


@dataclass(frozen=True, config=_CHECKED)
class Model:
    """The model that is asked, and the rows that it is fitted to. Rows are drawn by ``seed``."""

    algorithm: Algorithm
    columns: _Count
    """Number of features."""
    training_rows: _Count
    seed: Annotated[int, Field(strict=True, ge=0)] = 0
    clusters: _Count | None = None
    """K-Means: number of centroids."""
    classes: Annotated[int, Field(strict=True, ge=2)] | None = None
    """Logistic regression: number of classes."""
    nonzeros: _Count | None = None
    """Logistic regression on sparse rows: nonzero values in each; none for dense rows."""

    def mistakes(self) -> Iterator[str]:
        """What does not go together."""
        if self.algorithm is Algorithm.K_MEANS:
            if self.clusters is None:
                yield "model.clusters: missing"
            elif self.clusters > self.training_rows:
                yield f"model.clusters: expected at most model.training_rows, got {self.clusters}"
            if self.classes is not None or self.nonzeros is not None:
                yield "model: classes and nonzeros are for logistic_regression"
        else:
            if self.classes is None:
                yield "model.classes: missing"
            if self.clusters is not None:
                yield "model: clusters is for k_means"
            if self.nonzeros is not None and self.nonzeros > self.columns:
                yield f"model.nonzeros: expected at most model.columns, got {self.nonzeros}"


@dataclass(frozen=True, config=_CHECKED)
class Call:
    """One request, sent again and again."""

    kind: Kind
    rows: _Count = 1
    """Rows in it; of a fit the rows that are fitted."""


@dataclass(frozen=True, config=_CHECKED)
class Beside(Call):
    """Calls that run beside the measured ones, in a closed loop of their own."""

    connections: _Count = 1
    concurrency: _Count = 1
    """Calls in progress at one time, over all connections."""


@dataclass(frozen=True, config=_CHECKED)
class Closed:
    """Each caller calls again when it has its answer."""

    connections: _Count
    """TCP connections; no more than the callers."""
    concurrency: Annotated[tuple[_Count, ...], Field(min_length=1), AfterValidator(_rising)]
    """Calls in progress at one time, over all connections; each is measured."""


@dataclass(frozen=True, config=_CHECKED)
class Ceiling:
    """A closed loop of the cheapest client."""

    connections: _Count
    streams: _Count
    """Calls in progress at one time on each connection."""


@dataclass(frozen=True, config=_CHECKED)
class Open:
    """A clock starts the calls."""

    connections: _Count
    fractions: Annotated[tuple[_Part, ...], AfterValidator(_rising)] = ()
    """Rates as parts of each subject's own ceiling; needs ``[ceiling]``."""
    rates: Annotated[tuple[_Count, ...], AfterValidator(_rising)] = ()
    """Calls a second, the same for all."""


@dataclass(frozen=True, config=_CHECKED)
class Timing:
    """How long and how often."""

    warm_up_seconds: _Seconds
    """Length of the run before each measured one, whose figures are thrown away."""
    duration_seconds: _LongSeconds
    """Length of each measured run."""
    rounds: _Count
    """Measured runs of each subject and load."""


@dataclass(frozen=True, config=_CHECKED)
class Limits:
    """What is still a result."""

    timeout_seconds: _LongSeconds = 20.0
    """A call that takes longer has failed."""
    failed_part: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.01
    """In an open loop: with a larger part of failed calls, the latencies of the others mean nothing."""


@dataclass(frozen=True, config=_CHECKED)
class Scenario:
    """Everything about one comparison."""

    title: _Text
    """One line for people."""
    call: Call
    timing: Timing
    model: Model | None = None
    """None for calls that need no model."""
    beside: Beside | None = None
    closed: Closed | None = None
    ceiling: Ceiling | None = None
    open: Open | None = None
    limits: Limits = field(default_factory=Limits)
    headline: bool = False
    """Whether it is the one that matters most: measured on the whole machine too, and the last to be shortened."""
    subjects: tuple[_Text, ...] = ()
    """Names of those that are measured; empty for all that can answer."""
    name: str = ""
    """Name of the file, without its suffix."""

    def mistakes(self) -> Iterator[str]:
        """What does not go together."""
        if self.closed is None and self.ceiling is None and self.open is None:
            yield "[closed], [ceiling] or [open]: at least one is needed"
        if self.open is not None:
            if not self.open.fractions and not self.open.rates:
                yield "[open]: fractions or rates are needed"
            if self.open.fractions and self.ceiling is None:
                yield "open.fractions: parts of what? [ceiling] is missing"
        if self.beside is not None and (self.closed is None or self.ceiling is not None or self.open is not None):
            yield "[beside]: goes with [closed] alone"
        if self.model is not None:
            yield from self.model.mistakes()
        for where, call in (("call", self.call), ("beside", self.beside)):
            if call is not None and (problem := self._wrong_model(call.kind)):
                yield f"{where}.kind: {call.kind.value} {problem}"

    def _wrong_model(self, kind: Kind) -> str | None:
        if kind is Kind.HEALTH:
            return None
        if self.model is None:
            return "needs a [model]"
        sparse = self.model.nonzeros is not None
        k_means = self.model.algorithm is Algorithm.K_MEANS
        wanted = {
            Kind.K_MEANS: k_means,
            Kind.FIT_PREDICT: k_means,
            Kind.LOGISTIC_REGRESSION: not k_means and not sparse,
            Kind.SPARSE: not k_means and sparse,
        }
        return None if wanted.get(kind, True) else "does not go with this model"

    def document(self) -> dict[str, Any]:
        """As plain values, as the file has them."""
        whole: dict[str, Any] = _ADAPTER.dump_python(self, mode="json", exclude_none=True)
        del whole["name"]
        return whole


def read(path: Path) -> Scenario:
    """Reads a scenario file.

    Raises ScenarioError, with every mistake, when it is not valid, and OSError when it can't be read.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ScenarioError(f"{path}: not valid TOML: {problem}") from None
    return from_document(path.stem, document)


def read_all(folder: Path = FOLDER) -> list[Scenario]:
    """The scenarios of a folder, headlines first, then by name. Raises as ``read``."""
    return sorted(map(read, folder.glob("*.toml")), key=lambda each: (not each.headline, each.name))


def from_document(name: str, document: Mapping[str, Any]) -> Scenario:
    """Makes a scenario of a parsed file. Raises ScenarioError with every mistake."""
    try:
        scenario = _ADAPTER.validate_python(dict(document))
    except ValidationError as problem:
        raise _error(name, [_words(error) for error in problem.errors()]) from None
    mistakes = ["name: no such key"] if "name" in document else list(scenario.mistakes())
    if mistakes:
        raise _error(name, mistakes)
    return dataclasses.replace(scenario, name=name)


def _words(error: Any) -> str:
    where = ".".join(map(str, error["loc"]))
    match error["type"]:
        case "missing":
            return f"{where}: missing"
        case "unexpected_keyword_argument":
            return f"{where}: no such table or key"
        case _:
            return f"{where}: {error['msg']}, got {error['input']!r}"


def _error(name: str, mistakes: list[str]) -> ScenarioError:
    return ScenarioError("\n".join([f"scenario {name} is not valid:", *(f"  {mistake}" for mistake in mistakes)]))


_ADAPTER = TypeAdapter(Scenario)
