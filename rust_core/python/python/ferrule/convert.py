"""Conversion of joblib and pickle files into models of a repository: offline, on a person's explicit command.

Loading a pickle runs whatever code it holds. That happens here and nowhere else: no server reads pickles.
"""

import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from scipy import sparse
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError

from ferrule import sample_rows
from ferrule.comparison import Comparison, compared
from ferrule.exporting import export
from ferrule.model_arrays import ModelArrays


class ConversionError(ValueError):
    """A file that is not converted; the message says why."""


@dataclass(frozen=True)
class Conversion:
    """What a conversion found and did."""

    source: str
    comparison: Comparison
    #: Whether the rows of the comparison were made from the model's own scale.
    made_rows: bool
    notes: tuple[str, ...]
    #: None when nothing was published, as the answers differ.
    version: int | None
    path: Path | None


def convert(
    file: str | PathLike[str], models: str | PathLike[str], name: str, sample: str | PathLike[str] | None = None
) -> Conversion:
    """Loads a file, writes its model beside the versions of `name`, reads it back, compares, and publishes.

    Args:
        file: A joblib or pickle file of an estimator that `ferrule.save` takes. **Its code is run.**
        models: The repository, which is made if there is none.
        name: The model's name.
        sample: Rows to compare on, a ``.npy`` array or a ``.npz`` SciPy sparse matrix; None to make some.

    Returns:
        What was found. Nothing is published when labels differ or a difference is more than rounding.

    Raises:
        ConversionError: The file can't be loaded, or the sample is of no use.
        ValueError: The estimator can't be represented; the message names what.
        NotFittedError: The estimator is not fitted.
        OSError: A file can't be read or written.
    """
    estimator, version = _loaded(Path(file))
    with _whole(estimator, version):
        exported = export(estimator, version=version)
    notes = list(exported.notes)
    if version is not None:
        notes.append(
            f"fitted by scikit-learn {version} and loaded by {sklearn.__version__}: scikit-learn promises nothing for "
            "such files, and the comparison is with what the newer version makes of it"
        )
    publication = exported.model.prepare(models, name)
    try:
        stored = publication.model()
        model = ModelArrays.of(stored)
        rows = sample_rows.made_for(model) if sample is None else _sample(Path(sample), stored.columns)
        with _whole(estimator, version):
            comparison = compared(estimator, stored, rows.astype(model.dtype))
        number, path = publication.publish() if comparison.passed else (None, None)
    finally:
        publication.abandon()
    source = f"scikit-learn {version or sklearn.__version__}, {_named(estimator)}"
    return Conversion(source, comparison, sample is None, tuple(notes), number, path)


@contextmanager
def _whole(estimator: Any, version: str | None) -> Iterator[None]:
    """Says so when an estimator lacks what its class here asks of it, as one of another version may."""
    try:
        yield
    except NotFittedError:
        raise
    except (AttributeError, TypeError) as error:
        origin = f" of scikit-learn {version}" if version is not None else ""
        raise ConversionError(
            f"{_named(estimator)}{origin} can't be used by scikit-learn {sklearn.__version__}: {error}"
        ) from error


def _loaded(file: Path) -> tuple[Any, str | None]:
    """The object in a file, and the version of scikit-learn that wrote it if that was another."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loaded = joblib.load(file)
        except OSError:
            raise
        except (pickle.UnpicklingError, EOFError, KeyError, IndexError, UnicodeDecodeError) as error:
            raise ConversionError(f"{file} is not a joblib or pickle file: {error}") from error
        except Exception as error:
            # A pickle runs code, which may raise anything.
            raise ConversionError(f"{file} can't be loaded here: {type(error).__name__}: {error}") from error
    versions = [warning.message for warning in caught if isinstance(warning.message, InconsistentVersionWarning)]
    return loaded, versions[0].original_sklearn_version if versions else None


def _sample(file: Path, columns: int) -> Any:
    try:
        rows = sparse.load_npz(file).tocsr() if file.suffix == ".npz" else np.load(file, allow_pickle=False)
    except ValueError as error:
        raise ConversionError(f"{file} holds no rows: {error}") from error
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise ConversionError(f"{file}: expected rows × columns numbers, got {rows.dtype} of shape {rows.shape}")
    if rows.shape[0] == 0 or rows.shape[1] != columns:
        raise ConversionError(f"{file}: expected at least one row of {columns} columns, got shape {rows.shape}")
    values = rows.data if sparse.issparse(rows) else rows
    if not np.isfinite(values).all():
        raise ConversionError(f"{file}: expected finite numbers, got NaN or infinity")
    return rows


def _named(estimator: Any) -> str:
    steps = getattr(estimator, "steps", None)
    if steps is None:
        return type(estimator).__name__
    return " → ".join(step if isinstance(step, str) else type(step).__name__ for _, step in steps)
