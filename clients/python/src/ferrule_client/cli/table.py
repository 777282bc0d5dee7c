"""Files of rows: CSV, NumPy's and SciPy's."""

import csv
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TextIO
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a file is to be read. Columns are named as the header names them, or by their number from 0; negative numbers
    count from the end.
    """

    header: bool = True
    """Whether the first line of a CSV file names the columns."""
    delimiter: str = ","
    """What stands between the cells of a CSV file: one character."""
    target: str | None = None
    """The column with the classes."""
    drop: Sequence[str] = ()
    """Columns to leave out."""


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a file."""

    values: Any
    """Rows × columns: an array, or a sparse one of SciPy in compressed sparse row format."""
    names: tuple[str, ...] | None
    """Of the columns, when the file has them."""
    target: npt.NDArray[Any] | None
    """The class of each row, integers or strings, when a column was named as the target."""


def read_table(path: Path, layout: Layout) -> Table:
    """The rows of a file, by its name: .csv (- is standard input), .npy or .npz.

    Raises OSError for a file that can't be read, and ValueError for one that isn't of numbers or lacks a column.
    """
    if str(path) == "-" or path.suffix == ".csv":
        # The mark that some programs put before UTF-8 is not part of the first name.
        source = sys.stdin.fileno() if str(path) == "-" else path
        with open(source, encoding="utf-8-sig", newline="", closefd=source is path) as file:
            return _read_csv(file, str(path), layout)
    if path.suffix not in {".npy", ".npz"}:
        raise ValueError(f"{path}: expected a file named .csv, .npy or .npz")
    try:
        values = _load_sparse(path) if path.suffix == ".npz" else np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, KeyError, ValueError, BadZipFile) as problem:
        what = "a sparse matrix of SciPy" if path.suffix == ".npz" else "an array of NumPy"
        raise ValueError(f"{path}: expected {what}: {problem}") from None
    if values.ndim != 2:
        raise ValueError(f"{path}: expected 2 dimensions (rows, columns), got shape {values.shape}")
    return _split(values, str(path), layout)


def _load_sparse(path: Path) -> Any:
    try:
        import scipy.sparse
    except ImportError:
        raise ValueError("reading it needs SciPy; pip install scipy") from None

    return scipy.sparse.load_npz(path).tocsr()


def _split(values: Any, path: str, layout: Layout) -> Table:
    """The target's column and those that stay."""
    columns = values.shape[1]
    target, kept = _select(layout, None, columns, path)
    return Table(
        values if len(kept) == columns else values[:, kept],
        names=None,
        target=None if target is None else _whole(_column(values, target), f"{path}, column {target}"),
    )


def _column(values: Any, column: int) -> Any:
    return values[:, column] if isinstance(values, np.ndarray) else values[:, [column]].toarray().ravel()


def _whole(values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected numbers as classes, got dtype {values.dtype}")
    if not np.array_equal(np.trunc(values), values):
        raise ValueError(f"{name}: expected whole numbers as classes")
    return values.astype(np.int64)


def _read_csv(file: TextIO, path: str, layout: Layout) -> Table:
    if len(layout.delimiter) != 1:
        raise ValueError(f"--delimiter: expected one character, got {layout.delimiter!r}")
    lines = csv.reader(file, delimiter=layout.delimiter)
    try:
        return _parse(lines, path, layout)
    except csv.Error as problem:
        raise ValueError(f"{path} line {lines.line_num}: {problem}") from None
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path}: expected UTF-8, got {problem.reason}") from None


def _parse(lines: Any, path: str, layout: Layout) -> Table:
    # Empty lines are none.
    filled = (line for line in lines if line)
    first = next(filled, None)
    if first is None:
        raise ValueError(f"{path}: expected rows, got an empty file")
    names = tuple(name.strip() for name in first) if layout.header else None
    if names is not None and all(map(_is_number, names)):
        raise ValueError(f"{path}: expected the names of the columns in the first line, got numbers; try --no-header")
    target, kept = _select(layout, names, len(first), path)
    shown: Sequence[str | int] = names or range(len(first))

    values, classes = array("d"), []
    for line in filled if layout.header else chain([first], filled):
        if len(line) != len(first):
            raise ValueError(f"{path} line {lines.line_num}: expected {len(first)} cells, got {len(line)}")
        for column in kept:
            try:
                values.append(float(line[column]))
            except ValueError:
                where = f"{path} line {lines.line_num}, column {shown[column]!r}"
                raise ValueError(f"{where}: expected a number, got {line[column]!r}") from None
        if target is not None:
            classes.append(line[target].strip())
    return Table(
        np.array(values).reshape(-1, len(kept)),
        names=None if names is None else tuple(names[column] for column in kept),
        target=None if target is None else _classes(classes),
    )


def _select(layout: Layout, names: Sequence[str] | None, columns: int, path: str) -> tuple[int | None, list[int]]:
    """The number of the target's column, and those of the columns that stay."""
    target = None if layout.target is None else _find(layout.target, names, columns, path)
    gone = {target, *(_find(column, names, columns, path) for column in layout.drop)}
    kept = [column for column in range(columns) if column not in gone]
    if not kept:
        raise ValueError(f"{path}: no column is left")
    return target, kept


def _find(wanted: str, names: Sequence[str] | None, columns: int, path: str) -> int:
    """Which column is meant."""
    if names is not None:
        if names.count(wanted) == 1:
            return names.index(wanted)
        problem = "several columns are" if wanted in names else "no column is"
        raise ValueError(f"{path}: {problem} named {wanted!r}; there are {', '.join(map(repr, names))}")
    try:
        column = int(wanted)
    except ValueError:
        raise ValueError(f"{path}: columns have no names; expected the number of one, got {wanted!r}") from None
    if not -columns <= column < columns:
        raise ValueError(f"{path}: expected a column from 0 to {columns - 1}, got {column}")
    return column % columns


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _classes(texts: list[str]) -> npt.NDArray[Any]:
    """Integers when all are, else the texts."""
    try:
        return np.array([int(text) for text in texts], dtype=np.int64)
    except (ValueError, OverflowError):
        return np.array(texts, dtype=object)
