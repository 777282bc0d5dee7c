"""From settings to calls: what each library is asked to do for each task, in the process that is measured.

Only NumPy is imported before a library is chosen: this runs in the peers' environments too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Inputs:
    """What a task is given."""

    peer: str
    dtype: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    arrays: Arrays

    @property
    def rows(self) -> Any:
        """The rows as a library takes them: an array, or SciPy's CSR."""
        if "X" in self.arrays:
            return self.arrays["X"]
        from scipy import sparse

        parts = (self.arrays["X_data"], self.arrays["X_indices"], self.arrays["X_indptr"])
        return sparse.csr_matrix(parts, shape=tuple(self.arrays["X_shape"].tolist()))


@dataclass(frozen=True)
class Prepared:
    """A task, ready to be called again and again."""

    call: Callable[[], Any]
    answer: Callable[[Any], tuple[Arrays, dict[str, Any]]]
    """What a call found, from what it returned: arrays, and numbers such as ``n_iter``."""


def estimator(peer: str, name: str) -> Any:
    """An estimator's class, of Ferrule or of a library with scikit-learn's interface."""
    clusters = name != "LogisticRegression"
    if peer == "Ferrule":
        import ferrule

        return getattr(ferrule, name)
    if peer == "scikit-learn-intelex":
        from sklearnex import cluster as their_clusters
        from sklearnex import linear_model as their_models

        return getattr(their_clusters if clusters else their_models, name)
    from sklearn import cluster, linear_model

    return getattr(cluster if clusters else linear_model, name)


def kmeans_fit(given: Inputs) -> Prepared:
    """Given or drawn centres; as many iterations as asked for, or until the usual tolerance."""
    options, rows = given.options, given.rows
    if given.peer == "faiss-cpu":
        return _faiss_fit(given)
    fixed = options["iterations"]
    model = estimator(given.peer, "KMeans")(
        options["n_clusters"],
        init=given.arrays["init"] if options["given"] else "k-means++",
        n_init=1,
        max_iter=fixed or 100,
        tol=0.0 if fixed else 1e-4,
        random_state=options["seed"],
        **given.settings,
    )

    def answer(fitted: Any) -> tuple[Arrays, dict[str, Any]]:
        said = {"n_iter": int(fitted.n_iter_), "inertia": float(fitted.inertia_)}
        return {"centers": np.asarray(fitted.cluster_centers_), "labels": np.asarray(fitted.labels_)}, said

    return Prepared(lambda: model.fit(rows), answer)


def _faiss_fit(given: Inputs) -> Prepared:
    import faiss

    options, rows = given.options, given.rows
    drawn = {} if options["given"] else {"init_method": faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS}

    def call() -> Any:
        model = faiss.Kmeans(
            rows.shape[1],
            options["n_clusters"],
            # What scikit-learn needed, where that stops by itself.
            niter=options["iterations"] or options["reference_iterations"],
            seed=options["seed"] + 1,
            **drawn,
            **given.settings,
        )
        model.train(rows, init_centroids=given.arrays["init"] if options["given"] else None)
        return model

    return Prepared(call, lambda model: ({"centers": model.centroids}, {"n_iter": len(model.obj)}))


def kmeans_partial_fit(given: Inputs) -> Prepared:
    """One batch, learned again and again; the answer is a new model's after three batches."""
    rows, options = given.rows, given.options

    def new() -> Any:
        # No centre is drawn anew, so that the answers do not depend on a generator.
        return estimator(given.peer, "MiniBatchKMeans")(
            options["n_clusters"], init=given.arrays["init"], n_init=1, random_state=0, reassignment_ratio=0.0
        )

    model = new()

    def answer(_: Any) -> tuple[Arrays, dict[str, Any]]:
        fresh = new()
        for _ in range(3):
            fresh.partial_fit(rows)
        return {"centers": fresh.cluster_centers_, "labels": fresh.labels_}, {}

    return Prepared(lambda: model.partial_fit(rows), answer)


def kmeans_predict(given: Inputs) -> Prepared:
    """Labels of the rows, or of the first few, for the centres of ``init``."""
    rows, init = given.rows[: given.options["rows"]], given.arrays["init"]
    if given.peer == "faiss-cpu":
        import faiss

        index = faiss.IndexFlatL2(init.shape[1])
        index.add(init)
        return Prepared(lambda: index.search(rows, 1)[1], lambda labels: ({"labels": labels[:, 0]}, {}))
    # Every centre several times over is a set of rows whose fit leaves the centres as they are.
    model = estimator(given.peer, "KMeans")(len(init), init=init, n_init=1, max_iter=1).fit(np.repeat(init, 50, axis=0))
    return Prepared(lambda: model.predict(rows), lambda labels: ({"labels": np.asarray(labels)}, {}))


def logistic_fit(given: Inputs) -> Prepared:
    """From zero coefficients to the minimum."""
    rows, labels, options = given.rows, given.arrays["y"], given.options
    model = estimator(given.peer, "LogisticRegression")(
        C=options["C"],
        l1_ratio=options["l1_ratio"],
        fit_intercept=options["fit_intercept"],
        **{"max_iter": 1000, **given.settings},
        # sag, saga and liblinear draw rows or columns.
        random_state=0,
    )

    def answer(fitted: Any) -> tuple[Arrays, dict[str, Any]]:
        found = {"coef": np.asarray(fitted.coef_), "intercept": np.atleast_1d(np.asarray(fitted.intercept_))}
        return found, {"n_iter": int(np.max(fitted.n_iter_))}

    return Prepared(lambda: model.fit(rows, labels), answer)


def logistic_predict(given: Inputs) -> Prepared:
    """Probabilities of the rows, by the coefficients that are given."""
    rows, n_classes = given.rows, given.options["n_classes"]
    columns = rows.shape[1]
    model = estimator(given.peer, "LogisticRegression")()
    if given.peer == "scikit-learn-intelex":
        # What it computes with is made in its fit.
        random = np.random.default_rng(0)
        some = np.ascontiguousarray(random.normal(size=(10 * n_classes, columns)), dtype=given.dtype)
        model.fit(some, np.arange(10 * n_classes) % n_classes)
    model.classes_ = np.arange(n_classes)
    model.n_features_in_ = columns
    model.coef_ = np.array(given.arrays["coef"], order=given.settings.get("coef_order", "C"))
    model.intercept_ = given.arrays["intercept"]
    model.n_iter_ = np.array([1])

    def answer(probabilities: Any) -> tuple[Arrays, dict[str, Any]]:
        return {"probabilities": np.asarray(probabilities)}, {}

    return Prepared(lambda: model.predict_proba(rows), answer)


RECIPES: Mapping[str, Callable[[Inputs], Prepared]] = {
    "kmeans-fit": kmeans_fit,
    "kmeans-partial-fit": kmeans_partial_fit,
    "kmeans-predict": kmeans_predict,
    "logistic-fit": logistic_fit,
    "logistic-predict": logistic_predict,
}
