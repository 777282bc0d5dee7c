"""The command `ferrule models`, and what it loads."""

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import ferrule
import numpy as np
import pytest
from ferrule.command_line import main
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PATIENCE = 60.0
X = np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two versions of one model and one of another."""
    directory = tmp_path / "models"
    for clusters in (2, 3):
        ferrule.save(ferrule.KMeans(clusters, random_state=0).fit(X), directory, model="groups")
    labels = np.array(["down", "up"])[(X[:, 0] > 0).astype(int)]
    ferrule.save(make_pipeline(StandardScaler(), ferrule.LogisticRegression()).fit(X, labels), directory, model="way")
    return directory


def damage(models: Path) -> None:
    file = models / "groups/2/model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def printed(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert main(["models", *map(str, arguments)]) == status
    return capsys.readouterr().out


def data(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Any:
    return json.loads(printed(capsys, *arguments, "--json", status=status))


def test_list(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "list", models).splitlines() == [
        "MODEL   VERSION  KIND                 COLUMNS  CLUSTERS OR CLASSES  STATE",
        "groups        1  k_means                    3                    2  ok",
        "groups        2  k_means                    3                    3  ok",
        "way           1  logistic_regression        3                    2  ok",
    ]
    damage(models)
    listed = data(capsys, "list", models)
    assert [(entry["name"], entry["version"], entry["state"]) for entry in listed] == [
        ("groups", 1, "ok"),
        ("groups", 2, "damaged"),
        ("way", 1, "ok"),
    ]
    assert listed[1]["problem"] == "the checksum does not match the content"
    assert "damaged: the checksum" in printed(capsys, "list", models)


def test_inspect(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split(maxsplit=1) for line in printed(capsys, "inspect", models, "way").splitlines()]
    assert ["classes", "2 (down, up)"] in lines
    assert ["scaling", "standard_scaler"] in lines
    assert ["source", "ferrule.LogisticRegression"] in lines
    newest, first = data(capsys, "inspect", models, "groups"), data(capsys, "inspect", models, "groups/1")
    assert (newest["version"], newest["width"], first["version"], first["width"]) == (2, 3, 1, 2)
    assert first["description"]["estimator"]["parameters"]["n_clusters"] == 2
    damage(models)
    assert "groups/2 is damaged" in printed(capsys, "inspect", models, "groups", status=1)


def test_verify(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "verify", models).endswith("all 3 in order\n")
    damage(models)
    (models / "way/1/model.safetensors").unlink()
    text = printed(capsys, "verify", models, status=1)
    assert "groups        2  damaged: the checksum does not match the content" in text
    assert text.endswith("2 of 3 damaged\n")
    assert [entry["state"] for entry in data(capsys, "verify", models, status=1)] == ["ok", "damaged", "damaged"]
    printed(capsys, "verify", models, "groups/1")
    printed(capsys, "verify", models, "groups", status=1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["list", "NOWHERE"], "NOWHERE: No such file or directory"),
        (["inspect", "MODELS", "nobody"], 'has no model "nobody"'),
        (["inspect", "MODELS", "groups/9"], 'has no model "groups" of version 9'),
        (["inspect", "MODELS", "groups/x"], "expected NAME or NAME/VERSION, got 'groups/x'"),
    ],
)
def test_mistakes(arguments: list[str], problem: str, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *(part.replace("MODELS", str(models)) for part in arguments)]) == 1
    assert problem in capsys.readouterr().err


def test_an_empty_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "list", tmp_path) == "no models\n"
    assert data(capsys, "verify", tmp_path) == []


def test_looking_at_models_needs_the_compiled_module_alone(models: Path) -> None:
    program = f"""
import sys
for missing in ("numpy", "scipy", "sklearn", "joblib", "pickle"):
    sys.modules[missing] = None
from ferrule.command_line import main
for action in (["list"], ["verify"], ["inspect", "way"]):
    assert main(["models", action[0], {str(models)!r}, *action[1:]]) == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "all 3 in order" in done.stdout


def test_the_program_is_there(tmp_path: Path) -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    module, _, function = project["project"]["scripts"]["ferrule"].partition(":")
    assert getattr(import_module(module), function) is main
    command = [sys.executable, "-m", "ferrule", "models", "list", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("no models\n", "", 0)
