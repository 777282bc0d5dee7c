"""Calls as bytes, and everything of their answers that two servers must agree on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from ferrule_client import messages
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

#: Seconds that a call may take on a busy machine, unless a test is about time.
TIMEOUT = 30.0

SERVICES = ("ferrule.v1.PredictionService", "ferrule.v1.ModelService", "grpc.health.v1.Health")

#: Every method that takes one message and answers one, by its name without the service.
UNARY: dict[str, MethodDescriptor] = {
    method.name: method
    for service in SERVICES
    for method in messages.POOL.FindServiceByName(service).methods
    if not method.server_streaming
}


def path(method: str) -> str:
    """The HTTP/2 path of a method named as in ``UNARY``; a path is left as it is."""
    if method.startswith("/"):
        return method
    described = UNARY[method]
    return f"/{described.containing_service.full_name}/{described.name}"


def request_type(method: str) -> Any:
    """The class of the message that a method takes."""
    return message_factory.GetMessageClass(UNARY[method].input_type)


def response_type(method: str) -> Any:
    """The class of the message that a method answers."""
    return message_factory.GetMessageClass(UNARY[method].output_type)


@dataclass(frozen=True)
class Answer:
    """What a server answered: a body, or a status that says why there is none."""

    code: str
    message: str = ""
    details: bytes = b""
    pushback: str | None = None
    body: bytes | None = None

    def detail(self) -> tuple[str, Any] | None:
        """The one google.rpc message that goes with the status: its name and itself."""
        if not self.details:
            return None
        status = messages.RpcStatus.FromString(self.details)
        assert grpc.StatusCode[self.code].value[0] == status.code
        assert status.message == self.message
        (packed,) = status.details
        name = packed.type_url.removeprefix("type.googleapis.com/google.rpc.")
        return name, getattr(messages, name).FromString(packed.value)


def unary(
    channel: grpc.Channel,
    method: str,
    request: bytes,
    *,
    metadata: Sequence[tuple[str, str | bytes]] = (),
    timeout: float = TIMEOUT,
    compression: grpc.Compression | None = None,
) -> Answer:
    """Calls a method with these bytes."""
    call: Any = channel.unary_unary(path(method), request_serializer=None, response_deserializer=None)
    try:
        body, ended = call.with_call(
            request, timeout=timeout, metadata=tuple(metadata), wait_for_ready=True, compression=compression
        )
    except grpc.RpcError as error:
        failed: Any = error
        trailers = dict(failed.trailing_metadata() or ())
        return Answer(
            failed.code().name,
            failed.details() or "",
            trailers.get("grpc-status-details-bin", b""),
            trailers.get("grpc-retry-pushback-ms"),
        )
    return Answer(ended.code().name, body=body)


def ask(channel: grpc.Channel, method: str, request: Any, timeout: float = TIMEOUT) -> Any:
    """Calls a method that must succeed, with a message, and reads the message it answers."""
    answer = unary(channel, method, request.SerializeToString(), timeout=timeout)
    assert answer.code == "OK", answer
    return response_type(method).FromString(answer.body)


def eventually(what: str, seconds: float, holds: Any) -> None:
    """Asks until the answer is yes; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
