"""What comes out: answers as CSV, JSON or arrays."""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO, get_args

import numpy as np
import numpy.typing as npt

from ferrule_client.results import FitReport, ModelInfo, Output, Prediction

OUTPUTS: tuple[str, ...] = get_args(Output)


def check_output(path: Path | None) -> None:
    """Raises ValueError for a file that can't be written in the end, before anything is computed."""
    if path is not None and path.suffix not in {".csv", ".json", ".npz"}:
        raise ValueError(f"--output: expected a file named .csv, .json or .npz, got {path}")
    if path is not None and not path.parent.is_dir():
        raise ValueError(f"--output: there is no directory {path.parent}")


def join(parts: Sequence[Prediction]) -> Prediction:
    """The answers of all batches as one."""
    if len(parts) == 1:
        return parts[0]
    arrays = [_arrays(part) for part in parts]
    joined: dict[str, Any] = {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}
    return replace(parts[0], **joined)


def write_answers(prediction: Prediction, model: ModelInfo, path: Path | None, *, as_json: bool) -> None:
    """Writes to the file, in the format that its name says, or to standard output."""
    if path is None:
        write = _write_json if as_json else _write_csv
        write(prediction, model, sys.stdout)
    elif path.suffix == ".npz":
        arrays: dict[str, Any] = {name: _portable(values) for name, values in _arrays(prediction).items()}
        np.savez(path, **arrays)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            (_write_json if path.suffix == ".json" else _write_csv)(prediction, model, file)


def write_report(report: FitReport, model: str, *, as_json: bool) -> None:
    """Writes how a fit went to standard output."""
    said = {name: value for name, value in asdict(report).items() if value is not None}
    if as_json:
        json.dump({"model": model, **said}, sys.stdout)
        sys.stdout.write("\n")
        return
    objective = f"inertia {report.inertia:.9g}" if report.inertia is not None else f"loss {report.loss:.9g}"
    converged = "converged" if report.converged else "not converged"
    sys.stdout.write(f"{model} version {report.version}: {converged} after {report.n_iter} iterations, {objective}\n")


def _arrays(prediction: Prediction) -> dict[str, npt.NDArray[Any]]:
    return {name: values for name in OUTPUTS if (values := getattr(prediction, name)) is not None}


def _portable(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # Objects would be pickled.
    return values.astype(str) if values.dtype == object else values


def _write_json(prediction: Prediction, model: ModelInfo, file: TextIO) -> None:
    answers: dict[str, Any] = {"model": prediction.model, "version": prediction.version}
    if model.classes is not None:
        answers["classes"] = model.classes.tolist()
    answers |= {name: values.tolist() for name, values in _arrays(prediction).items()}
    json.dump(answers, file, ensure_ascii=False)
    file.write("\n")


def _write_csv(prediction: Prediction, model: ModelInfo, file: TextIO) -> None:
    """One column for labels, and one for each class or cluster of the others."""
    names: list[str] = []
    columns: list[list[Any]] = []
    for name, values in _arrays(prediction).items():
        if name == "labels":
            names.append("label")
            columns.append(values.tolist())
            continue
        wide = values.shape[1]
        each = range(wide) if model.classes is None or wide != len(model.classes) else model.classes.tolist()
        # Two classes have one decision function.
        names += [name] if wide == 1 else [f"{name}_{one}" for one in each]
        columns += values.T.tolist()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
