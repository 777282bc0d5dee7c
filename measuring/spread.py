"""One figure over several rounds."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Median and range."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Spread | None":
        """Of the values that are known; None when none is."""
        known = [value for value in values if value is not None]
        return cls.over(known) if known else None

    @classmethod
    def over(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def text(self, form: str, scale: float = 1.0) -> str:
        """``median (least-most)``, or the median alone when all are the same to a reader."""
        median, least, most = (format(value * scale, form) for value in (self.median, self.least, self.most))
        return median if least == most else f"{median} ({least}–{most})"
