"""The command line against a server inside the test: files in, answers out, errors in one line."""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import grpc
import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse
from ferrule_client import ModelInfo, messages
from ferrule_client.cli import arguments, main
from ferrule_client.cli.batches import BUDGET, batches, rows_per_batch

from clients.python.tests.scripted import FIT_PREDICT, GET_MODEL, PREDICT, Script, serving

ROWS = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0], [5.0, 50.0]])
CSV = "b,a\n" + "".join(f"{b},{a}\n" for a, b in ROWS)


def predicted(request: bytes) -> bytes:
    """The first column of the rows as labels, and the rows themselves as probabilities."""
    asked = messages.PredictRequest.FromString(request)
    answer = messages.PredictResponse(model=asked.model, version=asked.version)
    rows = matrix(asked.input)
    answer.prediction.labels.integers.values.extend(rows[:, 0].astype(int).tolist())
    if 2 in asked.outputs:
        answer.prediction.probabilities.MergeFrom(
            messages.Matrix(rows=len(rows), columns=2, float64=np.ascontiguousarray(rows).tobytes())
        )
    serialized: bytes = answer.SerializeToString()
    return serialized


def matrix(message: Any) -> Any:
    shape = (message.rows, message.columns)
    values = np.frombuffer(message.float64) if message.float64 else np.frombuffer(message.float32, "<f4")
    if message.HasField("csr"):
        places = (np.frombuffer(message.csr.indices, "<u4"), np.frombuffer(message.csr.indptr, "<u8"))
        return scipy.sparse.csr_array((values, *places), shape=shape).toarray()
    return values.reshape(shape)


def fitted(request: bytes) -> bytes:
    asked = messages.FitPredictRequest.FromString(request)
    answer = messages.FitPredictResponse()
    answer.report.n_iter, answer.report.converged, answer.report.version, answer.report.loss = 7, True, 3, 0.25
    answer.prediction.labels.MergeFrom(asked.data.targets)
    serialized: bytes = answer.SerializeToString()
    return serialized


@pytest.fixture
def script() -> Script:
    described = messages.GetModelResponse(
        model="m", version=4, kind="logistic_regression", columns=2, feature_names=["a", "b"]
    )
    described.classes.strings.values.extend(["no", "yes"])
    return Script(answers={GET_MODEL: described.SerializeToString(), PREDICT: predicted, FIT_PREDICT: fitted})


@dataclass
class Outcome:
    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.delenv("FERRULE_TOKEN", raising=False)
    with serving(script) as address:

        def run(command: str, *arguments: object) -> Outcome:
            try:
                status = main([command, "--address", address, *map(str, arguments)])
            except SystemExit as end:
                status = int(end.code or 0)
            return Outcome(status, *capsys.readouterr())

        yield run


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    return path


def test_rows_of_a_csv_file_are_answered(run: Run, script: Script, rows: Path) -> None:
    outcome = run("predict", "--model", "m", rows)
    assert (outcome.status, outcome.out, outcome.err) == (0, "label\n1\n2\n3\n4\n5\n", "")
    sent = messages.PredictRequest.FromString(script.requests[PREDICT][0])
    # By name, in the model's order, of the version that was described.
    assert (list(sent.input.feature_names), sent.version) == (["a", "b"], 4)
    np.testing.assert_array_equal(matrix(sent.input), ROWS)


