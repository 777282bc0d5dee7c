"""The peers themselves: how each is started, and what it can be asked."""

import json
import os
import subprocess
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from loadtest import inherited
from loadtest.dialects import FERRULE
from loadtest.servers import ROOT, ServerError
from loadtest.subjects import Deployment, Kind, Launch, Subject
from measuring.environments import Environment

from . import open_inference, settings
from .environments import environment
from .open_inference import OPEN_INFERENCE

_SETTINGS = settings.read()
#: What the programs import: those of the peers, and the classes of Ferrule's messages.
_IMPORTS = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "clients" / "python" / "src")))}
_ONNX = environment("onnxruntime")
_MLSERVER = environment("mlserver")
_MODELS = frozenset({Kind.K_MEANS, Kind.LOGISTIC_REGRESSION})
#: Exporting a model takes seconds.
_EXPORT_SECONDS = 120.0


def _setting(group: str, name: str) -> Any:
    return _SETTINGS[group].settings[name].value


def _grpcio(*served: str, workers: int, python: Path | str = sys.executable, threads: int = 1) -> Launch:
    """``grpcio_server`` with these flags; ``threads`` is what each process computes with."""
    # fmt: off
    command = (
        str(python), "-m", "loadtest.peer_servers.grpcio_server", *served,
        "--threads", str(_setting("grpcio", "threads")), "--workers", str(workers),
    )
    # fmt: on
    return Launch(
        command,
        {
            **_IMPORTS,
            "GRPC_EXPERIMENTS": _setting("grpcio", "experiments"),
            "OMP_NUM_THREADS": str(threads),
            "OPENBLAS_NUM_THREADS": str(threads),
        },
    )


def echo(deployment: Deployment, _kind: Kind) -> Launch:
    """A floor: bytes back on the same transport, with the same settings."""
    return _grpcio(workers=deployment.workers)


def _scikit_learn(style: str, deployment: Deployment, kind: Kind) -> Launch:
    served = ("--style", style, "--library", "scikit-learn")
    if kind is Kind.FIT_PREDICT:
        return _grpcio(*served, workers=1, threads=deployment.workers)
    threads = _setting("scikit-learn", "threads")
    return _grpcio(*served, "--model", str(deployment.arrays), workers=deployment.workers, threads=threads)


def _core(deployment: Deployment, _kind: Kind) -> Launch:
    file = deployment.models / deployment.model / str(deployment.version) / "model.safetensors"
    return _grpcio("--library", "core", "--model", str(file), workers=deployment.workers)


def _onnxruntime(deployment: Deployment, _kind: Kind) -> Launch:
    file = deployment.folder / "model.onnx"
    _export(_ONNX, "onnx", deployment, file)
    served = ("--library", "onnxruntime", "--model", str(file))
    return _grpcio(*served, workers=deployment.workers, python=_ONNX.python)


def _mlserver(deployment: Deployment, _kind: Kind) -> Launch:
    folder = deployment.folder
    model = folder / "model"
    model.mkdir()
    _export(_MLSERVER, "joblib", deployment, model / "model.joblib")
    about_model = {
        "name": deployment.model,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    about_server = {
        "host": "127.0.0.1",
        "debug": _setting("mlserver", "debug"),
        "parallel_workers": 0 if deployment.workers == 1 else deployment.workers,
        "metrics_endpoint": None,
        "grpc_max_message_length": _setting("mlserver", "grpc_max_message_length"),
        "metrics_dir": str(folder / "metrics"),
        "environments_dir": str(folder / "environments"),
    }
    (model / "model-settings.json").write_text(json.dumps(about_model), encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(about_server), encoding="utf-8")
    program = (str(_MLSERVER.python), "-m", "loadtest.peer_servers.mlserver_server", str(folder))
    return Launch(program, {**_IMPORTS, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}, start_seconds=120.0)


def _mlserver_missing() -> str | None:
    open_inference.make_protoset()
    return _MLSERVER.missing()


def _export(environment: Environment, form: str, deployment: Deployment, file: Path) -> None:
    """Writes the model as the peer loads it, by the peer's own libraries."""
    command = (str(environment.python), "-m", "loadtest.peer_servers.export", form, str(deployment.arrays), str(file))
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            env=inherited.environment(_IMPORTS),
            timeout=_EXPORT_SECONDS,
        )
    except subprocess.CalledProcessError as problem:
        raise ServerError(f"the model can't be exported for {environment.name}: {problem.stderr.strip()}") from problem


def _installed(*packages: str) -> dict[str, str]:
    return {package: metadata.version(package) for package in packages}


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        "sklearn",
        "scikit-learn behind grpcio",
        "peer",
        FERRULE,
        _MODELS | {Kind.SPARSE, Kind.FIT_PREDICT},
        partial(_scikit_learn, "sync"),
        versions=lambda: _installed("scikit-learn", "grpcio", "protobuf", "numpy"),
    ),
    Subject(
        "sklearn-asyncio",
        "scikit-learn behind grpcio asyncio",
        "peer",
        FERRULE,
        _MODELS | {Kind.SPARSE, Kind.FIT_PREDICT},
        partial(_scikit_learn, "asyncio"),
        versions=lambda: _installed("scikit-learn", "grpcio", "protobuf", "numpy"),
    ),
    Subject(
        "mlserver",
        "MLServer, scikit-learn runtime",
        "peer",
        OPEN_INFERENCE,
        _MODELS,
        _mlserver,
        missing=_mlserver_missing,
        versions=lambda: _MLSERVER.versions("mlserver", "mlserver-sklearn", "scikit-learn", "grpcio", "protobuf"),
    ),
    Subject(
        "onnxruntime",
        "ONNX Runtime behind grpcio",
        "peer",
        FERRULE,
        _MODELS,
        _onnxruntime,
        missing=_ONNX.missing,
        versions=lambda: _ONNX.versions("onnxruntime", "skl2onnx", "grpcio", "protobuf", "numpy"),
    ),
    Subject(
        "core",
        "Rust core behind grpcio",
        "peer",
        FERRULE,
        _MODELS | {Kind.SPARSE},
        _core,
        versions=lambda: _installed("ferrule", "grpcio", "protobuf", "numpy"),
    ),
)
