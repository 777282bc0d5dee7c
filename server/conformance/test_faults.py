"""What a hostile or unlucky network does. The servers live, answer others, and leave no trace of a bug."""

import gzip
import os
import random
import signal
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from server.conformance import http2
from server.conformance.call import ask, eventually, path, unary
from server.conformance.conftest import KINDS, Pair, Start
from server.conformance.load import ONE_FIT, begin_long_fit, predict, repeating, short_fit
from server.conformance.process import PATIENCE, Server, command, environment

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

GARBAGE = {
    "nothing": b"",
    "noise": random.Random(1).randbytes(5000),
    "zeros": bytes(100_000),
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "half a preface": PREFACE[:10],
    "a preface and noise": PREFACE + random.Random(2).randbytes(5000),
    "a preface and a frame of 16 MiB": PREFACE + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    "settings on a stream": PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x01",
    "headers that no one can decompress": PREFACE
    + b"\0\0\0\x04\0\0\0\0\0"
    + b"\0\0\x04\x01\x05\0\0\0\x01\xff\xff\xff\xff",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
}


def answers_others(server: Server) -> None:
    """Fails when a new caller gets no answer."""
    with server.channel() as channel:
        assert unary(channel, "Check", b"", timeout=10).code == "OK"
        assert unary(channel, "ListModels", b"", timeout=10).code == "OK"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_on_the_port(pair: Pair, kind: str, garbage: bytes) -> None:
    server = pair[kind]
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(socket.create_connection(server.host_and_port, timeout=10))
            connection.sendall(garbage)
        # Both while the connections are open and after.
        answers_others(server)
    answers_others(server)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tls_client(pair: Pair, kind: str) -> None:
    context = ssl.create_default_context()
    with (
        socket.create_connection(pair[kind].host_and_port, timeout=10) as plain,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")
    answers_others(pair[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["Predict", "FitPredict", "ListModels"])
def test_headers_without_a_body(pair: Pair, kind: str, method: str) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(http2.connected(pair[kind])) for _ in range(4)]
        for connection in connections:
            for _ in range(4):
                connection.start(path(method))
        answers_others(pair[kind])
        with pair[kind].channel() as channel:
            assert unary(channel, "FitPredict", short_fit().SerializeToString(), timeout=10).code == "OK"


@pytest.mark.parametrize("kind", KINDS)
def test_callers_of_a_stream_who_do_not_read(start: Start, kind: str) -> None:
    """One stream on a connection: the Python server has threads for eight."""
    server = start(kind, workers=1, settings={"limits_max_concurrent_streams": "1"})
    question = ServerReflectionRequest(file_containing_symbol="ferrule.v1.PredictionService").SerializeToString()
    for _ in range(9):
        with http2.connected(server, 0.3) as connection:
            ask_until_not_read(connection, http2.framed(question) * 100)
    with server.channel() as channel:
        call: Any = channel.stream_stream(REFLECTION)
        eventually("a place for a stream", 20, lambda: reflects(call, question))


def ask_until_not_read(connection: http2.Connection, questions: bytes) -> None:
    """Sends questions, and makes no room for replies, until the server takes no more: it holds a bounded number."""
    stream = connection.start(REFLECTION)
    sent = 0
    while sent < 64 * 1024 * 1024:
        assert not connection.ended(stream)
        window = connection.http.local_flow_control_window(stream)
        if min(window, connection.http.max_outbound_frame_size) >= len(questions):
            connection.send(stream, questions, end=False)
            sent += len(questions)
            continue
        try:
            connection.receive()
        except TimeoutError:
            return
    raise AssertionError(f"the server took {sent} bytes of questions")


def reflects(call: Any, question: bytes) -> bool:
    """Whether a question is answered; false when there is no place for it."""
    try:
        return len(list(call(iter([question]), timeout=5))) == 1
    except grpc.RpcError as error:
        refused: Any = error
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, refused
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_of_a_stream_over_the_limit(start: Start, kind: str) -> None:
    server = start(kind, workers=1, settings={"limits_max_message_bytes": "1000"})
    question = ServerReflectionRequest(file_containing_symbol="ferrule.v1.PredictionService").SerializeToString()
    with server.channel() as channel:
        call: Any = channel.stream_stream(REFLECTION)
        with pytest.raises(grpc.RpcError) as caught:
            list(call(iter([question]), timeout=10))
    refused: Any = caught.value
    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "limits.max_message_bytes" in refused.details()


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_body(pair: Pair, kind: str) -> None:
    whole = http2.framed(short_fit().SerializeToString())
    with ExitStack() as stack:
        for cut in (1, 4, 5, len(whole) - 1):
            connection = stack.enter_context(http2.connected(pair[kind]))
            connection.send(connection.start(path("FitPredict")), whole[:cut], end=False)
        answers_others(pair[kind])


def raw_answers(pair: Pair, method: str, body: bytes, **headers: str) -> dict[str, http2.Reply]:
    """What both servers reply to a body made by hand."""
    replies = {}
    for kind, server in pair.items():
        with http2.connected(server) as connection:
            given = [(name.replace("_", "-"), value) for name, value in headers.items()]
            stream = connection.start(path(method), given)
            connection.send_all(stream, body)
            replies[kind] = connection.reply(stream)
    return replies


def test_a_message_of_200_megabytes(pair: Pair) -> None:
    body = bytes(200_000_000)
    answers = {}
    for kind, server in pair.items():
        with server.channel() as channel:
            answers[kind] = unary(channel, "Predict", body, timeout=60)
        answers_others(server)
    assert {answer.code for answer in answers.values()} == {"RESOURCE_EXHAUSTED"}


def test_a_length_of_four_gibibytes_that_never_comes(pair: Pair) -> None:
    codes = {}
    for kind, server in pair.items():
        with http2.connected(server) as connection:
            stream = connection.start(path("Predict"))
            connection.send(stream, b"\0\xff\xff\xff\xff", end=False)
            codes[kind] = connection.reply(stream).code
    assert codes == dict.fromkeys(KINDS, grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])


