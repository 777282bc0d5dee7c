"""What is compared with what, under which loads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ferrule_client import messages

from loadtest import questions, servers
from loadtest.answers import Inquirer
from loadtest.dialects import FERRULE
from loadtest.scenario import Algorithm, Call, Model
from loadtest.subjects import Kind

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


def small(question: Question) -> Case:
    """One row in, one label out."""
    return Case(
        "One row of two numbers in, one label out (K-Means with 100 centres); one core for the server",
        [_rust(question), _python(question), *echoes(question), *others(question)],
        (Load(4, 16), Load(16, 4)),
        targets.SMALL,
    )


def large(question: Question) -> Case:
    """What is done with many rows."""
    return Case(
        "16,384 rows × 64 float64 in, labels out (K-Means with 10 centres); one core for the server",
        [_rust(question), _python(question), *echoes(question)],
        (Load(2, 1),),
        targets.LARGE,
        alone=question,
    )


def workers(question: Question) -> Case:
    """What a second worker costs."""
    kinds = ("rust", "Rust server"), ("python", "Python server")
    counts = (1, "one worker"), (2, "two workers")
    return Case(
        "The small request to one worker and to two; all cores, shared with the load generator",
        [
            ours(question, kind, f"{title}, {many}", name=f"{kind}-{count}", workers=count)
            for kind, title in kinds
            for count, many in counts
        ],
        (Load(16, 4),),
        targets.WORKERS,
        shared=True,
    )


def deadlines(question: Question) -> Case:
    """What deadlines cost."""
    return Case(
        "The small request with a deadline and without; one core for the server",
        [
            _rust(question),
            ours(question, "rust", "Rust server, no deadlines", name="rust-endless", deadline=False),
            _python(question),
            ours(question, "python", "Python server, no deadlines", name="python-endless", deadline=False),
        ],
        (Load(4, 16),),
        targets.DEADLINES,
    )


def _rust(question: Question) -> Subject:
    return ours(question, "rust", "Ferrule, Rust server")


def _python(question: Question) -> Subject:
    return ours(question, "python", "Ferrule, Python server")


def small_question(folder: Path) -> Question:
    """One row of two numbers. ``folder`` takes the model."""
    return _question(folder / "small", Model(Algorithm.K_MEANS, 2, training_rows=10_000, clusters=100), rows=1)


def large_question(folder: Path) -> Question:
    """Many rows. ``folder`` takes the model."""
    return _question(folder / "large", Model(Algorithm.K_MEANS, 64, training_rows=10_000, clusters=10), rows=16_384)


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
