"""Peers give the labels that Ferrule gives, from environments of their own, and every setting has its reason."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import ferrule
import grpc
import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse
from ferrule_client import KMeans, messages
from sklearn.datasets import make_blobs

from loadtest import dialects, peers, servers
from loadtest.peers import open_inference, settings
from loadtest.subjects import Deployment, Kind, Launch, Subject
from measuring.environments import Environment

#: They need no installation: everything is in the environment of the tests.
HERE = ("sklearn", "sklearn-asyncio", "core")
BY_NAME = {subject.name: subject for subject in peers.SUBJECTS}
Rows = npt.NDArray[np.float64]


class Case:
    """A model, rows, and Ferrule's labels of them."""

    def __init__(self, folder: Path, kind: Kind, workers: int = 1) -> None:
        rows, classes = make_blobs(600, n_features=5, centers=7, cluster_std=3.0, random_state=3)
        arrays = folder / "model.npz"
        if kind is Kind.K_MEANS:
            fitted: Any = ferrule.KMeans(7, random_state=0).fit(rows)
            np.savez(arrays, centers=fitted.cluster_centers_)
        else:
            # Numbers that are no positions: a peer that answers positions is found out.
            fitted = ferrule.LogisticRegression(max_iter=1000).fit(rows, classes * 3 + 10)
            np.savez(arrays, coef=fitted.coef_, intercept=fitted.intercept_, classes=fitted.classes_)
        self.kind = kind
        self.rows: Rows = rows
        self.labels = fitted.predict(rows)
        file = folder / "models" / "subject" / "3" / "model.safetensors"
        file.parent.mkdir(parents=True)
        ferrule.save(fitted, file)
        empty = folder / "own"
        empty.mkdir()
        self.deployment = Deployment(folder / "models", arrays, "subject", 3, empty, workers)


