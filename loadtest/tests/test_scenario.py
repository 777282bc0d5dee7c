"""Scenario files: the ones in the repository are valid, and every mistake is named."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from loadtest import scenario
from loadtest.scenario import ScenarioError
from loadtest.subjects import Kind

SCENARIOS = sorted(scenario.FOLDER.glob("*.toml"))
VALID: dict[str, Any] = {
    "title": "A title",
    "model": {"algorithm": "k_means", "clusters": 3, "columns": 2, "training_rows": 10, "seed": 0},
    "call": {"kind": "k_means", "rows": 1},
    "closed": {"connections": 2, "concurrency": [2, 4]},
    "ceiling": {"connections": 2, "streams": 4},
    "open": {"connections": 2, "fractions": [0.3, 0.5], "rates": [100]},
    "timing": {"warm_up_seconds": 0, "duration_seconds": 1, "rounds": 3},
}
LOGISTIC = {"algorithm": "logistic_regression", "columns": 4, "training_rows": 10}


def changed(table: str, **values: object) -> dict[str, Any]:
    document = copy.deepcopy(VALID)
    document[table].update(values)
    return document


def without(*tables: str, **more: object) -> dict[str, Any]:
    return {**{key: value for key, value in VALID.items() if key not in tables}, **more}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenarios_of_the_repository_are_valid(path: Path) -> None:
    read = scenario.read(path)
    assert read.name == path.stem
    assert scenario.from_document(read.name, read.document()) == read


def test_the_published_case_is_the_headline_and_comes_first() -> None:
    first, *others = scenario.read_all()
    assert first.headline
    assert not any(each.headline for each in others)
    assert first.model is not None
    assert (first.model.clusters, first.model.columns, first.call.rows) == (100, 2, 1)
    assert first.closed is not None
    assert (first.closed.concurrency[0], first.closed.concurrency[-1]) == (2, 4096)


def test_every_kind_of_call_has_a_scenario() -> None:
    kinds = {call.kind for each in scenario.read_all() for call in (each.call, each.beside) if call is not None}
    assert kinds == set(Kind)


def test_values_are_what_the_file_says() -> None:
    made = scenario.from_document("x", VALID)
    assert made.name == "x"
    assert isinstance(made.timing.duration_seconds, float)
    assert made.closed is not None
    assert made.closed.concurrency == (2, 4)
    assert made.limits.timeout_seconds == 20
    assert "name" not in made.document()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (changed("model", clusters="3"), "model.clusters: Input should be a valid integer, got '3'"),
        (changed("model", clusters=True), "model.clusters: Input should be a valid integer, got True"),
        (changed("model", clusters=0), "model.clusters: Input should be greater than or equal to 1, got 0"),
        (changed("model", clusters=None), "model.clusters: missing"),
        (changed("model", training_rows=2), "model.clusters: expected at most model.training_rows, got 3"),
        (changed("model", classes=2), "model: classes and nonzeros are for logistic_regression"),
        (changed("model", algorithm="trees"), "model.algorithm: Input should be 'k_means' or"),
        (without("model", model=LOGISTIC), "model.classes: missing"),
        (without("model", model={**LOGISTIC, "classes": 2}), "call.kind: k_means does not go with this model"),
        (
            without("model", model={**LOGISTIC, "classes": 2, "nonzeros": 5}),
            "model.nonzeros: expected at most model.columns, got 5",
        ),
        (without("model"), "call.kind: k_means needs a [model]"),
        (changed("call", kind="colour"), "call.kind: Input should be"),
        (changed("closed", concurrency=[]), "closed.concurrency: Tuple should have at least 1 item"),
        (changed("closed", concurrency=[4, 2]), "expected each number to be larger than the one before"),
        (changed("open", fractions=[0.5, 1.5]), "open.fractions.1: Input should be less than or equal to 1, got 1.5"),
        (changed("open", fractions=[], rates=[]), "[open]: fractions or rates are needed"),
        (without("ceiling"), "open.fractions: parts of what? [ceiling] is missing"),
        (without("closed", "ceiling", "open"), "[closed], [ceiling] or [open]: at least one is needed"),
        (without(beside={"kind": "fit_predict"}), "[beside]: goes with [closed] alone"),
        (changed("timing", warm_up_seconds=float("nan")), "timing.warm_up_seconds: Input should be a finite number"),
        (
            changed("timing", duration_seconds=0.01),
            "timing.duration_seconds: Input should be greater than or equal to 0.1",
        ),
        (changed("timing", rouns=1), "timing.rouns: no such table or key"),
        (without(title=3), "title: Input should be a valid string, got 3"),
        (without(loads={}), "loads: no such table or key"),
        (without(name="y"), "name: no such key"),
        (without("timing"), "timing: missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistake_is_named(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(message)):
        scenario.from_document("x", document)


def test_every_mistake_is_named_at_once() -> None:
    document = changed("model", clusters=None, colums=2)
    del document["timing"]["rounds"]
    with pytest.raises(ScenarioError) as error:
        scenario.from_document("x", document)
    assert str(error.value).splitlines() == [
        "scenario x is not valid:",
        "  timing.rounds: missing",
        "  model.colums: no such table or key",
    ]


def test_file_that_is_not_toml(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("title =", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"x\.toml: not valid TOML"):
        scenario.read(file)
