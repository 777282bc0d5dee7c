"""Which ratios are held against what, and what rounds of figures say about them."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

#: The interval given with a median holds the true one with at least this probability.
_CONFIDENCE = 0.9
#: An interval wider than this part of its median says little.
WIDE = 0.15
#: Fewer rounds give no interval of that confidence.
LEAST_ROUNDS = 5


@dataclass(frozen=True)
class Figures:
    """What one measured run comes to."""

    requests_per_second: float
    cpu_us: float
    """CPU time of the server for each request, in microseconds."""


#: The figures of one round by the names of the subjects.
Round = Mapping[str, Figures]


@dataclass(frozen=True)
class Interval:
    """A median, and an interval that holds the true median with 90% probability, whatever the distribution.

    Its ends are order statistics: of n values, as many lie below the median as heads fall in n tosses. Of fewer than
    ``LEAST_ROUNDS`` values it is all of them, and promises less.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval":
        """Of at least one value."""
        ordered, n = sorted(values), len(values)
        cut, below = 0, 0.0
        while True:
            below += math.comb(n, cut) / 2**n
            if 1 - 2 * below < _CONFIDENCE:
                break
            cut += 1
        outer = max(cut - 1, 0)
        return cls(statistics.median(ordered), ordered[outer], ordered[n - 1 - outer])

    @property
    def width(self) -> float:
        """Of the interval, as a part of the median."""
        return (self.high - self.low) / self.median if self.median else math.inf


@dataclass(frozen=True)
class Target:
    """A ratio of subjects' figures, and its bound."""

    title: str
    above: str
    """The subject whose figure is divided."""
    below: tuple[str, ...]
    """The subjects by the sum of whose figures."""
    bound: float | None = None
    """None: nothing is asked of it."""
    at_least: bool = False
    """Whether the ratio should be at least the bound; else at most."""
    figure: Literal["cpu_us", "requests_per_second"] = "cpu_us"

    def ratio(self, rounds: Sequence[Round]) -> Interval:
        """Of the rounds' ratios.

        A round measures all subjects within a minute or so: what slows the machine then slows all.
        """

        def figure(each: Round, *names: str) -> float:
            return float(sum(getattr(each[name], self.figure) for name in names))

        return Interval.of([figure(each, self.above) / figure(each, *self.below) for each in rounds])

    def verdict(self, ratio: Interval) -> str:
        """Whether the median keeps to the bound, and what the spread leaves of that."""
        noisy = "too noisy to say" if ratio.width > WIDE else ""
        if self.bound is None:
            return noisy
        if not ratio.low <= self.bound <= ratio.high:
            return self._met(ratio)
        return noisy or f"{self._met(ratio)}, within the spread"

    def settled(self, ratio: Interval) -> bool:
        """Whether more rounds would tell little more."""
        if self.bound is not None and not ratio.low <= self.bound <= ratio.high:
            return True
        return ratio.width <= WIDE / 3

    def _met(self, ratio: Interval) -> str:
        if self.bound is None:
            return ""
        met = ratio.median >= self.bound if self.at_least else ratio.median <= self.bound
        return "met" if met else "missed"


_USUAL, _CORE = "grpcio + protobuf + scikit-learn", "grpcio + protobuf + Rust core"
_PER_SECOND: Literal["requests_per_second"] = "requests_per_second"

#: One row of two numbers in, one label out, from one core. What is asked of our servers beside grpcio is asked beside grpcio
#: as people usually start it; beside the same with our server's settings it says how much of that is settings. The echo
#: in our server's place says what no server on its transport can exceed.
SMALL = (
    Target("CPU: Rust server / empty typed echo on stock tonic", "rust", ("tonic-echo",), 1.0),
    Target("CPU: Rust server / byte echo on its own accept loop", "rust", ("loop-echo",), 1.2),
    Target(f"CPU: {_USUAL}, as usually started / Rust server", "usual", ("rust",), 60, at_least=True),
    Target(f"CPU: {_USUAL}, tuned / Rust server", "usual-tuned", ("rust",), 60, at_least=True),
    Target(f"CPU: {_USUAL}, as usually started / byte echo on our accept loop", "usual", ("loop-echo",)),
    Target(f"CPU: {_CORE}, as usually started / Rust server", "core", ("rust",), 22, at_least=True),
    Target(f"CPU: {_CORE}, tuned / Rust server", "core-tuned", ("rust",), 22, at_least=True),
    Target(f"CPU: {_CORE}, as usually started / byte echo on our accept loop", "core", ("loop-echo",)),
    Target("CPU: Python server / byte echo on grpcio", "python", ("grpcio-echo",), 1.15),
    Target(
        f"requests/s: Python server / {_USUAL}, as usually started",
        "python",
        ("usual",),
        3.5,
        at_least=True,
        figure=_PER_SECOND,
    ),
    Target(
        f"requests/s: Python server / {_USUAL}, tuned",
        "python",
        ("usual-tuned",),
        3.5,
        at_least=True,
        figure=_PER_SECOND,
    ),
)

#: 16,384 rows of 64 numbers in, as many labels out.
LARGE = (
    Target("CPU: Rust server / (byte echo + the engine alone)", "rust", ("loop-echo", "engine"), 1.15),
    Target("CPU: Python server / (byte echo on grpcio + the engine alone)", "python", ("grpcio-echo", "engine"), 1.15),
)

#: The small request again, from all cores, shared with the load generator.
WORKERS = (
    Target("CPU: Rust server with two workers / with one", "rust-2", ("rust-1",), 1.15),
    Target("CPU: Python server with two workers / with one", "python-2", ("python-1",), 1.15),
)

#: The small request with and without a deadline.
DEADLINES = (
    Target("CPU: Rust server with deadlines / without", "rust", ("rust-endless",)),
    Target("CPU: Python server with deadlines / without", "python", ("python-endless",)),
)
