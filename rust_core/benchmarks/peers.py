"""Who takes part, and every setting of theirs: the one file to read for fairness.

A peer names its settings for each kind of work. Where there are several, each is tried once before the rounds, and the
fastest whose answer is right goes on: so a peer shows its best without anyone guessing it. Our own estimators run as a user
would write them. What is the same for all (first centres, iterations, penalty, threads) is in ``works``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: Where a subject runs: the project's own interpreter, an environment of its own, or the Rust program of ``native/``.
Environment = Literal["project", "scikit-learn-intelex", "faiss-cpu", "native"]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Peer:
    """A library."""

    name: str
    environment: Environment
    settings: Mapping[str, Sequence[Settings]]
    """What may be tried, by ``Work.settings``; a kind of work that is not here is one that it can't do."""
    dtypes: tuple[str, ...] = ("float64", "float32")

    def variants(self, settings: str, dtype: str) -> Sequence[Settings]:
        """What to try for a work; nothing where it takes no part."""
        return self.settings.get(settings, ()) if dtype in self.dtypes else ()


DEFAULT: Sequence[Settings] = ({},)


def _tolerances(solver: str) -> Sequence[Settings]:
    """A solver with tolerances to try.

    L-BFGS stops by the gradient, which at the default of 1e-4 may be too far from the minimum to compare with other solvers:
    the fastest of these that ends near enough counts, for us as for the peers.
    """
    return tuple({"solver": solver, "tol": tol, "max_iter": 1000} for tol in (1e-4, 1e-5, 1e-6))


_LBFGS = _tolerances("lbfgs")
#: Ours chooses the route, which may be L-BFGS.
_AUTO = _tolerances("auto")

OURS = Peer(
    "Ferrule",
    "project",
    {
        "kmeans-fit": DEFAULT,
        "kmeans-fit-sparse": DEFAULT,
        "kmeans-partial-fit": DEFAULT,
        "kmeans-predict": DEFAULT,
        "kmeans-predict-one": DEFAULT,
        "logistic-fit/auto": _AUTO,
        "logistic-fit/lbfgs": _LBFGS,
        "logistic-fit/sparse": _AUTO,
        "logistic-fit/sparse-no-intercept": _AUTO,
        "logistic-fit/l1": _AUTO,
        "logistic-fit/elastic-net": _AUTO,
        # The order that its fits leave; another is copied in part on every call.
        "logistic-predict": ({"coef_order": "F"},),
    },
)

_SPARSE = (
    *_LBFGS,
    *_tolerances("newton-cg"),
    {"solver": "sag", "tol": 1e-2, "max_iter": 1000},
    {"solver": "sag", "tol": 1e-3, "max_iter": 1000},
    {"solver": "sag", "tol": 1e-4, "max_iter": 1000},
    # It penalises its intercept too: where that is small it still ends near enough, and the objective decides.
    *({"solver": "liblinear", "tol": tol, "max_iter": 1000} for tol in (1e-2, 1e-3, 1e-4)),
    *({"solver": "liblinear", "tol": tol, "max_iter": 1000, "dual": True} for tol in (1e-2, 1e-3)),
)

SCIKIT_LEARN = Peer(
    "scikit-learn",
    "project",
    {
        # Without the copy that keeps the caller's rows from being centred in place for a while.
        "kmeans-fit": ({"algorithm": "lloyd", "copy_x": False}, {"algorithm": "elkan", "copy_x": False}),
        "kmeans-fit-sparse": ({"algorithm": "lloyd"}, {"algorithm": "elkan"}),
        "kmeans-partial-fit": DEFAULT,
        "kmeans-predict": DEFAULT,
        "kmeans-predict-one": DEFAULT,
        "logistic-fit/auto": (*_LBFGS, {"solver": "newton-cholesky"}),
        "logistic-fit/lbfgs": _LBFGS,
        "logistic-fit/sparse": _SPARSE,
        "logistic-fit/sparse-no-intercept": _SPARSE,
        # Their tolerances are about steps, not gradients: these end near enough to the minimum.
        "logistic-fit/l1": (
            {"solver": "liblinear", "tol": 1e-3, "max_iter": 1000},
            {"solver": "liblinear", "tol": 1e-4, "max_iter": 1000},
            {"solver": "saga", "tol": 1e-2, "max_iter": 5000},
            {"solver": "saga", "tol": 1e-3, "max_iter": 5000},
            {"solver": "saga", "tol": 1e-4, "max_iter": 5000},
        ),
        "logistic-fit/elastic-net": (
            {"solver": "saga", "tol": 1e-2, "max_iter": 5000},
            {"solver": "saga", "tol": 1e-3, "max_iter": 5000},
            {"solver": "saga", "tol": 1e-4, "max_iter": 5000},
        ),
        "logistic-predict": DEFAULT,
    },
)

#: The same with coefficients in the order that a product with sparse rows needs; scikit-learn's own fits leave the other, and
#: copy them on every call (scikit-learn #6186).
SCIKIT_LEARN_FORTRAN = Peer(
    "scikit-learn, Fortran-order coef_", "project", {"logistic-predict": ({"coef_order": "F"},)}
)

#: Its classes are called directly; nothing is patched. Sparse logistic regression and everything with an L1 penalty would
#: fall back to scikit-learn itself, and is left out.
INTELEX = Peer(
    "scikit-learn-intelex",
    "scikit-learn-intelex",
    {
        "kmeans-fit": ({"algorithm": "lloyd"},),
        "kmeans-fit-sparse": ({"algorithm": "lloyd"},),
        "kmeans-predict": DEFAULT,
        "kmeans-predict-one": DEFAULT,
        "logistic-fit/auto": _LBFGS,
        "logistic-fit/lbfgs": _LBFGS,
        "logistic-predict": DEFAULT,
    },
)

#: By default it trains on at most 256 rows a centre: here on all. It knows no tolerance and float32 only; its time has no
#: labels of the final centres and no inertia in it, which the other fits' have.
FAISS = Peer(
    "faiss-cpu",
    "faiss-cpu",
    {
        "kmeans-fit": (
            {"max_points_per_centroid": 2**31 - 1, "min_points_per_centroid": 1},
            {"max_points_per_centroid": 2**31 - 1, "min_points_per_centroid": 1, "check_input_data_for_NaNs": False},
        ),
        "kmeans-predict": DEFAULT,
    },
    dtypes=("float32",),
)

#: Its Lloyd step counts the old centre as one more row of each cluster. L-BFGS only; its tolerance is on the length of the
#: gradient of the summed loss, here for each row. No sparse rows.
LINFA = Peer(
    "linfa",
    "native",
    {
        "kmeans-fit": DEFAULT,
        "kmeans-predict": DEFAULT,
        "logistic-fit/auto": ({"tolerance_per_row": 1e-4}, {"tolerance_per_row": 1e-5}),
        "logistic-fit/lbfgs": ({"tolerance_per_row": 1e-4}, {"tolerance_per_row": 1e-5}),
    },
)

PEERS = (SCIKIT_LEARN, SCIKIT_LEARN_FORTRAN, INTELEX, FAISS, LINFA)
BY_NAME = {peer.name: peer for peer in (OURS, *PEERS)}
