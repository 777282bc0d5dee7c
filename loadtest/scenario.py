"""A scenario: what is asked, how hard and for how long. Read from TOML and checked whole."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


class ScenarioError(ValueError):
    """A scenario file is wrong; the message lists every mistake."""


@dataclass(frozen=True)
class ModelSpec:
    """The model that is asked."""

    algorithm: str
    """``"k_means"``."""
    n_clusters: int
    """Number of clusters, at least 1."""
    columns: int
    """Number of features, at least 1."""
    training_rows: int
    """Rows that it is fitted to, at least ``n_clusters``."""
    seed: int
    """Seed of the training rows and of the fit, at least 0."""


@dataclass(frozen=True)
class RequestSpec:
    """One request, sent again and again."""

    rows: int
    """Rows in it, at least 1."""
    outputs: tuple[str, ...]
    """What is asked for: ``"labels"``, ``"distances"``."""


@dataclass(frozen=True)
class LoadSpec:
    """How hard and for how long."""

    connections: int
    """TCP connections, at least 1."""
    concurrency: int
    """Calls in progress at one time over all connections, at least ``connections``."""
    warm_up_seconds: float
    """Length of the run before each measured one, whose figures are thrown away; 0 for none."""
    duration_seconds: float
    """Length of each measured run, above 0."""
    rounds: int
    """Measured runs of each server, at least 1."""


@dataclass(frozen=True)
class Scenario:
    """Everything about one comparison."""

    name: str
    """Name of the file, without its suffix."""
    title: str
    """One line for people."""
    model: ModelSpec
    request: RequestSpec
    load: LoadSpec


def read(path: Path) -> Scenario:
    """Reads a scenario file.

    Raises ScenarioError, with every mistake, when it is not valid, and OSError when it can't be read.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ScenarioError(f"{path}: not valid TOML: {problem}") from None
    return from_document(path.stem, document)


def from_document(name: str, document: dict[str, Any]) -> Scenario:
    """Makes a scenario of a parsed file. Raises ScenarioError with every mistake."""
    mistakes: list[str] = []
    title = document.get("title")
    if not isinstance(title, str) or not title:
        mistakes.append(f"title: expected a line of text, got {title!r}")
    mistakes += [f"{key}: no such table or key" for key in document if key not in ("title", "model", "request", "load")]
    tables = {
        "model": _table(ModelSpec, "model", document, mistakes),
        "request": _table(RequestSpec, "request", document, mistakes),
        "load": _table(LoadSpec, "load", document, mistakes),
    }
    if mistakes:
        raise _error(name, mistakes)
    scenario = Scenario(name=name, title=str(title), **tables)
    check(scenario)
    return scenario


def check(scenario: Scenario) -> None:
    """Raises ScenarioError, with every mistake, when a value is out of range."""
    mistakes = list(_out_of_range(scenario))
    if mistakes:
        raise _error(scenario.name, mistakes)


def _error(name: str, mistakes: Iterable[str]) -> ScenarioError:
    return ScenarioError("\n".join([f"scenario {name} is not valid:", *(f"  {mistake}" for mistake in mistakes)]))


def _table(kind: type, name: str, document: dict[str, Any], mistakes: list[str]) -> Any:
    table = document.get(name)
    if not isinstance(table, dict):
        mistakes.append(f"[{name}]: missing")
        return None
    expected = {field.name: field.type for field in fields(kind)}
    mistakes += [f"{name}.{key}: no such key" for key in table if key not in expected]
    values = {}
    for key, wanted in expected.items():
        if key not in table:
            mistakes.append(f"{name}.{key}: missing")
        elif (value := _converted(table[key], wanted)) is None:
            mistakes.append(f"{name}.{key}: expected {_words(wanted)}, got {table[key]!r}")
        else:
            values[key] = value
    return kind(**values) if len(values) == len(expected) else None


def _converted(value: Any, wanted: Any) -> Any:
    """The value as the type that is wanted, or None when it is another; true is not a number."""
    if wanted is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if wanted is float:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if wanted is str:
        return value if isinstance(value, str) else None
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return tuple(value) if texts else None


def _words(wanted: Any) -> str:
    return {int: "an integer", float: "a number", str: "a text"}.get(wanted, "a list of texts")


def _out_of_range(scenario: Scenario) -> Iterable[str]:
    model, request, load = scenario.model, scenario.request, scenario.load
    if model.algorithm != "k_means":
        yield f'model.algorithm: expected "k_means", got {model.algorithm!r}'
    for output in request.outputs:
        if output not in ("labels", "distances"):
            yield f'request.outputs: expected "labels" or "distances", got {output!r}'
    if not request.outputs or len(set(request.outputs)) < len(request.outputs):
        yield f"request.outputs: expected each output once and at least one, got {list(request.outputs)}"
    least: tuple[tuple[str, float, float], ...] = (
        ("model.n_clusters", model.n_clusters, 1),
        ("model.columns", model.columns, 1),
        ("model.training_rows", model.training_rows, model.n_clusters),
        ("model.seed", model.seed, 0),
        ("request.rows", request.rows, 1),
        ("load.connections", load.connections, 1),
        ("load.concurrency", load.concurrency, load.connections),
        ("load.warm_up_seconds", load.warm_up_seconds, 0),
        ("load.duration_seconds", load.duration_seconds, 0.1),
        ("load.rounds", load.rounds, 1),
    )
    for key, value, smallest in least:
        if not smallest <= value < float("inf"):
            yield f"{key}: expected at least {smallest}, got {value}"
