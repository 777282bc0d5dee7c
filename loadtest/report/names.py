"""How subjects are called and drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.results import Results

from .palette import Look, light, looks


@dataclass(frozen=True)
class Names:
    """How subjects are called and drawn."""

    labels: Mapping[str, str]
    looks: Mapping[str, Look]

    @classmethod
    def of(cls, results: Results) -> "Names":
        """Of every subject of a run."""
        return cls(
            {subject.name: subject.label for subject in results.subjects},
            looks([subject.name for subject in results.subjects]),
        )

    def colour(self, subject: str) -> str:
        """What a subject is drawn in."""
        return light(self.looks[subject].colour)
