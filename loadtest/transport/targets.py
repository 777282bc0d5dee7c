"""Which ratios are held against what."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figures:
    """What one measured run comes to."""

    requests_per_second: float
    cpu_us: float
    """CPU time of the server for each request, in microseconds."""


@dataclass(frozen=True)
class Target:
    """A ratio of two subjects' figures, and its bound."""

    title: str
    above: str
    """The subject whose figure is divided."""
    below: str
    """The subject by whose figure."""
    figure: Literal["cpu_us", "requests_per_second"]
    bound: float
    at_least: bool
    """Whether the ratio should be at least the bound; else at most."""

    def ratio(self, rounds: Sequence[Mapping[str, Figures]]) -> tuple[float, float, float]:
        """Median, smallest and largest of the rounds' ratios.

        A round measures all subjects within a minute or so: what slows the machine then slows both.
        """
        ratios = [getattr(each[self.above], self.figure) / getattr(each[self.below], self.figure) for each in rounds]
        return statistics.median(ratios), min(ratios), max(ratios)

    def met(self, ratio: float) -> bool:
        """Whether a ratio keeps to the bound."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound


def _at_most(bound: float, title: str, above: str, below: str) -> Target:
    return Target(title, above, below, "cpu_us", bound, at_least=False)


def _at_least(bound: float, title: str, above: str, below: str) -> Target:
    return Target(title, above, below, "cpu_us", bound, at_least=True)


#: One row of two numbers in, one label out.
SMALL = (
    _at_most(1.0, "CPU: Rust server / empty typed echo on stock tonic", "rust", "tonic-echo"),
    _at_most(1.2, "CPU: Rust server / byte echo on an accept loop like its own", "rust", "loop-echo"),
    _at_least(60, "CPU: grpcio + protobuf + scikit-learn / Rust server", "usual", "rust"),
    _at_least(22, "CPU: grpcio + protobuf + Rust core / Rust server", "core", "rust"),
    _at_most(1.15, "CPU: Python server / byte echo on grpcio", "python", "grpcio-echo"),
    Target(
        "requests/s: Python server / grpcio + protobuf + scikit-learn",
        "python",
        "usual",
        "requests_per_second",
        3.5,
        at_least=True,
    ),
)
