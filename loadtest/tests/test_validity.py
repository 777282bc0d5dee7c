"""What was the limit of a run, and which runs are no results."""

from typing import Any

import numpy as np
import pytest

from loadtest import validity
from loadtest.results import Latencies, Limit, Load, Mode, Setting
from loadtest.validity import Seen

CLOSED = Load(Mode.CLOSED, 16, 64)
OPEN = Load(Mode.OPEN, 16, rate=1000.0)
PACED = Load(Mode.PACED, 16, rate=1000.0)


def times(middle: float, slow: float) -> Latencies:
    """980 calls that took the one, and twenty that took the other, in microseconds."""
    return Latencies.of(np.array([middle] * 980 + [slow] * 20))


def seen(**changes: Any) -> Seen:
    values: dict[str, Any] = {
        "setting": Setting.APART,
        "load": CLOSED,
        "calls": 1000,
        "failed": 0,
        "offered": None,
        "server_busy": 0.99,
        "client_busy": 0.5,
    }
    return Seen(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({}, Limit.SERVER),
        ({"server_busy": 0.5, "client_busy": 0.97}, Limit.CLIENT),
        ({"client_busy": 0.97}, Limit.BOTH),
        ({"server_busy": 0.5}, Limit.NEITHER),
        ({"server_busy": None}, Limit.UNKNOWN),
        ({"server_busy": None, "client_busy": 0.95}, Limit.CLIENT),
        ({"setting": Setting.SHARED, "server_busy": 0.4, "client_busy": 0.55}, Limit.BOTH),
        ({"setting": Setting.SHARED, "server_busy": 0.4, "client_busy": 0.2}, Limit.NEITHER),
        ({"load": OPEN, "offered": 995.0, "server_busy": 0.95}, Limit.RATE),
        ({"load": OPEN, "offered": 900.0, "server_busy": 0.95}, Limit.SERVER),
        ({"load": OPEN, "offered": 900.0, "server_busy": 0.3, "client_busy": 1.0}, Limit.CLIENT),
        ({"load": PACED, "offered": 1000.0, "client_busy": 1.0}, Limit.RATE),
        ({"load": PACED, "offered": 900.0, "client_busy": 1.0}, Limit.CLIENT),
        ({"load": PACED, "offered": 900.0, "client_busy": 1.0, "held_up": True}, Limit.SERVER),
        ({"load": PACED, "offered": 1000.0, "answered": 800.0}, Limit.SERVER),
        ({"load": PACED, "offered": 1000.0, "answered": 950.0}, Limit.RATE),
        ({"load": PACED, "offered": 1000.0, "answered": 800.0, "server_busy": 0.5}, Limit.NEITHER),
        ({"load": PACED, "offered": 800.0, "answered": 700.0}, Limit.CLIENT),
        ({"load": OPEN, "offered": 1000.0, "answered": 800.0, "server_busy": None}, Limit.SERVER),
    ],
)
def test_limit(changes: dict[str, Any], limit: Limit) -> None:
    assert validity.limit(seen(**changes)) is limit


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"failed": 400}, None),
        ({"setting": Setting.SHARED, "server_busy": 0.3, "client_busy": 0.7}, None),
        ({"client_busy": 0.97}, None),
        ({"load": OPEN, "offered": 990.0, "server_busy": 0.3}, None),
        ({"load": OPEN, "offered": 990.0, "failed": 10}, None),
        ({"server_busy": 0.5, "client_busy": 0.97}, "the load generator was the limit, busy 97% of the time"),
        ({"calls": 0}, "no call was made"),
        ({"failed": 1000}, "all 1,000 calls failed"),
        ({"load": OPEN, "offered": 900.0}, "offered 900 calls/s instead of 1,000"),
        ({"load": OPEN, "offered": 1000.0, "client_busy": 0.85}, "the load generator was busy 85% of the time"),
        ({"load": PACED, "offered": 1000.0, "latencies": times(400, 900), "delays": times(100, 900)}, None),
        (
            {"load": PACED, "offered": 1000.0, "latencies": times(400, 900), "delays": times(101, 101)},
            "the load generator's own delay is more than 25% of what the middle call took",
        ),
        (
            {"load": PACED, "offered": 400.0, "answered": 399.0, "held_up": True, "delays": times(9e6, 9e6)},
            "399 of 1,000 calls/s offered were answered: so many waited for the server that for a time no more were begun",
        ),
        (
            {"load": PACED, "offered": 1000.0, "answered": 849.0},
            "849 of 1,000 calls/s offered were answered: waits grow as it lasts",
        ),
        ({"load": OPEN, "offered": 1000.0, "failed": 11}, "11 of 1,000 calls failed"),
    ],
)
def test_what_is_no_result_says_why(changes: dict[str, Any], reason: str | None) -> None:
    found = validity.reasons(seen(**changes), failed_part=0.01)
    assert len(found) == (reason is not None)
    assert not found or found[0].startswith(str(reason))


def test_a_percentile_is_shown_where_the_load_generator_was_not_late_itself() -> None:
    latencies, delays = times(400, 900), times(100, 230)
    assert validity.shows(latencies, delays, 50)
    assert not validity.shows(latencies, delays, 99.9)
    assert validity.shows(latencies, None, 99.9)
    assert not validity.shows(latencies, None, 99.95), "of 1,000 calls that is the slowest"
    assert validity.shows(latencies, None, 100)


def test_remarks_do_not_make_a_run_invalid() -> None:
    crowded = seen(others=0.5, failed=3, server_busy=0.2)
    assert validity.reasons(crowded, 0.01) == ()
    found = "\n".join(validity.remarks(crowded, listed=False))
    for words in ("first million", "3 of 1,000 calls failed", "other programs kept 0.5 cores busy", "neither side"):
        assert words in found
    assert validity.remarks(seen(others=0.05), listed=True) == ()
