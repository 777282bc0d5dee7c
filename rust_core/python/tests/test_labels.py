"""Counted labels are those that numpy.unique sorts."""

import numpy as np
import pytest
from ferrule.labels import distinct_labels, is_plain_labels

LABELS = [
    np.array([0, 1, 1, 0]),
    np.array([5, 3, 3, 9, -4]),
    np.array([-128, 127, 0], dtype=np.int8),
    np.array([True, False, True]),
    np.array([False, False]),
    np.array([2**64 - 1, 2**64 - 3], dtype=np.uint64),
    np.array([-(2**63), -(2**63) + 7], dtype=np.int64),
    np.array([0, 2**40]),
    np.array([7]),
    np.arange(40)[::-2],
    np.array(["b", "a", "b"]),
    np.array([1.0, 0.0, 1.0]),
]


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: f"{labels.dtype}-{len(labels)}")
@pytest.mark.filterwarnings("ignore:The number of unique classes is greater than 50%")
def test_labels_and_places_are_those_of_unique(labels: np.ndarray) -> None:
    classes, places = distinct_labels(labels)
    expected, indices = np.unique(labels, return_inverse=True)
    assert classes.dtype == expected.dtype
    assert places.dtype == np.uint32
    assert classes.tolist() == expected.tolist()
    assert places.tolist() == indices.tolist()


def test_labels_that_are_no_classes_are_refused_and_odd_ones_warned_of() -> None:
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        distinct_labels(np.array([0.5, 1.5]))
    with pytest.warns(UserWarning, match="greater than 50%"):
        distinct_labels(np.arange(30))


def test_only_whole_numbers_for_each_row_are_plain() -> None:
    assert is_plain_labels(np.array([0, 1]), 2)
    assert is_plain_labels(np.array([True, False]), 2)
    for labels in ([0, 1], np.array([0, 1, 1]), np.array([[0], [1]]), np.array([0.0, 1.0]), np.array(["a", "b"])):
        assert not is_plain_labels(labels, 2)