def test_answers_come_as_json(run: Run, rows: Path) -> None:
    outcome = run("predict", "--model", "m", "--outputs", "labels,probabilities", "--json", rows)
    assert json.loads(outcome.out) == {
        "model": "m",
        "version": 4,
        "classes": ["no", "yes"],
        "labels": [1, 2, 3, 4, 5],
        "probabilities": ROWS.tolist(),
    }


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_batches_are_joined(run: Run, script: Script, rows: Path, size: int) -> None:
    outcome = run("predict", "--model", "m", "--outputs", "labels,probabilities", "--batch-rows", size, rows)
    expected = "".join(f"{int(a)},{a},{b}\n" for a, b in ROWS)
    assert outcome.out == f"label,probabilities_no,probabilities_yes\n{expected}"
    assert len(script.requests[PREDICT]) == -(-5 // size)


def test_answers_go_to_files(run: Run, rows: Path, tmp_path: Path) -> None:
    for name in ("answers.csv", "answers.json", "answers.npz"):
        outcome = run("predict", "--model", "m", "--outputs", "labels,probabilities", "--output", tmp_path / name, rows)
        assert (outcome.status, outcome.out) == (0, "")
    assert (tmp_path / "answers.csv").read_text().splitlines()[1] == "1,1.0,10.0"
    assert json.loads((tmp_path / "answers.json").read_text())["labels"] == [1, 2, 3, 4, 5]
    with np.load(tmp_path / "answers.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["labels"], [1, 2, 3, 4, 5])
        np.testing.assert_array_equal(arrays["probabilities"], ROWS)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numpys_files_are_read(run: Run, script: Script, tmp_path: Path, dtype: Any) -> None:
    np.save(tmp_path / "rows.npy", ROWS.astype(dtype))
    outcome = run("predict", "--model", "m", "--batch-rows", 2, tmp_path / "rows.npy")
    assert outcome.out == "label\n1\n2\n3\n4\n5\n"
    sent = messages.PredictRequest.FromString(script.requests[PREDICT][0]).input
    assert bool(sent.float32) == (dtype is np.float32)


def test_scipys_files_are_read_and_stay_sparse(run: Run, script: Script, tmp_path: Path) -> None:
    scipy.sparse.save_npz(tmp_path / "rows.npz", scipy.sparse.csc_array(ROWS))
    outcome = run("predict", "--model", "m", "--batch-rows", 2, tmp_path / "rows.npz")
    assert outcome.out == "label\n1\n2\n3\n4\n5\n"
    sent = messages.PredictRequest.FromString(script.requests[PREDICT][1]).input
    assert sent.HasField("csr")
    np.testing.assert_array_equal(matrix(sent), ROWS[2:4])


def test_a_file_without_a_header_is_rows(run: Run, script: Script, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("1;10;x\n\n2;20;y\n")
    outcome = run("predict", "--model", "m", "--no-header", "--delimiter", ";", "--drop", "-1", path)
    assert outcome.out == "label\n1\n2\n"
    assert not messages.PredictRequest.FromString(script.request).input.feature_names
    path.write_text("1,10\n2,20\n")
    outcome = run("predict", "--model", "m", path)
    assert outcome.status == 2
    assert "try --no-header" in outcome.err


def test_columns_are_left_out_or_missed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,a,b\nx,1,10\n")
    assert run("predict", "--model", "m", "--drop", "id", path).out == "label\n1\n"
    path.write_text("a,c\n1,10\n")
    outcome = run("predict", "--model", "m", path)
    assert outcome.status == 2
    assert "missing: 'b'; not of the model: 'c'" in outcome.err


def test_a_model_is_fitted(run: Run, script: Script, tmp_path: Path) -> None:
    path = tmp_path / "pets.csv"
    path.write_text("\ufeffweight,kind,height\n4,cat,20\n9,dog,40\n")
    outcome = run(
        "fit", "--model", "pets", "--algorithm", "logistic-regression", "--target", "kind",
        "--C", "0.5", "--no-fit-intercept", "--max-iter", 50, path,
    )  # fmt: skip
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "pets version 3: converged after 7 iterations, loss 0.25\n"
    sent = messages.FitPredictRequest.FromString(script.requests[FIT_PREDICT][0])
    chosen = sent.spec.logistic_regression
    assert (sent.spec.model, chosen.c, chosen.fit_intercept, chosen.max_iter) == ("pets", 0.5, False, 50)
    assert not chosen.HasField("tol")
    assert list(sent.data.targets.strings.values) == ["cat", "dog"]
    assert list(sent.data.input.feature_names) == ["weight", "height"]
    np.testing.assert_array_equal(matrix(sent.data.input), [[4.0, 20.0], [9.0, 40.0]])
    # gRPC sends timeouts of minutes rounded up, in whole seconds.
    assert 500 < script.deadline <= 601


@pytest.mark.parametrize("form", ["csv", "npy", "npz"])
def test_the_target_may_be_a_numbered_column(run: Run, script: Script, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"rows.{form}"
    rows = np.array([[1.0, 7.0, 2.0], [3.0, 8.0, 4.0]])
    if form == "csv":
        path.write_text("1,7,2\n3,8,4\n")
    elif form == "npy":
        np.save(path, rows)
    else:
        scipy.sparse.save_npz(path, scipy.sparse.csr_array(rows))
    arguments = ("--model", "m", "--algorithm", "logistic-regression", "--target", "1", "--no-header", path)
    output = tmp_path / "answers.csv"
    outcome = run("fit", *arguments, "--json", "--output", output)
    assert json.loads(outcome.out) == {"model": "m", "n_iter": 7, "converged": True, "version": 3, "loss": 0.25}
    assert output.read_text() == "label\n7\n8\n"
    data = messages.FitPredictRequest.FromString(script.requests[FIT_PREDICT][0]).data
    assert list(data.targets.integers.values) == [7, 8]
    np.testing.assert_array_equal(matrix(data.input), rows[:, [0, 2]])


def test_a_clustering_takes_its_parameters(run: Run, script: Script, rows: Path) -> None:
    run("fit", "--model", "m", "--algorithm", "k-means", "--n-clusters", 2, "--random-state", 5, "--tol", 0, rows)
    chosen = messages.FitPredictRequest.FromString(script.request).spec.k_means
    assert (chosen.n_clusters, chosen.random_state, chosen.tol, chosen.HasField("n_init")) == (2, 5, 0.0, False)


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (int | None, "3", 3),
        (float | None, "1e-3", 1e-3),
        (float | None, "inf", float("inf")),
        (int | Literal["auto"] | None, "auto", "auto"),
        (int | Literal["auto"] | None, "3", 3),
        (Literal["random"] | npt.ArrayLike | None, "random", "random"),
        (Literal["balanced"] | Mapping[str, float] | None, "balanced", "balanced"),
        (str | None, "words", "words"),
    ],
)
def test_parameters_are_read_by_their_types(hint: Any, text: str, value: Any) -> None:
    read = arguments.value(hint)(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("hint", [int | None, Literal["a"] | Mapping[str, float] | None, Literal["a"] | npt.ArrayLike])
def test_parameters_of_other_types_are_refused(hint: Any) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected (N|a)"):
        arguments.value(hint)("text")


WRONG = {
    "no such file": ("predict", "--model", "m", "nowhere.csv"),
    "expected a file named .csv, .npy or .npz": ("predict", "--model", "m", "rows.parquet"),
    "expected a whole number from 1, got '0'": ("predict", "--model", "m", "--batch-rows", "0", "rows.csv"),
    "expected labels, probabilities, decision_function, distances, got 'odds'": (
        "predict", "--model", "m", "--outputs", "odds", "rows.csv"
    ),
    "rows.csv: no column is named 'c'; there are 'b', 'a'": (
        "fit", "--model", "m", "--algorithm", "logistic-regression", "--target", "c", "rows.csv"
    ),
    "--n-clusters: logistic-regression has no such parameter": (
        "fit", "--model", "m", "--algorithm", "logistic-regression", "--n-clusters", "3", "rows.csv"
    ),
    "invalid choice: 'svm'": ("fit", "--model", "m", "--algorithm", "svm", "rows.csv"),
    "text.csv line 3, column 'b': expected a number, got 'x'": ("predict", "--model", "m", "text.csv"),
    "ragged.csv line 3: expected 2 cells, got 3": ("predict", "--model", "m", "ragged.csv"),
    "empty.csv: expected rows, got an empty file": ("predict", "--model", "m", "empty.csv"),
    "names.csv: expected rows, got none": ("predict", "--model", "m", "names.csv"),
    "latin.csv: expected UTF-8": ("predict", "--model", "m", "latin.csv"),
    "objects.npy: expected an array of NumPy": ("predict", "--model", "m", "objects.npy"),
    "dense.npz: expected a sparse matrix of SciPy": ("predict", "--model", "m", "dense.npz"),
    "flat.npy: expected 2 dimensions (rows, columns), got shape (3,)": ("predict", "--model", "m", "flat.npy"),
    "--output: expected a file named .csv, .json or .npz": ("predict", "--model", "m", "--output", "x.txt", "rows.csv"),
    "--output: there is no directory": ("predict", "--model", "m", "--output", "no/x.csv", "rows.csv"),
    "tls: expected certificate and key": ("predict", "--model", "m", "--cert", "rows.csv", "rows.csv"),
    "token: expected visible ASCII": ("predict", "--model", "m", "--token-file", "rows.csv", "rows.csv"),
}  # fmt: skip


@pytest.mark.parametrize("problem", WRONG)
def test_mistakes_are_one_line(
    run: Run, script: Script, rows: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    folder = rows.parent
    monkeypatch.chdir(folder)
    (folder / "text.csv").write_text("a,b\n1,10\n2,x\n")
    (folder / "ragged.csv").write_text("a,b\n1,10\n2,20,30\n")
    (folder / "empty.csv").write_text("\n")
    (folder / "names.csv").write_text("a,b\n")
    (folder / "latin.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    np.save(folder / "objects.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    np.save(folder / "flat.npy", np.zeros(3))
    np.savez(folder / "dense.npz", rows=ROWS)
    outcome = run(*WRONG[problem])
    assert outcome.status == 2
    assert problem in outcome.err.replace("No such", "no such")
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert PREDICT not in script.calls
    assert FIT_PREDICT not in script.calls


def test_what_the_server_refuses_is_told(run: Run, script: Script, rows: Path) -> None:
    script.code, script.message = grpc.StatusCode.NOT_FOUND, "no model is named m"
    outcome = run("predict", "--model", "m", rows)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "ferrule-client: error: NOT_FOUND: no model is named m\n"


def test_what_is_wrong_in_a_batch_is_told_with_its_rows(run: Run, script: Script, rows: Path) -> None:
    def refuse_what_follows(request: bytes) -> bytes:
        script.code, script.message = grpc.StatusCode.INVALID_ARGUMENT, "input.float64[1]: expected a finite number"
        # The client asks for the names again before it gives up.
        script.refuses = PREDICT
        return predicted(request)

    script.answers[PREDICT] = refuse_what_follows
    outcome = run("predict", "--model", "m", "--batch-rows", 2, rows)
    assert outcome.status == 1
    assert "rows 2 to 3: input.float64[1]: expected a finite number" in outcome.err


def test_no_server_is_told(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--model", "m", "--address", "127.0.0.1:1", "--timeout", "5", str(rows)]) == 1
    assert capsys.readouterr().err.startswith("ferrule-client: error: UNAVAILABLE: ")


def test_tokens_come_from_the_environment_or_a_file(
    run: Run, script: Script, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERRULE_TOKEN", "from-the-environment")
    assert run("predict", "--model", "m", rows).status == 0
    assert script.metadata["authorization"] == "Bearer from-the-environment"
    token = tmp_path / "token"
    token.write_text("from-a-file\n")
    run("predict", "--model", "m", "--token-file", token, rows)
    assert script.metadata["authorization"] == "Bearer from-a-file"
    outcome = run("predict", "--model", "m", "--address", "10.0.0.1:1", rows)
    assert outcome.status == 2
    assert "token: would be sent to 10.0.0.1:1 unencrypted" in outcome.err
    assert "from-the-environment" not in outcome.err


def test_help_is_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for command_line, expected in (
        (["--help"], "predict"),
        (["predict", "--help"], "--no-header"),
        (["fit", "-h"], "--n-clusters"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(command_line)
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        assert expected in shown
        assert "exit status: 0" in shown


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"ferrule-client {metadata.version('ferrule-client')}\n"


def test_without_being_installed_it_lacks_nothing_but_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(SystemExit) as helped:
        main(["--help"])
    assert helped.value.code == 0
    with pytest.raises(SystemExit) as asked:
        main(["--version"])
    assert asked.value.code == 1
    assert "not installed" in capsys.readouterr().err


def process(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The command line as a process of its own."""
    # A test run in the background of a shell inherits an ignored SIGINT.
    start = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('ferrule_client', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", start, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_ctrl_c_ends_it(script: Script, rows: Path) -> None:
    script.waits = True
    with serving(script) as address, process("predict", "--address", address, "--model", "m", rows) as command:
        assert script.called.wait(60)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=60)
    assert (command.returncode, out, err) == (130, "", "ferrule-client: error: interrupted\n")


def test_rows_come_from_standard_input(script: Script) -> None:
    with serving(script) as address:
        command = process("predict", "--address", address, "--model", "m", "-", stdin=subprocess.PIPE)
        out, err = command.communicate(CSV, timeout=60)
    assert (command.returncode, out, err) == (0, "label\n1\n2\n3\n4\n5\n", "")


def test_a_reader_that_leaves_is_no_error(script: Script, rows: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with serving(script) as address:
        arguments = [sys.executable, "-m", "ferrule_client", "predict", "--address", address, "--model", "m", str(rows)]
        ended = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_bar_is_drawn_on_a_terminal(script: Script, rows: Path) -> None:
    terminal, end = os.openpty()
    with serving(script) as address:
        arguments = [sys.executable, "-m", "ferrule_client", "predict", "--address", address, "--model", "m", str(rows)]
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
        ended = subprocess.run(
            arguments, stdout=subprocess.PIPE, stderr=end, text=True, timeout=60, check=False, env=environment
        )
    os.close(end)
    drawn = b""
    while select.select([terminal], [], [], 5)[0]:
        try:
            drawn += os.read(terminal, 65536)
        except OSError:
            break
    os.close(terminal)
    assert (ended.returncode, ended.stdout) == (0, "label\n1\n2\n3\n4\n5\n")
    assert b"m version 4" in drawn
    assert b"5/5" in drawn


@pytest.mark.parametrize(
    ("rows", "size", "expected"), [(5, 2, [(0, 2), (2, 4), (4, 5)]), (4, 4, [(0, 4)]), (1, 9, [(0, 1)])]
)
def test_batches_cover_every_row_once(rows: int, size: int, expected: list[tuple[int, int]]) -> None:
    assert [(batch.start, batch.stop) for batch in batches(rows, size)] == expected


def test_a_batch_and_its_answer_stay_within_the_budget() -> None:
    model = ModelInfo("m", 1, "k_means", 1, n_clusters=100, classes=None, feature_names=())
    narrow = np.zeros((1, 1))
    assert rows_per_batch(narrow, model, ("labels",)) == BUDGET // 10
    assert rows_per_batch(narrow, model, ("labels", "distances")) == BUDGET // (10 + 800)
    wide = np.zeros((1, 2_000_000))
    assert rows_per_batch(wide, model, ("labels",)) == 1
    assert rows_per_batch(np.zeros((1, 1000), np.float32), model, ("labels",)) == BUDGET // 4000
    sparse = scipy.sparse.csr_array(np.array([[0.0, 0.0, 1.0], [1.0, 2.0, 3.0]]))
    assert rows_per_batch(sparse, model, ("labels",)) == BUDGET // (8 + 3 * 12)
