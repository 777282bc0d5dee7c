"""What the demonstration trains: each data set with each algorithm, and scikit-learn's answer to compare with."""

from dataclasses import dataclass

import ferrule_client
import numpy as np
import numpy.typing as npt
from sklearn import cluster, datasets, linear_model, metrics, model_selection, preprocessing

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

#: Starts of K-Means, of which the best is kept.
_STARTS = 4
_MAX_ITERATIONS = 1000
_LOADERS = {"iris": datasets.load_iris, "breast-cancer": datasets.load_breast_cancer, "digits": datasets.load_digits}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Real data, split into rows to fit and rows held out, each column scaled by the mean and deviation of the former."""

    name: str
    training: Matrix
    training_classes: Labels
    held_out: Matrix
    held_out_classes: Labels


@dataclass(frozen=True, eq=False)
class Case:
    """One model to train and judge."""

    dataset: Dataset
    algorithm: ferrule_client.KMeans | ferrule_client.LogisticRegression
    sklearn_labels: Labels
    """What scikit-learn, fitted to the same rows with the same parameters and seed, answers for the held-out rows."""

    @property
    def model(self) -> str:
        """The name to publish under."""
        algorithm = "kmeans" if isinstance(self.algorithm, ferrule_client.KMeans) else "logistic"
        return f"{self.dataset.name}-{algorithm}"

    @property
    def targets(self) -> Labels | None:
        """The classes to learn; K-Means is given none."""
        return None if isinstance(self.algorithm, ferrule_client.KMeans) else self.dataset.training_classes

    def score(self, labels: Labels) -> float:
        """Accuracy on the held-out rows; for K-Means the adjusted Rand index against their classes (1 is perfect,
        0 is chance).
        """
        if isinstance(self.algorithm, ferrule_client.KMeans):
            return float(metrics.adjusted_rand_score(self.dataset.held_out_classes, labels))
        return float(metrics.accuracy_score(self.dataset.held_out_classes, labels))

    def agreement(self, labels: Labels) -> float:
        """The part of the held-out rows whose label is scikit-learn's."""
        return float(np.mean(labels == self.sklearn_labels))


def cases() -> list[Case]:
    """Every data set with K-Means and with logistic regression."""
    return [case for name in _LOADERS for case in _cases_of(_dataset(name))]


def _dataset(name: str) -> Dataset:
    rows, classes = _LOADERS[name](return_X_y=True)
    training, held_out, training_classes, held_out_classes = model_selection.train_test_split(
        rows, classes, test_size=0.3, random_state=0, stratify=classes
    )
    scaler = preprocessing.StandardScaler().fit(training)
    return Dataset(name, scaler.transform(training), training_classes, scaler.transform(held_out), held_out_classes)


def _cases_of(dataset: Dataset) -> list[Case]:
    classes = len(np.unique(dataset.training_classes))
    clusters = cluster.KMeans(n_clusters=classes, n_init=_STARTS, random_state=0).fit(dataset.training)
    regression = linear_model.LogisticRegression(max_iter=_MAX_ITERATIONS).fit(
        dataset.training, dataset.training_classes
    )
    return [
        Case(
            dataset,
            ferrule_client.KMeans(n_clusters=classes, n_init=_STARTS, random_state=0),
            clusters.predict(dataset.held_out),
        ),
        Case(
            dataset,
            ferrule_client.LogisticRegression(max_iter=_MAX_ITERATIONS),
            regression.predict(dataset.held_out),
        ),
    ]
