"""Both servers, running, on repositories that are equal byte for byte."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from ferrule_client import Client, KMeans, LogisticRegression
from sklearn.datasets import load_iris

from server.conformance.call import ask, request_type
from server.conformance.process import Server, running

KINDS = ("python", "rust")

Pair: TypeAlias = dict[str, Server]
#: Starts a server of a kind: ``start("rust", directory, settings={...})``.
Start: TypeAlias = Callable[..., Server]


def publish_fixtures(server: Server) -> None:
    """The models that the cases are about; ``cases/predict.toml`` says what they are."""
    rows = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0, 0], [5, 5], [9, 0]], 20, axis=0)
    iris = load_iris()
    with Client(server.address, timeout=60) as client:
        for name, versions in (("blobs", 2), ("asleep", 1)):
            for seed in range(versions):
                client.fit_predict(rows, model=name, algorithm=KMeans(n_clusters=3, random_state=seed))
        client.fit_predict(
            np.random.default_rng(1).uniform(-10, 10, size=(300, 2)), model="wide", algorithm=KMeans(n_clusters=100)
        )
        names = ["sepal length", "sepal width", "petal length", "petal width"]
        client.fit_predict(
            iris.data, iris.target, model="iris", algorithm=LogisticRegression(max_iter=500), feature_names=names
        )
        client.fit_predict(
            [[-3], [-2], [2], [3]], ["cat", "cat", "dog", "dog"], model="pets", algorithm=LogisticRegression()
        )


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the fixture models, made by one of the servers."""
    directory = tmp_path_factory.mktemp("template")
    with running("rust", directory, tmp_path_factory.mktemp("logs"), workers=1) as server:
        publish_fixtures(server)
    return directory


@contextmanager
def equal_servers(template: Path, folder: Path) -> Iterator[Pair]:
    """Each server on its own copy of the fixture models."""
    with ExitStack() as stack:
        servers = {}
        for kind in KINDS:
            models = folder / f"{kind}-models"
            shutil.copytree(template, models)
            servers[kind] = stack.enter_context(running(kind, models, folder))
        for server in servers.values():
            with server.channel() as channel:
                ask(channel, "UnloadModel", request_type("UnloadModel")(model="asleep"))
        yield servers


@pytest.fixture(scope="session")
def pair(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers for tests that leave the fixture models as they are."""
    with equal_servers(template, tmp_path_factory.mktemp("pair")) as servers:
        yield servers


@pytest.fixture(scope="module")
def scratch_pair(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers for tests that do to the models what they like, to both the same."""
    with equal_servers(template, tmp_path_factory.mktemp("scratch")) as servers:
        yield servers


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers that are stopped, and checked, when the test ends."""
    with ExitStack() as stack:

        def start(kind: str, models: Path | None = None, **options: Any) -> Server:
            server: AbstractContextManager[Server] = running(kind, models or tmp_path / "models", tmp_path, **options)
            return stack.enter_context(server)

        yield start