def serve(launch: Launch, log: Path, path: str, request: bytes) -> bytes:
    """The answer of a peer that runs for this call alone."""
    with (
        servers.launched(
            "peer", launch.command, log=log, settings=launch.environment, start_seconds=launch.start_seconds
        ) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        call: Any = channel.unary_unary(path)
        answer: bytes = call(request, timeout=30, wait_for_ready=True)
    assert server.process.returncode == 0
    return answer


def ask(subject: Subject, case: Case, log: Path, rows: Any) -> npt.NDArray[np.int64]:
    launch = subject.launch(case.deployment, case.kind)
    dialect = subject.dialect
    request = dialect.encode(case.deployment.model, case.deployment.version, rows)
    return dialect.labels(serve(launch, log, f"/{dialect.predict}", request))


@pytest.mark.parametrize("kind", [Kind.K_MEANS, Kind.LOGISTIC_REGRESSION])
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_labels_are_ferrules_and_sigterm_ends_it(name: str, kind: Kind, tmp_path: Path) -> None:
    subject = BY_NAME[name]
    if name not in HERE and not peers.environment(name).python.exists():
        pytest.skip(f"the environment of {name} was not made yet: `make peers` makes it")
    assert subject.missing() is None
    case = Case(tmp_path, kind)
    assert (ask(subject, case, tmp_path / "log", case.rows) == case.labels).all()


@pytest.mark.parametrize("name", HERE)
def test_sparse_rows_have_the_labels_of_dense_ones(name: str, tmp_path: Path) -> None:
    case = Case(tmp_path, Kind.LOGISTIC_REGRESSION)
    case.kind = Kind.SPARSE
    rows = scipy.sparse.csr_array(case.rows)
    assert (ask(BY_NAME[name], case, tmp_path / "log", rows) == case.labels).all()


@pytest.mark.parametrize("name", ["sklearn", "sklearn-asyncio"])
def test_a_fit_has_the_labels_of_ferrules(name: str, tmp_path: Path) -> None:
    case = Case(tmp_path, Kind.K_MEANS)
    request = messages.FitPredictRequest()
    KMeans(n_clusters=7, random_state=0).write(request.spec)
    request.data.input.CopyFrom(dialects.matrix(case.rows))
    launch = BY_NAME[name].launch(case.deployment, Kind.FIT_PREDICT)
    answer = serve(launch, tmp_path / "log", "/ferrule.v1.PredictionService/FitPredict", request.SerializeToString())
    labels = messages.FitPredictResponse.FromString(answer).prediction.labels.integers.values
    assert list(labels) == case.labels.tolist()


@pytest.mark.parametrize("name", HERE)
def test_several_workers_share_a_port_and_all_end(name: str, tmp_path: Path) -> None:
    case = Case(tmp_path, Kind.K_MEANS, workers=2)
    assert (ask(BY_NAME[name], case, tmp_path / "log", case.rows) == case.labels).all()


def test_an_echo_gives_bytes_back(tmp_path: Path) -> None:
    launch = peers.echo(Case(tmp_path, Kind.K_MEANS).deployment, Kind.ECHO)
    path = "/ferrule.v1.PredictionService/Predict"
    assert serve(launch, tmp_path / "log", path, b"not a message") == b"not a message"
    assert len(serve(launch, tmp_path / "log", path, b"x" * 100_000)) == 64 * 1024


def test_a_model_that_is_no_model_is_quoted(tmp_path: Path) -> None:
    case = Case(tmp_path, Kind.K_MEANS)
    np.savez(case.deployment.arrays, centres=np.ones((2, 2)))
    with pytest.raises(servers.ServerError, match="expected centers, or coef"):
        ask(BY_NAME["sklearn"], case, tmp_path / "log", case.rows)


def test_open_inference_requests_are_what_the_protocol_says() -> None:
    # By hand from the protocol's field numbers: model_name, inputs(name, datatype, shape), raw_input_contents.
    tensor = b"\x0a\x04rows" + b"\x12\x04FP64" + b"\x1a\x02\x01\x02"
    raw = np.array([1.0, -2.5], "<f8").tobytes()
    expected = b"\x0a\x02km" + b"\x2a" + bytes([len(tensor)]) + tensor + b"\x3a" + bytes([len(raw)]) + raw
    assert open_inference.encode("km", 9, np.array([[1.0, -2.5]])) == expected


def test_open_inference_answers_of_other_kinds_are_refused() -> None:
    output = b"\x0a\x07predict" + b"\x12\x04FP32" + b"\x1a\x01\x01"
    with pytest.raises(ValueError, match="FP32"):
        open_inference.labels(b"\x2a" + bytes([len(output)]) + output)


def test_every_setting_has_a_value_a_reason_and_a_source() -> None:
    groups = settings.read()
    assert {"grpcio", "scikit-learn", "onnxruntime", "mlserver"} <= set(groups)
    for group in groups.values():
        assert group.about
        for setting in group.settings.values():
            assert setting.reason.endswith(".")
            assert "https://" in setting.source or setting.source == "measured"


def test_settings_reach_the_command(tmp_path: Path) -> None:
    launch = BY_NAME["sklearn"].launch(Case(tmp_path, Kind.K_MEANS, workers=2).deployment, Kind.K_MEANS)
    assert launch.command[launch.command.index("--workers") + 1] == "2"
    assert launch.command[launch.command.index("--threads") + 1] == "4"
    assert launch.environment["GRPC_EXPERIMENTS"] == "-event_engine_listener"
    assert launch.environment["OMP_NUM_THREADS"] == "1"


def environment(folder: Path, requirements: str) -> Environment:
    file = folder / "small.txt"
    file.write_text(requirements)
    return Environment("small", file, folder / "store")


def test_an_environment_is_made_once_and_anew_when_its_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = environment(tmp_path, "# nothing\n")
    assert first.missing() is None
    said = subprocess.run(
        [first.python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str(first.folder)
    # No second installation: it would need the interpreter that is not there any more.
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert first.missing() is None
    second = environment(tmp_path, "# still nothing\n")
    assert second.folder != first.folder
    reason = second.missing()
    assert reason is not None
    assert "can't be made" in reason
    assert sorted(first.store.iterdir()) == [first.folder]


def test_a_peer_that_can_not_be_installed_is_left_out_with_a_word(tmp_path: Path) -> None:
    # A wheel for another interpreter, from the disk: no registry is asked.
    wheel = tmp_path / "other-1.0-cp27-none-any.whl"
    wheel.write_bytes(b"")
    reason = environment(tmp_path, f"other @ {wheel.as_uri()} --hash=sha256:{'0' * 64}\n").missing()
    assert reason is not None
    assert reason.startswith("its packages can't be installed: ")
    assert "not a supported wheel" in reason
    assert "\n" not in reason


def test_versions_are_those_that_are_installed(tmp_path: Path) -> None:
    made = environment(tmp_path, "# nothing\n")
    assert made.missing() is None
    assert set(made.versions("pip")) == {"pip"}
    assert all(part.isdigit() for part in made.versions("pip")["pip"].split("."))


def test_programs_import_nothing_of_the_load_test() -> None:
    # They run where its libraries are not.
    check = (
        "import sys, loadtest.peer_servers.grpcio_server\n"
        "alone = {'loadtest', 'loadtest.peer_servers', 'loadtest.peer_servers.grpcio_server',"
        " 'loadtest.peer_servers.messages', 'loadtest.peer_servers.models'}\n"
        "print(sorted(name for name in sys.modules if name.startswith('loadtest') and name not in alone),"
        " 'numpy' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=servers.ROOT)
    assert said.stdout.strip() == "[] False"
