"""scikit-learn's own checks of estimators, for LogisticRegression."""

import pytest
from ferrule import LogisticRegression
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

# scikit-learn 1.9.1 expects its own class to fail `check_sample_weight_equivalence_on_dense_data` and `…_on_sparse_data`. Here
# no failure is expected.
ESTIMATORS = [
    LogisticRegression(),
    LogisticRegression(solver="auto"),
    LogisticRegression(solver="newton-cholesky"),
    LogisticRegression(solver="newton-cholesky", class_weight="balanced"),
    LogisticRegression(solver="newton-cg"),
    LogisticRegression(solver="liblinear"),
    LogisticRegression(solver="liblinear", l1_ratio=1.0),
    LogisticRegression(solver="sag"),
    LogisticRegression(solver="saga", l1_ratio=1.0),
    LogisticRegression(solver="saga", l1_ratio=0.5),
    LogisticRegression(C=float("inf")),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_scikit_learns_checks(estimator: BaseEstimator, check: object) -> None:
    check(estimator)  # type: ignore[operator]
