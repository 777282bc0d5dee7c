"""What docs/train-in-python-deploy-in-rust.md shows happens."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import ferrule
import numpy as np
import pytest
from ferrule_client import Client, InvalidArgument, KMeans, LogisticRegression
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from server.conformance.conftest import Start
from server.conformance.process import PATIENCE, ROOT

GUIDE = ROOT / "docs" / "train-in-python-deploy-in-rust.md"
#: What the guide calls the server, and the address it gives it.
SERVE, ADDRESS = "ferrule-server serve --models models --port 50052", "127.0.0.1:50052"


def test_the_guide_does_what_it_says(start: Start, tmp_path: Path) -> None:
    blocks = re.findall(r"^```(python|sh)\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert [language for language, _ in blocks] == ["python", "sh", "sh", "sh", "python", "python"]
    address = None
    for language, text in blocks:
        if language == "python":
            lines = text.splitlines()
            promised = [line.partition("# ")[2].strip() for line in lines if line.lstrip().startswith("print(")]
            code = text if address is None else text.replace(ADDRESS, address)
            assert printed([sys.executable, "-c", code], tmp_path).splitlines() == promised
            continue
        for line in text.splitlines():
            if line == SERVE:
                address = start("rust", tmp_path / "models").address
                continue
            program, *arguments = shlex.split(line)
            assert program == "ferrule"
            said = printed([sys.executable, "-m", "ferrule", *arguments], tmp_path)
            if arguments[0] == "convert":
                name = arguments[arguments.index("--name") + 1]
                assert f"published {name}/1: models/{name}/1/model.safetensors" in said
                shown = re.search(rf"^source.*?^published {name}/1", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
                if shown is not None:
                    assert without_numbers(shown.group()) in without_numbers(said)
            elif arguments[1] == "verify":
                assert said.endswith("all 2 in order\n")
    assert address is not None


def test_a_model_fitted_over_the_wire_comes_back_to_python(start: Start, tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    with Client(start("rust", tmp_path).address) as client:
        groups = client.fit_predict(X, model="groups", algorithm=KMeans(n_clusters=3), outputs=["labels", "distances"])
        species = client.fit_predict(
            X, names, model="species", algorithm=LogisticRegression(C=0.5, max_iter=500), outputs=["probabilities"]
        )
    distances, probabilities = groups.prediction.distances, species.prediction.probabilities
    assert distances is not None
    assert probabilities is not None
    loaded = ferrule.load(tmp_path, model="groups")
    assert (loaded.inertia_, loaded.n_iter_, loaded.n_clusters) == (groups.report.inertia, groups.report.n_iter, 3)
    np.testing.assert_array_equal(loaded.predict(X), groups.prediction.labels)
    np.testing.assert_allclose(loaded.to_sklearn().transform(X), distances, rtol=0, atol=1e-12)
    loaded = ferrule.load(tmp_path, model="species")
    assert (loaded.C, loaded.n_iter_.tolist()) == (0.5, [species.report.n_iter])
    np.testing.assert_array_equal(loaded.predict_proba(X), probabilities)
    np.testing.assert_allclose(loaded.to_sklearn().predict_proba(X), probabilities, rtol=0, atol=1e-14)
    assert loaded.to_sklearn().classes_.tolist() == ["setosa", "versicolor", "virginica"]


def test_sparse_rows_before_a_scaler_with_a_mean_are_refused(start: Start, tmp_path: Path) -> None:
    X, _ = load_iris(return_X_y=True)
    ferrule.save(make_pipeline(StandardScaler(), ferrule.KMeans(2, random_state=0)).fit(X), tmp_path, model="dense")
    pipeline = make_pipeline(MaxAbsScaler(), ferrule.KMeans(2, random_state=0)).fit(X)
    ferrule.save(pipeline, tmp_path, model="sparse")
    rows = sparse.csr_array(X)
    for kind in ("rust", "python"):
        with Client(start(kind, tmp_path).address) as client:
            np.testing.assert_array_equal(client.predict("sparse", rows).labels, pipeline.predict(X))
            with pytest.raises(InvalidArgument, match="expected dense rows: StandardScaler with a mean"):
                client.predict("dense", rows)


def printed(command: list[str], folder: Path) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def without_numbers(text: str) -> str:
    """The text with every difference and version of scikit-learn as one: they depend on the machine."""
    return re.sub(r"\d+\.\d+(e[-+]\d+|\.\d+)?\s*", "N ", text)
