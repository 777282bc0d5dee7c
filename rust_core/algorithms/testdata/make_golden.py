"""Write the golden files that `tests/golden.rs` compares with: answers of scikit-learn on small data. Those of K-Means are
written by `make_golden_kmeans.py`.

Made with scikit-learn 1.9.1, NumPy 2.4.6, SciPy 1.17.1 (the files name the versions they were made with)::

    python make_golden.py [FOLDER]
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_blobs
from sklearn.linear_model import LogisticRegression

VERSIONS = {"scikit-learn": sklearn.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
warnings.simplefilter("ignore")


def listed(values: Any) -> Any:
    """Plain lists, with whole numbers written as such: shorter files, the same values."""
    if isinstance(values, np.ndarray | list | tuple):
        return [listed(value) for value in values]
    number = float(values)
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def matrix(values: np.ndarray) -> dict[str, Any]:
    return {"rows": values.shape[0], "columns": values.shape[1], "values": listed(values.ravel())}


def datasets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows and classes by name. All values are short decimals, so that the files stay small."""
    iris, digits, cancer = load_iris(), load_digits(), load_breast_cancer()
    blobs, blob_of = make_blobs(400, n_features=3, centers=6, cluster_std=1.2, random_state=7)
    columns = cancer.data[:, :10]
    scaled = np.round((columns - columns.mean(axis=0)) / columns.std(axis=0), 4)
    return {
        "iris": (iris.data, iris.target),
        "digits": (digits.data[:450], digits.target[:450]),
        "cancer": (scaled, cancer.target),
        "blobs": (np.round(blobs, 3), blob_of),
        "far": (np.round(blobs, 3) + 2.0**20, blob_of),
    }


def weights_for(rows: int) -> np.ndarray:
    """Weights from 0 to 3 in steps of a quarter; some rows weigh nothing."""
    return np.random.RandomState(3).randint(0, 13, rows) / 4


def logistic_regression_cases(data: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    cases = []

    def add(dataset: str, weighted: bool = False, **parameters: Any) -> None:
        rows, classes = data[dataset]
        weights = weights_for(len(rows)) if weighted else None
        # The optimum, found by Newton's method; and what the default solver gives at the case's own tolerance.
        exact = LogisticRegression(**{**parameters, "solver": "newton-cholesky", "tol": 1e-13, "max_iter": 1000})
        exact.fit(rows, classes, sample_weight=weights)
        model = LogisticRegression(**parameters).fit(rows, classes, sample_weight=weights)
        cases.append(
            {
                "dataset": dataset,
                "weights": None if weights is None else listed(weights),
                "c": parameters.get("C", 1.0),
                "fit_intercept": parameters.get("fit_intercept", True),
                "tol": parameters.get("tol", 1e-4),
                "max_iter": parameters.get("max_iter", 100),
                "n_iter": int(model.n_iter_[0]),
                "labels": listed(model.predict(rows)),
                "coefficients": listed(model.coef_.ravel()),
                "intercepts": listed(model.intercept_.ravel()),
                "probabilities": listed(model.predict_proba(rows[:10]).ravel()),
                "exact_coefficients": listed(exact.coef_.ravel()),
                "exact_intercepts": listed(np.broadcast_to(exact.intercept_, len(exact.coef_))),
                "exact_probabilities": listed(exact.predict_proba(rows[:10]).ravel()),
                "exact_scores": listed(exact.decision_function(rows[:10]).ravel()),
            }
        )

    for dataset in ("cancer", "iris"):
        for weighted in (False, True):
            for c in (0.01, 1.0, 100.0):
                for fit_intercept in (False, True):
                    add(dataset, weighted, C=c, fit_intercept=fit_intercept, max_iter=1000)
                    add(dataset, weighted, C=c, fit_intercept=fit_intercept, max_iter=5000, tol=1e-8)
    add("iris", max_iter=7)
    add("digits", C=0.01, max_iter=1000)
    add("digits", C=0.01, tol=1e-8, max_iter=5000, weighted=True)
    return cases


def penalty_cases(data: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """Minima with absolute values, and with liblinear's penalised intercept."""
    cases = []

    def add(dataset: str, weighted: bool, **parameters: Any) -> None:
        rows, classes = data[dataset]
        weights = weights_for(len(rows)) if weighted else None
        model = LogisticRegression(tol=1e-12, max_iter=200_000, random_state=0, **parameters)
        model.fit(rows, classes, sample_weight=weights)
        cases.append(
            {
                "dataset": dataset,
                "weights": None if weights is None else listed(weights),
                "solver": parameters["solver"],
                "c": parameters["C"],
                "l1_ratio": parameters["l1_ratio"],
                "fit_intercept": parameters["fit_intercept"],
                "intercept_scaling": parameters.get("intercept_scaling"),
                "coefficients": listed(model.coef_.ravel()),
                "intercepts": listed(np.broadcast_to(model.intercept_, len(model.coef_))),
                "probabilities": listed(model.predict_proba(rows[:10]).ravel()),
            }
        )

    for weighted in (False, True):
        for fit_intercept in (False, True):
            for c in (0.05, 1.0):
                for l1_ratio in (0.3, 1.0):
                    for dataset in ("cancer", "iris"):
                        add(dataset, weighted, solver="saga", C=c, l1_ratio=l1_ratio, fit_intercept=fit_intercept)
                for l1_ratio in (0, 1):
                    for scaling in (0.5, 10.0):
                        parameters = {"C": c, "l1_ratio": l1_ratio, "intercept_scaling": scaling}
                        add("cancer", weighted, solver="liblinear", fit_intercept=fit_intercept, **parameters)
    return cases


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps({"versions": VERSIONS, **content}, separators=(",", ":")) + "\n")


def main(folder: Path) -> None:
    data = datasets()
    stored = {name: pair for name, pair in data.items() if name != "far"}
    write(
        folder / "datasets.json",
        {"datasets": {name: {**matrix(rows), "classes": listed(classes)} for name, (rows, classes) in stored.items()}},
    )
    write(
        folder / "logistic_regression.json",
        {"fits": logistic_regression_cases(data), "penalties": penalty_cases(data)},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
