"""The rows of a request: arrays, sparse matrices and data frames, checked and of a type that the contract has."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt


class Sparse(Protocol):
    """Any of SciPy's sparse matrices and arrays."""

    def tocsr(self) -> Any:
        """The same in compressed sparse row format."""
        ...


#: Rows × columns: what ``numpy.asarray`` makes a 2-D array of numbers of, a data frame of pandas or polars, or a sparse
#: matrix or array of SciPy. float32 stays float32, all other numbers become float64.
RowsLike: TypeAlias = npt.ArrayLike | Sparse

#: Floating-point numbers of one of the contract's two types.
Floats: TypeAlias = npt.NDArray[np.float32 | np.float64]

_DOUBLE = np.dtype("<f8")
_SINGLE = np.dtype("<f4")


class Rows(NamedTuple):
    """Rows × columns of little-endian float32 or float64."""

    values: Any
    """A 2-D array, or a sparse one of SciPy in compressed sparse row format."""
    names: tuple[str, ...] = ()
    """One for each column, or none."""

    @classmethod
    def of(cls, X: RowsLike, feature_names: Sequence[str] | None = None) -> "Rows":
        """The rows of ``X``, with these names or those of its columns when all are strings.

        Raises ValueError when it is not two-dimensional, has other things than numbers, or not a name for each column.
        """
        values = X if isinstance(X, np.ndarray) else X.tocsr() if is_sparse(X) else _array(X)
        if values.ndim != 2:
            raise ValueError(f"X: expected 2 dimensions (rows, columns), got shape {values.shape}")
        names = tuple(feature_names) if feature_names is not None else () if values is X else _column_names(X)
        if names and len(names) != values.shape[1]:
            raise ValueError(f"feature_names: expected {values.shape[1]}, one for each column, got {len(names)}")
        return cls(floats(values, "X"), names)

    def in_order(self, names: tuple[str, ...]) -> "Rows":
        """The rows with their columns in this order; as they are when either side has no names.

        Raises ValueError with the names of columns that are missing, not expected or there twice.
        """
        if not names or not self.names or names == self.names:
            return self
        if set(names) != set(self.names) or len(names) != len(self.names):
            raise ValueError(
                f"X: expected the model's {len(names)} columns, got {len(self.names)}: {self._other(names)}"
            )
        place = {name: column for column, name in enumerate(self.names)}
        return Rows(self.values[:, [place[name] for name in names]], names)

    def _other(self, names: tuple[str, ...]) -> str:
        wrong = {
            "missing": [name for name in names if name not in self.names],
            "not of the model": [name for name in self.names if name not in names],
            "there twice": sorted({name for name in self.names if self.names.count(name) > 1}),
        }
        return "; ".join(f"{what}: {', '.join(map(repr, which))}" for what, which in wrong.items() if which)


def is_sparse(X: object) -> TypeGuard[Any]:
    """Whether this is one of SciPy's sparse matrices or arrays."""
    # Whoever has one has imported SciPy; who has none need not.
    scipy_sparse = sys.modules.get("scipy.sparse")
    return scipy_sparse is not None and bool(scipy_sparse.issparse(X))


def floats(values: Any, name: str) -> Any:
    """A dense or sparse array as little-endian float32 if it is that, else as float64; not copied if it is either.

    Raises ValueError when its values are not numbers; ``name`` says whose they are.
    """
    if values.dtype in (_DOUBLE, _SINGLE):
        return values
    kind = values.dtype.kind
    # NumPy would drop imaginary parts, parse text and count days.
    if kind not in "biufO":
        raise ValueError(f"{name}: expected numbers, got dtype {values.dtype}")
    if kind == "O" and any(isinstance(value, str | bytes) for value in _entries(values)):
        raise ValueError(f"{name}: expected numbers, got text")
    single = kind == "f" and values.dtype.itemsize == _SINGLE.itemsize
    try:
        return values.astype(_SINGLE if single else _DOUBLE)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"{name}: expected numbers, got {problem}") from None


def _entries(values: Any) -> Any:
    return values.data if is_sparse(values) else values.flat


def _array(X: RowsLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(X)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"X: expected numbers, got {problem}") from None


def _column_names(X: object) -> tuple[str, ...]:
    columns = getattr(X, "columns", None)
    if columns is None:
        return ()
    names = tuple(columns)
    return names if all(isinstance(name, str) for name in names) else ()
