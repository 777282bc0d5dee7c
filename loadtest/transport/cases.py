"""What is compared with what, under which loads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ferrule_client import messages

from loadtest import answers, servers
from loadtest.scenario import ModelSpec, RequestSpec

from . import targets
from .h2load import Load
from .subjects import Question, Subject, echoes, others, ours
from .targets import Target


@dataclass(frozen=True)
class Case:
    """Subjects that are measured in the same rounds."""

    title: str
    subjects: Sequence[Subject]
    loads: tuple[Load, ...]
    targets: tuple[Target, ...]
    alone: Question | None = None
    """The question to ask the engine without a transport too, if any."""
    shared: bool = False
    """Whether servers and load generator share all cores; else servers have the first and the load has the rest."""


def all_of(folder: Path) -> list[Case]:
    """Every case. ``folder`` takes the models."""
    small = _question(folder / "small", ModelSpec("k_means", 100, 2, training_rows=10_000, seed=0), rows=1)
    large = _question(folder / "large", ModelSpec("k_means", 10, 64, training_rows=10_000, seed=0), rows=16_384)
    rust, python = ours(small, "rust", "Ferrule, Rust server"), ours(small, "python", "Ferrule, Python server")
    return [
        Case(
            "K-Means, 100 centroids × 2 features: one row in, one label out; one core for the server",
            [rust, python, *echoes(small), *others(small)],
            (Load(4, 16), Load(16, 4)),
            targets.SMALL,
        ),
        Case(
            "16,384 rows × 64 float64 in, labels out; one core for the server",
            [
                ours(large, "rust", "Ferrule, Rust server"),
                ours(large, "python", "Ferrule, Python server"),
                *echoes(large),
            ],
            (Load(2, 1),),
            targets.LARGE,
            alone=large,
        ),
        Case(
            "The small request to the Python server; all cores, shared with the load generator",
            [
                ours(small, "python", "one worker", name="python-1"),
                ours(small, "python", "two workers", name="python-2", workers=2),
            ],
            (Load(16, 4),),
            targets.WORKERS,
            shared=True,
        ),
    ]


def _question(folder: Path, spec: ModelSpec, rows: int) -> Question:
    """Publishes a model through the Rust server; the right answer is scikit-learn's."""
    folder.mkdir()
    models, centers = folder / "models", folder / "centers.npz"
    with servers.running("rust", models, log=folder / "publish.log") as server:
        subject = answers.publish(server.address, spec, "subject")
        agreement = answers.compare(server.address, subject)
    if not agreement.complete:
        raise servers.ServerError(f"the model's answers differ from scikit-learn's: {agreement}")
    response = messages.PredictResponse(model=subject.name, version=subject.version)
    response.prediction.labels.integers.values.extend(np.resize(subject.labels, rows).tolist())
    np.savez(centers, centers=subject.centers)
    request = answers.request_bytes(subject, RequestSpec(rows=rows, outputs=("labels",)))
    file = models / subject.name / str(subject.version) / "model.safetensors"
    return Question(request, bytes(response.SerializeToString()), models, file, centers)
