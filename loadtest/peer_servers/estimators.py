"""scikit-learn's estimators, made of a model's arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression


def read(file: Path) -> Any:
    """The fitted estimator of an ``.npz`` file: ``centers``, or ``coef``, ``intercept`` and ``classes``.

    Raises ValueError when it has other arrays.
    """
    with np.load(file) as arrays:
        found = dict(arrays)
    if set(found) == {"centers"}:
        return k_means(found["centers"])
    if set(found) == {"coef", "intercept", "classes"}:
        return logistic_regression(**found)
    raise ValueError(f"{file}: expected centers, or coef, intercept and classes; got {sorted(found)}")


def k_means(centers: Any) -> KMeans:
    """K-Means with these centres, clusters × columns."""
    # Fitting the centres to themselves makes what predict needs; then they are put back, to the last bit.
    model = KMeans(n_clusters=len(centers), init=centers, n_init=1, max_iter=1).fit(centers)
    model.cluster_centers_ = centers
    return model


def logistic_regression(coef: Any, intercept: Any, classes: Any) -> LogisticRegression:
    """Logistic regression with these coefficients, classes × columns (one row for two classes)."""
    model = LogisticRegression()
    model.coef_, model.intercept_, model.classes_ = coef, intercept, classes
    model.n_features_in_ = coef.shape[1]
    return model
