"""Thread pools, one for each lane, so that no kind of call can hold up another.

grpcio gives a call its thread when the headers come, and the thread waits for the body. So a client that sends
headers and never a body holds a thread for each stream. Streams on one connection are bounded, and each pool has room
for `STALLED_CONNECTIONS` full connections of such calls besides the threads that others need.
"""

import threading

from ferrule._core import Config

from ferrule_server.pool import Pool

# Full connections of calls without a body that leave a lane working.
STALLED_CONNECTIONS = 4
# Streams of one connection, whatever the settings allow: threads wait cheaply, but not for nothing.
_MOST_STREAMS_ON_A_CONNECTION = 16
# Threads that do all work as long as no client stalls them, and work on when others are stalled.
_WORKING = 4


class Lanes:
    """The pools."""

    def __init__(self, config: Config) -> None:
        self.streams_on_a_connection = min(config.max_concurrent_streams, _MOST_STREAMS_ON_A_CONNECTION)
        stalled = STALLED_CONNECTIONS * self.streams_on_a_connection
        self.predict = _pool("predict", stalled + _WORKING)
        # A fit beyond the limit is refused at once, so waiting fits never take more.
        self.fit = _pool("fit", stalled + config.max_fits_in_flight + _WORKING)
        # A stream holds a thread for as long as it is open, and a second one that takes the caller's messages.
        self.most_streams = stalled + _WORKING
        self.stream = _pool("stream", self.most_streams)
        self.inbound = _pool("inbound", self.most_streams)
        self.stream_places = threading.BoundedSemaphore(self.most_streams)
        # Says no, which takes no time.
        self.refusal = _pool("refusal", _WORKING)


def _pool(name: str, threads: int) -> Pool:
    return Pool(name, least=_WORKING, most=threads)
