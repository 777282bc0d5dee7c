"""Calls that break the protocol: what the servers answer differently is in ``differences.toml``, and what they do not
is here."""

import tomllib
from pathlib import Path
from typing import Any

import grpc
import pytest

from server.conformance import http2
from server.conformance.call import path
from server.conformance.conftest import Pair
from server.conformance.corpus import expanded
from server.conformance.process import Server

DIFFERENCES = tomllib.loads(Path(__file__).with_name("differences.toml").read_text())["difference"]
CODES = {code.value[0]: code.name for code in grpc.StatusCode}


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference["name"])
def test_difference(pair: Pair, difference: dict[str, Any]) -> None:
    known = {kind: answers(difference[kind]) for kind in pair}
    assert known["python"].isdisjoint(known["rust"])
    for kind, server in pair.items():
        assert answer(server, difference) in known[kind], kind


def answers(written: str | list[str]) -> set[str]:
    """One answer, or several."""
    return {written} if isinstance(written, str) else set(written)


def answer(server: Server, call: dict[str, Any]) -> str:
    """What a server answers, as the file writes it."""
    headers = [
        (name, value if isinstance(value, str) else "".join(expanded(value))) for name, value in call.get("headers", ())
    ]
    with http2.connected(server) as connection:
        content_type = call.get("content_type", "application/grpc")
        stream = connection.start(call.get("path", path("Check")), headers, content_type)
        connection.send(stream, bytes.fromhex(call["body"]), end=not call.get("open", False))
        reply = connection.reply(stream)
    if reply.code is not None:
        return CODES[reply.code]
    return "RESET" if ":status" not in reply.headers else f"HTTP {reply.headers[':status']}"


@pytest.mark.parametrize("timeout", ["soon", "", "1", "-1S", "1s"])
def test_a_timeout_that_is_none_gets_one_answer_from_both(pair: Pair, timeout: str) -> None:
    replies = {}
    for kind, server in pair.items():
        with http2.connected(server) as connection:
            stream = connection.start(path("Check"), [("grpc-timeout", timeout)])
            connection.send(stream, http2.framed(b""))
            reply = connection.reply(stream)
            replies[kind] = (reply.code, reply.headers["grpc-message"].replace("%20", " "))
    assert replies["python"] == replies["rust"]
    assert replies["rust"][0] == grpc.StatusCode.INTERNAL.value[0]


def test_of_two_timeouts_the_last_counts(pair: Pair) -> None:
    call = {"body": "", "open": True, "headers": [["grpc-timeout", "20S"], ["grpc-timeout", "300m"]]}
    for kind, server in pair.items():
        assert answer(server, call) == "DEADLINE_EXCEEDED", kind


def test_no_message_at_all(pair: Pair) -> None:
    for kind, server in pair.items():
        assert answer(server, {"body": ""}) == "UNIMPLEMENTED", kind
