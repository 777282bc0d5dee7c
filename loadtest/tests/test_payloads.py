"""The ready configurations for ghz name calls and requests that there are."""

import json
from pathlib import Path

import pytest
from ferrule_client import messages

from loadtest import scenario

FOLDER = Path(__file__).parents[1] / "ghz"
CONFIGURATIONS = sorted(FOLDER.glob("*/*.json"))


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_configuration(file: Path) -> None:
    read = json.loads(file.read_text(encoding="utf-8"))
    service, _, method = read["call"].partition("/")
    described = messages.POOL.FindServiceByName(service).methods_by_name[method]
    assert ("data" in read) != ("binary-file" in read)
    if "data" in read:
        assert set(read["data"]) <= set(described.input_type.fields_by_name)
    else:
        payload = Path(read["binary-file"])
        assert str(payload.parent) == "loadtest/ghz/payloads"
        assert (scenario.FOLDER / f"{payload.stem}.toml").exists()
    assert read["duration-stop"] == "wait"
    assert read["disable-template-functions"]
    assert read["disable-template-data"]
    assert read["connections"] <= read["concurrency"]
    assert read["insecure"]


def test_the_servers_are_loaded_alike() -> None:
    by_server = {
        folder: {
            file.name: {**json.loads(file.read_text(encoding="utf-8")), "host": None}
            for file in (FOLDER / folder).glob("*.json")
        }
        for folder in ("rust", "python")
    }
    assert by_server["rust"] == by_server["python"]
    assert len(CONFIGURATIONS) == 2 * len(by_server["rust"])


def test_every_model_that_is_named_is_a_scenarios() -> None:
    named = [json.loads(file.read_text(encoding="utf-8")).get("data", {}).get("model") for file in CONFIGURATIONS]
    scenarios = {f"loadtest-{each.name}" for each in scenario.read_all()}
    assert set(filter(None, named)) <= scenarios
