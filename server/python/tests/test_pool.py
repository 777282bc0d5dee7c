"""When the pool has how many threads, and that all work is done."""

import threading
import time

import pytest
from ferrule_server import pool
from ferrule_server.pool import Pool

PATIENCE = 20.0


def test_work_is_done_and_its_outcome_kept() -> None:
    workers = Pool("test", least=2, most=4)
    futures = [workers.submit(divmod, number, 3) for number in range(100)]
    assert [future.result(PATIENCE) for future in futures] == [divmod(number, 3) for number in range(100)]
    with pytest.raises(ZeroDivisionError):
        workers.submit(divmod, 1, 0).result(PATIENCE)
    assert workers.submit(dict, a=1).result(PATIENCE) == {"a": 1}


def test_threads_are_added_while_all_are_stuck_up_to_the_most() -> None:
    workers = Pool("test", least=2, most=5)
    go_on = threading.Event()
    stuck = [workers.submit(go_on.wait, PATIENCE) for _ in range(4)]
    # The four are stuck: this one runs only when there is a fifth thread.
    assert workers.submit(int, "7").result(PATIENCE) == 7
    assert workers.size == 5
    more = [workers.submit(go_on.wait, PATIENCE) for _ in range(3)]
    time.sleep(10 * pool.STUCK)
    assert workers.size == 5
    go_on.set()
    assert all(future.result(PATIENCE) for future in stuck + more)


def test_there_are_never_more_threads_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CALM", 0.05)
    workers = Pool("test", least=2, most=4)
    lock, go_on, running, most_running = threading.Lock(), threading.Event(), 0, 0

    def wait() -> None:
        nonlocal running, most_running
        with lock:
            running += 1
            most_running = max(running, most_running)
        go_on.wait(PATIENCE)
        with lock:
            running -= 1

    futures = [workers.submit(wait) for _ in range(12)]
    # Time enough for many a look of the watch, and for several calms.
    time.sleep(0.5)
    go_on.set()
    for future in futures:
        future.result(PATIENCE)
    assert most_running == 4


def test_threads_are_not_added_for_much_work_and_are_let_go_after_a_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "STUCK", 0.5)
    monkeypatch.setattr(pool, "CALM", 0.3)
    workers = Pool("test", least=1, most=3)
    for future in [workers.submit(abs, -number) for number in range(10_000)]:
        future.result(PATIENCE)
    assert workers.size == 1

    go_on = threading.Event()
    stuck = [workers.submit(go_on.wait, PATIENCE) for _ in range(2)]
    workers.submit(int).result(PATIENCE)
    assert workers.size == 3
    go_on.set()
    assert all(future.result(PATIENCE) for future in stuck)
    # The watch looks while there is work.
    deadline = time.monotonic() + PATIENCE
    while workers.size > 1:
        assert time.monotonic() < deadline
        workers.submit(int).result(PATIENCE)
    assert workers.submit(int, "3").result(PATIENCE) == 3


def test_cancelled_work_is_left_out() -> None:
    workers = Pool("test", least=1, most=1)
    go_on = threading.Event()
    stuck = workers.submit(go_on.wait, PATIENCE)
    left_out = workers.submit(pytest.fail)
    assert left_out.cancel()
    go_on.set()
    assert stuck.result(PATIENCE)
    assert workers.submit(int, "1").result(PATIENCE) == 1
