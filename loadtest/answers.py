"""The model under load, and whether a server answers right: a sample compared with scikit-learn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ferrule_client import Client, KMeans, messages
from sklearn import cluster, datasets

from .scenario import ModelSpec, RequestSpec

#: Rows that each server is asked for one by one before it is loaded.
SAMPLE_ROWS = 200
#: How far a distance may be from scikit-learn's, as a part of the distance.
DISTANCE_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Subject:
    """A published model, and scikit-learn's fitted to the same rows with the same seed."""

    name: str
    version: int
    rows: npt.NDArray[np.float64]
    """Rows that the model was not fitted to."""
    labels: npt.NDArray[np.int64]
    """scikit-learn's label of each row."""
    distances: npt.NDArray[np.float64]
    """scikit-learn's distance of each row to each centre."""
    centers: npt.NDArray[np.float64]
    """scikit-learn's centres."""


@dataclass(frozen=True)
class Agreement:
    """How the answers of a server compare with scikit-learn's."""

    rows: int
    equal_labels: int
    largest_distance_error: float
    """Largest difference of a distance, as a part of the distance."""

    @property
    def complete(self) -> bool:
        """Whether every answer is right."""
        return self.equal_labels == self.rows and self.largest_distance_error <= DISTANCE_TOLERANCE


def publish(address: str, spec: ModelSpec, name: str) -> Subject:
    """Fits and publishes the model of a scenario through the server at ``address``."""
    blobs, _ = datasets.make_blobs(
        spec.training_rows + SAMPLE_ROWS, n_features=spec.columns, centers=spec.n_clusters, random_state=spec.seed
    )
    training, rows = blobs[: spec.training_rows], blobs[spec.training_rows :]
    with Client(address, timeout=120.0) as client:
        fit = client.fit_predict(
            training, model=name, algorithm=KMeans(n_clusters=spec.n_clusters, random_state=spec.seed)
        )
    oracle = cluster.KMeans(n_clusters=spec.n_clusters, n_init=1, random_state=spec.seed).fit(training)
    return Subject(
        name, fit.report.version, rows, oracle.predict(rows), oracle.transform(rows), oracle.cluster_centers_
    )


def request_bytes(subject: Subject, spec: RequestSpec) -> bytes:
    """The serialized ``PredictRequest`` that the load consists of."""
    rows = np.resize(subject.rows, (spec.rows, subject.rows.shape[1])).astype("<f8")
    names = messages.POOL.FindEnumTypeByName("ferrule.v1.Output").values_by_name
    request = messages.PredictRequest(
        model=subject.name,
        version=subject.version,
        input=messages.Matrix(rows=rows.shape[0], columns=rows.shape[1], float64=rows.tobytes()),
        outputs=[names[f"OUTPUT_{output.upper()}"].number for output in spec.outputs],
    )
    return bytes(request.SerializeToString())


def compare(address: str, subject: Subject) -> Agreement:
    """Asks the server at ``address`` for the sample, a row a call, and compares."""
    equal, error = 0, 0.0
    with Client(address) as client:
        for row, label, distances in zip(subject.rows, subject.labels, subject.distances, strict=True):
            answer = client.predict(
                subject.name, row.reshape(1, -1), version=subject.version, outputs=["labels", "distances"]
            )
            if answer.labels is None or answer.distances is None:
                raise ValueError(f"the server at {address} left out an output that was asked for")
            equal += int(answer.labels[0] == label)
            error = max(error, float(np.max(np.abs(answer.distances[0] - distances) / distances)))
    return Agreement(len(subject.rows), equal, error)
