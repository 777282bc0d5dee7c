"""What a model repository holds, read as servers read it. Loads neither NumPy nor scikit-learn."""

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ferrule import _core


@dataclass(frozen=True)
class Version:
    """One version of a model, read and checked."""

    name: str
    version: int
    path: Path
    #: None when the file is damaged.
    model: _core.StoredModel | None
    #: What is wrong with the file; empty when nothing is.
    problem: str

    @property
    def description(self) -> dict[str, Any]:
        """What the file says beside its arrays; empty for a damaged one."""
        if self.model is None:
            return {}
        described: dict[str, Any] = json.loads(self.model.description)
        return described


def versions(directory: str | PathLike[str], name: str | None = None, version: int | None = None) -> list[Version]:
    """Every version in a repository, or those of one model, or one, in order. A damaged file is a finding, no error.

    Raises:
        OSError: The directory can't be read, or has no such model or version.
    """
    found = []
    for entry in _core.repository_entries(directory, name, version):
        model, problem = None, ""
        try:
            model = _core.StoredModel.read(entry.path)
        except ValueError as error:
            problem = str(error)
        found.append(Version(entry.name, entry.version, entry.path, model, problem))
    return found
