"""What is compared with what, under which loads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ferrule_client import messages

from loadtest import questions, servers
from loadtest.answers import Inquirer
from loadtest.dialects import FERRULE
from loadtest.h2load import Load
from loadtest.scenario import Algorithm, Call, Model
from loadtest.subjects import Kind

from . import targets
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
    small = _question(folder / "small", Model(Algorithm.K_MEANS, 2, training_rows=10_000, clusters=100), rows=1)
    large = _question(folder / "large", Model(Algorithm.K_MEANS, 64, training_rows=10_000, clusters=10), rows=16_384)
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


def _question(folder: Path, model: Model, rows: int) -> Question:
    """Publishes a model through the Rust server; the right answer is scikit-learn's."""
    folder.mkdir()
    models, centers = folder / "models", folder / "centers.npz"
    with servers.running("rust", models, log=folder / "publish.log") as server:
        published = questions.publish(server.address, model, "subject")
        asked = questions.of(Call(Kind.K_MEANS, rows), model, published, FERRULE)
        with Inquirer(server.address, asked) as inquirer:
            answers = inquirer.ask_all("transport", "rust", "before")
    if answers.wrong or answers.failed:
        raise servers.ServerError(f"the model's answers differ from scikit-learn's: {answers.first_wrong}")
    known = published.oracle
    response = messages.PredictResponse(model=published.model, version=published.version)
    response.prediction.labels.integers.values.extend(np.resize(known.labels, rows).tolist())
    np.savez(centers, centers=known.arrays["centers"])
    file = models / published.model / str(published.version) / "model.safetensors"
    return Question(asked.request, bytes(response.SerializeToString()), models, file, centers)