def test_a_compressed_request_of_200_mebibytes_of_zeros(pair: Pair) -> None:
    bomb = http2.framed(gzip.compress(bytes(200 * 1024 * 1024), 9), compressed=True)
    replies = raw_answers(pair, "Predict", bomb, grpc_encoding="gzip")
    codes = {kind: reply.code for kind, reply in replies.items()}
    assert codes == dict.fromkeys(KINDS, grpc.StatusCode.UNIMPLEMENTED.value[0])
    for server in pair.values():
        answers_others(server)


@pytest.mark.parametrize("kind", KINDS)
def test_a_taken_port_is_an_error(start: Start, tmp_path: Path, kind: str) -> None:
    for first in KINDS:
        port = start(first).host_and_port[1]
        second = subprocess.run(
            [*command(kind), "serve", "--port", str(port), "--models", str(tmp_path / "second"), "--workers", "2"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=environment(),
        )
        assert second.returncode not in (0, None)
        assert "listening" not in second.stdout
        assert str(port) in second.stderr
        assert "Traceback" not in second.stderr
        assert "panicked" not in second.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_signal_ends_it_at_once(start: Start, kind: str) -> None:
    server = start(kind, settings=ONE_FIT)
    with server.channel() as channel:
        begun = begin_long_fit(server, channel)
        server.ask_to_stop()
        eventually("it drains", 20, lambda: not serving(server))
        assert not begun.done()
        began = time.monotonic()
        server.ask_to_stop()
        server.wait(status=None)
        assert time.monotonic() - began < 10
        assert begun.code() is not grpc.StatusCode.OK


@pytest.mark.parametrize("kind", KINDS)
def test_calls_in_progress_are_answered_when_it_stops(start: Start, kind: str) -> None:
    server = start(kind, settings=ONE_FIT)
    with server.channel() as channel:
        begun = begin_long_fit(server, channel, starts=1)
        server.ask_to_stop()
        assert begun.code() is grpc.StatusCode.OK, begun.details()
    server.wait()


def serving(server: Server) -> bool:
    """Whether a new caller is told that the server serves."""
    with server.channel() as channel:
        call: Any = channel.unary_unary(path("Check"), request_serializer=None, response_deserializer=None)
        try:
            return bool(call(b"", timeout=2) == b"\x08\x01")
        except grpc.RpcError:
            return False


def test_a_killed_worker_of_the_python_server(start: Start) -> None:
    server = start("python", workers=3)
    with server.channel() as channel:
        ask(channel, "FitPredict", short_fit("m"))
    before = set(server.workers())
    assert len(before) == 3
    request = predict("m").SerializeToString()
    outcomes: list[str] = []

    def call() -> None:
        with server.channel() as channel:
            outcomes.extend(unary(channel, "Predict", request).code for _ in range(20))

    with repeating(4, call):
        for _ in range(2):
            victim = min(set(server.workers()))
            os.kill(victim, signal.SIGKILL)
            eventually(
                "another worker takes its place",
                30,
                lambda: len(server.workers()) == 3 and victim not in server.workers(),  # noqa: B023 - called before the next turn
            )
    # What was lost is what the worker held; a caller who tries again is answered.
    assert set(outcomes) <= {"OK", "UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN"}
    assert outcomes.count("OK") > 0.8 * len(outcomes)
    assert "worker" in server.log
    # A dead worker's calls in flight are not counted for ever.
    for _ in range(16):
        answers_others(server)
        with server.channel() as channel:
            assert unary(channel, "FitPredict", short_fit("m").SerializeToString()).code == "OK"
