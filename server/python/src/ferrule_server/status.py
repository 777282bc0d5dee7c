"""Statuses between the engine and grpcio."""

import traceback
from typing import TypeVar

import grpc
from ferrule._core import Status

Reply = TypeVar("Reply", bound=bytes | Status | None)

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def send(context: grpc.ServicerContext, status: Status) -> None:
    """Ends the call with a status. Raising would have grpcio log a traceback for each refused call."""
    context.set_code(_CODES[status.code])
    context.set_details(status.message)
    trailers: list[tuple[str, str | bytes]] = []
    if status.details:
        trailers.append(("grpc-status-details-bin", status.details))
    if status.retry_after_ms is not None:
        trailers.append(("grpc-retry-pushback-ms", str(status.retry_after_ms)))
    if trailers:
        context.set_trailing_metadata(tuple(trailers))


def sendable(reply: Reply, limit: int) -> Reply | Status:
    """The reply, or that it is too large: the limit on messages holds in both directions."""
    if isinstance(reply, bytes) and len(reply) > limit:
        return Status.message_too_large(limit)
    return reply


def send_wrong_number_of_messages(context: grpc.ServicerContext) -> None:
    """What the caller of a method with one request is told when it sent none or several.

    gRPC's list of status codes names UNIMPLEMENTED for it ("Request cardinality violation").
    """
    context.set_code(grpc.StatusCode.UNIMPLEMENTED)
    context.set_details("the method takes exactly one request message")


def incident() -> Status:
    """What the caller is told of an exception that is being handled; the log has the exception."""
    return Status.incident(traceback.format_exc().rstrip())
