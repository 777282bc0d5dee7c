"""When the calls of an open loop were meant to start, and how long they took from then.

ghz times a call from when it sends it. A client that is late, or that waits for a slow server before it sends, so leaves
out the very delay that a caller would feel (Gil Tene's "coordinated omission"). ghz's clock is known from its source (v0.121.0,
``load/pacer.go``, ConstantPacer): call number i, from 0, is due (i + 1) × ⌊10⁹ / rate⌋ nanoseconds after the clock started;
it is never sent before, and late calls are sent at once. When the clock started is not in the report: it is taken as the
latest time at which no call would have been early. The smallest delay of any call is so taken for none, so the times
from here are too short by that, which is some microseconds, and never by more.

ghz sends each call from a goroutine of its own, so neighbours may overtake each other; calls are matched to the clock in
the order in which they were sent.
"""

import numpy as np
import numpy.typing as npt

Microseconds = npt.NDArray[np.float64]


def intended_starts(starts_us: Microseconds, rate: int) -> Microseconds:
    """When each call was due, on the clock of ``starts_us``, which rises and has every call of the run."""
    due: Microseconds = np.arange(starts_us.size, dtype=np.float64) * ((1_000_000_000 // rate) / 1e3)
    if starts_us.size:
        due += np.min(starts_us - due)
    return due


def from_intended_start(starts_us: Microseconds, latencies_us: Microseconds, rate: int) -> Microseconds:
    """How long each call took from when it was due; never less than from when it was sent."""
    return starts_us + latencies_us - intended_starts(starts_us, rate)


def offered_rate(starts_us: Microseconds) -> float:
    """Calls started in a second; 0 for fewer than two."""
    if starts_us.size < 2 or starts_us[-1] <= starts_us[0]:
        return 0.0
    return float((starts_us.size - 1) / (starts_us[-1] - starts_us[0]) * 1e6)


#: The part of the answers at either end that says nothing of the rate: the first are waited for, the last may be stragglers.
_ENDS = 0.1


def answered_rate(ends_us: Microseconds) -> float | None:
    """Calls that ended in a second, of the middle ones by when they ended; None for too few to tell."""
    ordered = np.sort(ends_us)
    first, last = int(_ENDS * ordered.size), ordered.size - 1 - int(_ENDS * ordered.size)
    if last <= first or ordered[last] <= ordered[first]:
        return None
    return float((last - first) / (ordered[last] - ordered[first]) * 1e6)
