"""K-Means and logistic regression with scikit-learn's interface, computed in Rust.

The estimators need the extra ``ferrule[sklearn]``. They are loaded when first used, so that a server, which imports
``ferrule._core`` only, loads neither NumPy nor scikit-learn.
"""

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING

# Stubs that users generate from ferrule/v1/ferrule.proto are modules ferrule.v1.…, in a folder of theirs.
__path__ = extend_path(__path__, __name__)

if TYPE_CHECKING:
    __version__: str
    from ferrule.kmeans import KMeans
    from ferrule.logistic_regression import LogisticRegression
    from ferrule.mini_batch_kmeans import MiniBatchKMeans
    from ferrule.persistence import load, save, to_sklearn

__all__ = ["KMeans", "LogisticRegression", "MiniBatchKMeans", "load", "save", "to_sklearn"]

#: The module of each public name.
_MODULES = {
    "KMeans": "kmeans",
    "LogisticRegression": "logistic_regression",
    "MiniBatchKMeans": "mini_batch_kmeans",
    "load": "persistence",
    "save": "persistence",
    "to_sklearn": "persistence",
}


def __getattr__(name: str) -> object:
    """Loads an estimator or function on first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"numpy", "scipy", "sklearn"}:
            raise
        raise ModuleNotFoundError(
            f"ferrule.{name} needs {missing}: pip install 'ferrule[sklearn]'", name=missing
        ) from error
    globals()[name] = getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    """The public names, whether loaded or not."""
    return sorted([*globals(), *__all__])
