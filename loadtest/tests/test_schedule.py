"""The times from the intended start, on clocks whose truth is known."""

import numpy as np
import pytest

from loadtest import schedule

RATE = 1000
DUE = (np.arange(500, dtype=np.float64) + 1) * 1000.0  # µs


def test_calls_on_time_keep_their_times() -> None:
    starts = DUE - DUE[0]
    latencies = np.full(DUE.size, 250.0)
    assert schedule.from_intended_start(starts, latencies, RATE) == pytest.approx(latencies)
    assert schedule.offered_rate(starts) == pytest.approx(RATE)


def test_a_stall_of_the_client_is_felt_by_every_call_that_it_held_up() -> None:
    # For 100 ms nothing is sent; then the calls that were due are sent at once.
    sent = DUE.copy()
    held = (sent > 200_000) & (sent <= 300_000)
    sent[held] = 300_000.0
    latencies = np.full(DUE.size, 250.0)
    corrected = schedule.from_intended_start(sent - sent[0], latencies, RATE)
    assert corrected[~held] == pytest.approx(250.0)
    assert corrected[held] == pytest.approx(250.0 + 300_000.0 - DUE[held])
    assert corrected.max() == pytest.approx(99_250.0)


def test_a_late_first_call_does_not_shift_the_clock() -> None:
    sent = DUE.copy()
    sent[0] += 700.0
    corrected = schedule.from_intended_start(sent - sent[0], np.full(DUE.size, 100.0), RATE)
    assert corrected[0] == pytest.approx(800.0)
    assert corrected[1:] == pytest.approx(100.0)


def test_times_are_too_short_by_the_smallest_delay_and_never_longer() -> None:
    delays = np.random.default_rng(5).exponential(40.0, DUE.size)
    sent = np.sort(DUE + delays)
    latencies = np.full(DUE.size, 300.0)
    corrected = schedule.from_intended_start(sent - sent[0], latencies, RATE)
    truth = sent + latencies - DUE
    assert np.all(corrected <= truth + 1e-6)
    assert np.max(truth - corrected) == pytest.approx(np.min(sent - DUE), abs=1e-6)
    assert np.all(corrected >= latencies - 1e-6)


def test_a_client_that_falls_behind_is_told_by_its_rate() -> None:
    assert schedule.offered_rate(np.multiply(DUE, 2.0)) == pytest.approx(RATE / 2)


def test_the_rate_of_answers_is_the_servers_whatever_one_straggler_does() -> None:
    ends = DUE + 250.0
    assert schedule.answered_rate(ends) == pytest.approx(RATE)
    # Waits that are long and the same for all are no sign of falling behind, nor is one call that hangs for seconds.
    ends[17] += 30e6
    assert schedule.answered_rate(ends + 5e6) == pytest.approx(RATE, rel=1e-2)
    assert schedule.answered_rate(np.multiply(DUE, 2.0)) == pytest.approx(RATE / 2)
    assert schedule.answered_rate(np.zeros(1)) is None
    assert schedule.answered_rate(np.zeros(0)) is None


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_calls(count: int) -> None:
    starts = np.zeros(count)
    assert schedule.offered_rate(starts) == 0
    assert schedule.from_intended_start(starts, starts + 5.0, RATE) == pytest.approx(starts + 5.0)


def test_the_interval_is_whole_nanoseconds_as_in_ghz() -> None:
    assert np.diff(schedule.intended_starts(np.arange(3.0), 30_000)) == pytest.approx(33.333, abs=1e-9)
