"""Bytes that no one meant: any answer is well, as long as it is the same one and not a bug."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.conformance.call import UNARY, unary
from server.conformance.conftest import Pair
from server.conformance.corpus import load

#: Requests to begin with, for each method: what the cases send, where that is small.
SEEDS = {
    method: [body for case in load() if case.method == method if len(body := case.body()) < 2000] or [b""]
    for method in UNARY
}
#: Statuses of bugs.
BUGS = {"INTERNAL", "UNKNOWN", "DATA_LOSS", "UNAVAILABLE", "ABORTED"}


def mutated(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """A request with a few bytes replaced, removed, doubled or put in."""

    @st.composite
    def strategy(draw: st.DrawFn) -> bytes:
        request = bytearray(draw(st.sampled_from(seeds)))
        for _ in range(draw(st.integers(1, 4))):
            start = draw(st.integers(0, len(request)))
            end = draw(st.integers(start, min(len(request), start + 8)))
            request[start:end] = draw(st.one_of(st.binary(max_size=8), st.just(bytes(request[start:end]) * 2)))
        return bytes(request)

    return strategy()


@pytest.mark.parametrize("method", UNARY)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_bytes_get_the_same_answer_from_both(scratch_pair: Pair, method: str, data: st.DataObject) -> None:
    request = data.draw(st.one_of(st.binary(max_size=200), mutated(SEEDS[method])))
    answers = {}
    for kind, server in scratch_pair.items():
        with server.channel() as channel:
            answers[kind] = unary(channel, method, request)
    assert answers["rust"].code not in BUGS
    assert answers["python"] == answers["rust"]


def test_the_servers_are_alive_after_all_that(scratch_pair: Pair) -> None:
    for server in scratch_pair.values():
        assert server.process.poll() is None
        server.check_log()
