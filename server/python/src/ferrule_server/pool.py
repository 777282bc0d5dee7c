"""A pool of few threads, and of many only while the few are stuck."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeAlias

#: Work that nobody has begun for so long shows that every thread is stuck. In seconds.
STUCK = 0.005
#: After so long without that, one thread more than the least is let go. In seconds.
CALM = 1.0

Work: TypeAlias = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Pool(ThreadPoolExecutor):
    """Runs work on ``least`` threads, and on up to ``most`` while none of them begins what waits.

    Threads that compute hold the GIL, so more of them would only wait for each other, at 10 to 30% more CPU time for
    each call. Threads that wait for a slow client do not, and others must go on meanwhile. The standard pool makes a
    thread for each call in progress and keeps it. This is one of its kind because grpcio takes no other.
    """

    def __init__(self, name: str, *, least: int, most: int) -> None:
        super().__init__(1, thread_name_prefix=name)
        self._name = name
        self._least = min(least, most)
        self._most = most
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        #: Changes whenever work begins; how, matters to nobody.
        self._begun = 0
        self._size = 0
        self._watched = threading.Event()
        for _ in range(self._least):
            self._add()
        threading.Thread(target=self._watch, name=f"{name}-watch", daemon=True).start()

    @property
    def size(self) -> int:
        """Number of threads now."""
        return self._size

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs ``fn`` on a thread of the pool."""
        future: Future[Any] = Future()
        self._waiting.put((future, fn, args, kwargs))
        if not self._watched.is_set():
            self._watched.set()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Does nothing: the threads end with the process."""

    def _add(self) -> None:
        self._size += 1
        threading.Thread(target=self._work, name=f"{self._name}-{self._size}", daemon=True).start()

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            self._begun += 1
            future, call, args, kwargs = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call(*args, **kwargs))
            except BaseException as problem:  # noqa: BLE001 (it is the future's now)
                future.set_exception(problem)
            del work, future, call, args, kwargs

    def _watch(self) -> None:
        """Adds a thread when the others are stuck, lets one go after a calm. Sleeps while nothing waits."""
        stuck_last = time.monotonic()
        while True:
            self._watched.wait()
            begun = self._begun
            time.sleep(STUCK)
            if self._waiting.empty():
                # In this order: what is submitted after the look sets it again.
                self._watched.clear()
                if not self._waiting.empty():
                    self._watched.set()
            elif begun == self._begun:
                stuck_last = time.monotonic()
                if self._size < self._most:
                    self._add()
            if self._size > self._least and time.monotonic() - stuck_last > CALM:
                self._size -= 1
                self._waiting.put(None)
                stuck_last = time.monotonic()
