"""Scenario files: the ones in the repository are valid, and every mistake is named."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from loadtest import scenario
from loadtest.scenario import ScenarioError

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))
VALID: dict[str, Any] = {
    "title": "A title",
    "model": {"algorithm": "k_means", "n_clusters": 3, "columns": 2, "training_rows": 10, "seed": 0},
    "request": {"rows": 1, "outputs": ["labels"]},
    "load": {"connections": 2, "concurrency": 4, "warm_up_seconds": 0, "duration_seconds": 1, "rounds": 1},
}


def changed(table: str, **values: object) -> dict[str, Any]:
    document = copy.deepcopy(VALID)
    document[table].update(values)
    return document


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenarios_of_the_repository_are_valid(path: Path) -> None:
    assert scenario.read(path).name == path.stem


def test_there_is_a_scenario_of_100_centroids_and_2_features() -> None:
    read = scenario.read(SCENARIOS[0].with_name("kmeans-100x2.toml"))
    assert (read.model.n_clusters, read.model.columns, read.request.rows) == (100, 2, 1)


def test_values_are_what_the_file_says() -> None:
    made = scenario.from_document("x", VALID)
    assert made.load.duration_seconds == 1.0
    assert isinstance(made.load.duration_seconds, float)
    assert made.request.outputs == ("labels",)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (changed("model", n_clusters="3"), "model.n_clusters: expected an integer, got '3'"),
        (changed("model", n_clusters=True), "model.n_clusters: expected an integer, got True"),
        (changed("model", n_clusters=0), "model.n_clusters: expected at least 1, got 0"),
        (changed("model", training_rows=2), "model.training_rows: expected at least 3, got 2"),
        (changed("model", algorithm="trees"), "model.algorithm: expected \"k_means\", got 'trees'"),
        (changed("request", outputs="labels"), "request.outputs: expected a list of texts, got 'labels'"),
        (changed("request", outputs=[]), "request.outputs: expected each output once and at least one, got []"),
        (changed("request", outputs=["colour"]), 'request.outputs: expected "labels" or "distances", got \'colour\''),
        (changed("load", concurrency=1), "load.concurrency: expected at least 2, got 1"),
        (changed("load", warm_up_seconds=float("nan")), "load.warm_up_seconds: expected at least 0, got nan"),
        (changed("load", duration_seconds=float("inf")), "load.duration_seconds: expected at least 0.1, got inf"),
        (changed("load", rouns=1), "load.rouns: no such key"),
        ({**VALID, "title": 3}, "title: expected a line of text, got 3"),
        ({**VALID, "loads": {}}, "loads: no such table or key"),
        ({key: VALID[key] for key in ("title", "model", "request")}, "[load]: missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistake_is_named(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(message)):
        scenario.from_document("x", document)


def test_every_mistake_is_named_at_once() -> None:
    document = changed("model", n_clusters=None, colums=2)
    del document["load"]["rounds"]
    with pytest.raises(ScenarioError) as error:
        scenario.from_document("x", document)
    assert str(error.value).splitlines() == [
        "scenario x is not valid:",
        "  model.colums: no such key",
        "  model.n_clusters: expected an integer, got None",
        "  load.rounds: missing",
    ]


def test_file_that_is_not_toml(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("title =", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"x\.toml: not valid TOML"):
        scenario.read(file)
