"""What a strict type checker makes of a program that uses the client."""

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"

#: Lines with a comment are errors, of that kind.
PROGRAM = """\
import asyncio

import numpy as np
import numpy.typing as npt
import pandas as pd

from ferrule_client import AsyncClient, Client, FitResult, Floats, KMeans, LogisticRegression, Prediction, Tls


def blocking(frame: pd.DataFrame, rows: npt.NDArray[np.float32]) -> Floats:
    with Client(["10.0.0.1:1", "10.0.0.2:1"], tls=Tls(root_certificates=b""), token="t", timeout=1.5) as client:
        answer: Prediction = client.predict("m", rows, outputs=["labels", "distances"], version=3)
        client.predict("m", frame)
        client.predict("m", [[1.0, 2.0]], feature_names=["a", "b"])
        fit: FitResult = client.fit_predict(rows, [0, 1], algorithm=LogisticRegression(C=0.5))
        print(fit.report.n_iter + 1, [model.name for model in client.list_models()])
        client.predict("m", rows, outputs=["odds"])  # list-item
        client.predict(1, rows)  # arg-type
        client.predict("m", rows, versions=3)  # call-arg
        client.fit_predict(rows, algorithm="k-means")  # arg-type
        client.list_models().labels  # attr-defined
        if answer.distances is None:
            raise SystemExit
        return answer.distances


async def concurrent(rows: npt.NDArray[np.float64]) -> list[Prediction]:
    async with AsyncClient("localhost:50051") as client:
        await client.fit_predict(rows, model="m", algorithm=KMeans(n_clusters=2))
        client.predict("m", rows).labels  # attr-defined
        return list(await asyncio.gather(client.predict("m", rows), client.predict("m", rows, version=1)))
"""


def test_a_strict_checker_sees_the_types(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-pretty",
            "--cache-dir",
            str(tmp_path),
            "--config-file=",
            program,
        ],
        env={"MYPYPATH": str(SOURCE), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    found = {
        int(line): kind
        for line, kind in re.findall(r"^program.py:(\d+): error: .*\[([a-z-]+)\]$", checked.stdout, re.MULTILINE)
    }
    expected = {
        number: line.rpartition("  # ")[2] for number, line in enumerate(PROGRAM.splitlines(), 1) if "  # " in line
    }
    assert found == expected, checked.stdout + checked.stderr
