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


#: The figures of one round by the names of the subjects.
Round = Mapping[str, Figures]


@dataclass(frozen=True)
class Target:
    """A ratio of subjects' figures, and its bound."""

    title: str
    above: str
    """The subject whose figure is divided."""
    below: tuple[str, ...]
    """The subjects by the sum of whose figures."""
    bound: float
    at_least: bool = False
    """Whether the ratio should be at least the bound; else at most."""
    figure: Literal["cpu_us", "requests_per_second"] = "cpu_us"

    def ratio(self, rounds: Sequence[Round]) -> tuple[float, float, float]:
        """Median, smallest and largest of the rounds' ratios.

        A round measures all subjects within a minute or so: what slows the machine then slows all.
        """

        def figure(each: Round, *names: str) -> float:
            return float(sum(getattr(each[name], self.figure) for name in names))

        ratios = [figure(each, self.above) / figure(each, *self.below) for each in rounds]
        return statistics.median(ratios), min(ratios), max(ratios)

    def met(self, ratio: float) -> bool:
        """Whether a ratio keeps to the bound."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound


#: One row of two numbers in, one label out, from one core.
SMALL = (
    Target("CPU: Rust server / empty typed echo on stock tonic", "rust", ("tonic-echo",), 1.0),
    Target("CPU: Rust server / byte echo on an accept loop like its own", "rust", ("loop-echo",), 1.2),
    Target("CPU: grpcio + protobuf + scikit-learn / Rust server", "usual", ("rust",), 60, at_least=True),
    Target("CPU: grpcio + protobuf + Rust core / Rust server", "core", ("rust",), 22, at_least=True),
    Target("CPU: Python server / byte echo on grpcio", "python", ("grpcio-echo",), 1.15),
    Target(
        "requests/s: Python server / grpcio + protobuf + scikit-learn",
        "python",
        ("usual",),
        3.5,
        at_least=True,
        figure="requests_per_second",
    ),
)

#: 16,384 rows of 64 numbers in, as many labels out.
LARGE = (
    Target("CPU: Rust server / (byte echo + the engine alone)", "rust", ("loop-echo", "engine"), 1.15),
    Target("CPU: Python server / (byte echo on grpcio + the engine alone)", "python", ("grpcio-echo", "engine"), 1.15),
)

#: The small request again, from all cores, shared with the load generator.
WORKERS = (Target("CPU: Python server with two workers / with one", "python-2", ("python-1",), 1.15),)
