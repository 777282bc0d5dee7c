"""Odd rows: the estimators do what scikit-learn's do, its exceptions and warnings included, or refuse what it gets wrong."""

import warnings
from typing import Any

import ferrule
import numpy as np
import pytest
import sklearn.cluster
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

TINY = 5e-324
ALIKE: dict[str, tuple[Any, int]] = {
    "no rows": (np.empty((0, 3)), 2),
    "no columns": (np.empty((3, 0)), 2),
    "one row": (np.array([[1.0, 2.0]]), 1),
    "one column": (np.array([[1.0], [2.0], [9.0]]), 2),
    "as many clusters as rows": (np.arange(8.0).reshape(4, 2) ** 2, 4),
    "more clusters than rows": (np.arange(8.0).reshape(4, 2), 5),
    "all rows equal": (np.ones((6, 2)), 3),
    "a constant column": (np.c_[np.ones(6), np.arange(6.0)], 2),
    "NaN": (np.array([[1.0, np.nan], [2, 3]]), 1),
    "infinity": (np.array([[1.0, np.inf], [2, 3]]), 1),
    "denormal numbers": (np.array([[0.0, TINY], [TINY, 0], [1e-310, 1e-310], [0, 0]]), 2),
    "1e150": (np.array([[1e150, 0.0], [-1e150, 1], [0, 0], [1, 1]]), 2),
    "one dimension": (np.arange(4.0), 2),
    "three dimensions": (np.ones((2, 2, 2)), 2),
    "whole numbers": (np.arange(8).reshape(4, 2), 2),
    "truth values": (np.array([[True, False], [False, True]]), 2),
    "objects": (np.array([[1, 2], [3, 4]], dtype=object), 2),
    "strings": (np.array([["a", "b"]]), 1),
    "complex numbers": (np.ones((3, 2)) * 1j, 2),
    "half precision": (np.arange(8, dtype=np.float16).reshape(4, 2), 2),
    "sparse, nothing named": (sparse.csr_matrix((5, 4)), 2),
    "sparse, no rows": (sparse.csr_matrix((0, 4)), 2),
    "sparse, NaN": (sparse.csr_matrix(np.array([[0, np.nan], [1, 2]])), 1),
    "sparse, whole numbers": (sparse.csr_matrix(np.array([[0, 1], [1, 2]])), 1),
    "sparse, a named zero": (sparse.csr_matrix((np.zeros(2), ([0, 1], [0, 1])), shape=(3, 2)), 2),
}


def outcome(kind: Any, X: Any, n_clusters: int) -> "tuple[Any, list[tuple[type[Warning], str]]]":
    """The fitted estimator or the exception, and the warnings."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result: Any
        try:
            result = kind(n_clusters, random_state=0).fit(X)
        except (ValueError, TypeError) as error:
            result = (type(error), str(error))
    said = {(one.category, str(one.message)) for one in seen}
    return result, sorted(said, key=lambda one: one[1])


@pytest.mark.parametrize("case", ALIKE)
@pytest.mark.parametrize("name", ["KMeans", "MiniBatchKMeans"])
def test_odd_rows_have_scikit_learns_outcome(case: str, name: str) -> None:
    X, n_clusters = ALIKE[case]
    ours, our_warnings = outcome(getattr(ferrule, name), X, n_clusters)
    theirs, their_warnings = outcome(getattr(sklearn.cluster, name), X, n_clusters)
    assert our_warnings == their_warnings
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple)
        assert ours[0] is theirs[0]
        assert ours[1].split("\n")[0] == theirs[1].split("\n")[0]
        return
    assert_array_equal(ours.labels_, theirs.labels_)
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-12)
    assert_array_equal(ours.predict(X), ours.labels_)
    assert ours.transform(X).shape == (X.shape[0], n_clusters)


@pytest.mark.parametrize("name", ["KMeans", "MiniBatchKMeans"])
def test_values_beyond_what_can_be_squared_are_refused(name: str) -> None:
    # scikit-learn warns of overflows and puts all rows into one cluster.
    X = np.array([[1e300, 0.0], [-1e300, 1], [0, 0], [1, 1]])
    for rows in (X, sparse.csr_matrix(X)):
        with pytest.raises(ValueError, match="the values are too large"):
            getattr(ferrule, name)(2, random_state=0).fit(rows)


@pytest.mark.parametrize("name", ["KMeans", "MiniBatchKMeans"])
def test_all_of_float32_can_be_squared(name: str) -> None:
    X = np.array([[1e38, 0.0], [-1e38, 1], [0, 0], [1, 1]], dtype=np.float32)
    labels = getattr(ferrule, name)(2, random_state=0).fit(X).labels_
    assert len(set(labels)) == 2
    assert labels[2] == labels[3]


@pytest.mark.parametrize("name", ["KMeans", "MiniBatchKMeans"])
def test_centres_that_do_not_fit_in_memory_are_refused(name: str) -> None:
    # Three values, but centres of 2³¹ columns each.
    X = sparse.csr_matrix((np.ones(300), (np.arange(300), np.full(300, 2**31 - 9))), shape=(300, 2**31 - 1))
    with pytest.raises(ValueError, match="centres of 2147483647 columns do not fit in memory"):
        getattr(ferrule, name)(300, random_state=0).fit(X)
