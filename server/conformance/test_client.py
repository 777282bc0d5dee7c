"""The Python client against the real servers: one, the other, and both at once."""

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from ferrule_client import AsyncClient, Client, KMeans, LogisticRegression, Output
from sklearn.datasets import load_iris

from server.conformance.conftest import KINDS, Pair, Start
from server.conformance.process import PATIENCE, environment

IRIS = load_iris(as_frame=True)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_a_frame_are_matched_by_name(pair: Pair, kind: str) -> None:
    rows = IRIS.data.to_numpy()
    frame = pd.DataFrame(rows, columns=NAMES)
    with Client(pair[kind].address, timeout=PATIENCE) as client:
        outputs: tuple[Output, ...] = ("labels", "probabilities")
        expected = client.predict("iris", rows, outputs=outputs)
        got = client.predict("iris", frame[NAMES[::-1]], outputs=outputs)
        assert got.labels is not None
        assert got.probabilities is not None
        np.testing.assert_array_equal(got.labels, expected.labels)
        np.testing.assert_array_equal(got.probabilities, expected.probabilities)
        with pytest.raises(ValueError, match=r"missing: 'petal width'; not of the model: 'width'"):
            client.predict("iris", frame.rename(columns={"petal width": "width"}))
        # What the client remembers of the names does not decide: the server sees that it is old.
        client.feature_names["iris", None] = tuple(NAMES[::-1])
        again = client.predict("iris", frame).labels
        assert again is not None
        np.testing.assert_array_equal(again, expected.labels)
        assert client.feature_names["iris", None] == tuple(NAMES)


def test_asyncio_gets_the_same_answers_from_both(pair: Pair) -> None:
    rows = IRIS.data.to_numpy()

    async def ask(address: str) -> list[list[int]]:
        async with AsyncClient(address, timeout=PATIENCE) as client:
            answers = await asyncio.gather(
                *(client.predict("iris", rows[start : start + 10]) for start in range(0, 150, 10))
            )
            return [answer.labels.tolist() for answer in answers if answer.labels is not None]

    python, rust = (asyncio.run(ask(pair[kind].address)) for kind in KINDS)
    assert python == rust
    assert len(np.concatenate(rust)) == 150


def test_no_call_fails_while_a_server_shuts_down(start: Start, tmp_path: Path) -> None:
    models = tmp_path / "models"
    # Long enough for the client to see NOT_SERVING, even on a busy machine.
    servers = [start(kind, models, settings={"server_drain_delay": "2s"}) for kind in KINDS]
    rows = IRIS.data.to_numpy()
    with Client([server.address for server in servers], timeout=PATIENCE) as client:
        client.fit_predict(rows, IRIS.target, model="iris", algorithm=LogisticRegression(max_iter=500))
        expected = client.predict("iris", rows, version=1).labels
        calls, stop, failures = [0] * 4, threading.Event(), []

        def keep_calling(caller: int) -> None:
            while not stop.is_set():
                try:
                    np.testing.assert_array_equal(client.predict("iris", rows, version=1).labels, expected)
                except Exception as failure:  # noqa: BLE001 - whatever it is, it is the test's to tell
                    failures.append(failure)
                calls[caller] += 1

        def wait_for_more_calls() -> None:
            wanted = [count + 20 for count in calls]
            while not all(count >= least for count, least in zip(calls, wanted, strict=True)):
                stop.wait(0.01)

        callers = [threading.Thread(target=keep_calling, args=[caller]) for caller in range(len(calls))]
        for caller in callers:
            caller.start()
        try:
            wait_for_more_calls()
            servers[0].ask_to_stop()
            servers[0].wait()
            wait_for_more_calls()
        finally:
            stop.set()
            for caller in callers:
                caller.join()
    assert failures == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_line_fits_and_predicts(start: Start, tmp_path: Path, kind: str) -> None:
    server = start(kind, tmp_path / "models")
    frame = IRIS.data.assign(kind=IRIS.target_names[IRIS.target])
    frame.to_csv(tmp_path / "iris.csv", index=False)
    columns = [*reversed(IRIS.data.columns)]
    IRIS.data[columns].to_csv(tmp_path / "rows.csv", index=False)

    def run(*arguments: object) -> str:
        return subprocess.run(
            [sys.executable, "-m", "ferrule_client", *map(str, arguments), "--address", server.address],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            env=environment(),
        ).stdout

    fit = ("fit", "--algorithm", "logistic-regression", "--model", "iris", "--target", "kind", "--max-iter", 500)
    report = json.loads(run(*fit, "--json", "--output", tmp_path / "fitted.csv", tmp_path / "iris.csv"))
    assert (report["version"], report["converged"]) == (1, True)
    predicted = run("predict", "--model", "iris", "--batch-rows", 40, tmp_path / "rows.csv")
    assert predicted == (tmp_path / "fitted.csv").read_text()
    assert sum(np.array(predicted.splitlines()[1:]) == frame["kind"]) > 140


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_rows_and_float32_mean_what_dense_rows_mean(start: Start, tmp_path: Path, kind: str, dtype: Any) -> None:
    random = np.random.default_rng(0)
    dense = random.normal(size=(200, 5)).astype(dtype)
    dense[random.random(dense.shape) < 0.6] = 0
    classes = (dense[:, 0] + dense[:, 1] > 0).astype(int)
    forms = [
        dense,
        scipy.sparse.csr_array(dense),
        scipy.sparse.csc_matrix(dense),
        pd.DataFrame(dense, columns=list("abcde")),
    ]
    with Client(start(kind, tmp_path / "models").address, timeout=PATIENCE) as client:
        answers = []
        for rows in forms:
            client.fit_predict(rows, classes, model="m", algorithm=LogisticRegression())
            answers.append(client.predict("m", rows, outputs=("labels", "probabilities")))
            clusters = client.fit_predict(rows, algorithm=KMeans(n_clusters=3), outputs=("distances",)).prediction
            assert clusters.distances is not None
            assert clusters.distances.dtype == dtype
    first = answers[0]
    assert first.labels is not None
    assert first.probabilities is not None
    assert first.probabilities.dtype == dtype
    for answer in answers[1:]:
        assert answer.labels is not None
        assert answer.probabilities is not None
        np.testing.assert_array_equal(answer.labels, first.labels)
        np.testing.assert_allclose(
            answer.probabilities, first.probabilities, rtol=1e-5 if dtype is np.float32 else 1e-9
        )
