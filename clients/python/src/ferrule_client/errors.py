# ruff: noqa: N818 - the exceptions have the names of the status codes
"""Why there is no answer: one exception for each gRPC status code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from . import messages

_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class FieldViolation:
    """One field of the request that is at fault."""

    field: str
    """Path from the request's root, such as ``input.columns``; empty when the request as a whole is."""
    description: str
    """What was expected and what came."""


class FerruleError(Exception):
    """A call that failed. ``str()`` of it is the server's message."""

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    """The gRPC status code."""

    def __init__(self, message: str, details: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        """What the server said."""
        self.details = details
        """What came with it: google.rpc BadRequest, ResourceInfo, PreconditionFailure or RetryInfo messages."""

    def _of(self, kind: Any) -> Iterator[Any]:
        return (detail for detail in self.details if isinstance(detail, kind))


class InvalidArgument(FerruleError):
    """Something in the request is wrong; ``fields`` says what."""

    code = grpc.StatusCode.INVALID_ARGUMENT

    @property
    def fields(self) -> tuple[FieldViolation, ...]:
        """The fields at fault."""
        return tuple(
            FieldViolation(violation.field, violation.description)
            for detail in self._of(messages.BadRequest)
            for violation in detail.field_violations
        )


class NotFound(FerruleError):
    """There is no such model, version or service."""

    code = grpc.StatusCode.NOT_FOUND


class FailedPrecondition(FerruleError):
    """The model exists and can't answer this: it is unloaded, damaged or of another kind."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class ResourceExhausted(FerruleError):
    """A limit. Retrying can help when ``retry_delay`` is set."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED

    @property
    def retry_delay(self) -> float | None:
        """Seconds to wait before trying again; None when that can't help."""
        for detail in self._of(messages.RetryInfo):
            return float(detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9)
        return None


class Unavailable(FerruleError):
    """No server is there, or it is shutting down; a retry is safe unless the call publishes."""

    code = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(FerruleError):
    """The call took longer than its timeout."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class Cancelled(FerruleError):
    """The call was cancelled."""

    code = grpc.StatusCode.CANCELLED


class Unimplemented(FerruleError):
    """The server has no such method."""

    code = grpc.StatusCode.UNIMPLEMENTED


class Unauthenticated(FerruleError):
    """No credentials, or wrong ones."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(FerruleError):
    """The credentials do not allow this."""

    code = grpc.StatusCode.PERMISSION_DENIED


class Internal(FerruleError):
    """A bug or a failing disk on the server; the message has the number to look for in its log."""

    code = grpc.StatusCode.INTERNAL


class Unknown(FerruleError):
    """Any other status, such as one made by a proxy."""


_BY_CODE = {kind.code: kind for kind in FerruleError.__subclasses__()}


def from_call(call: Any) -> FerruleError:
    """The exception for a call that failed, which is what grpcio raises."""
    kind = _BY_CODE.get(call.code(), Unknown)
    error = kind(call.details() or "", tuple(_details(call)))
    error.__cause__ = call
    return error


def _details(call: Any) -> Iterator[Any]:
    for key, value in call.trailing_metadata() or ():
        if key != _DETAILS:
            continue
        # Details that can't be read must not hide the error that they go with.
        try:
            status = messages.RpcStatus.FromString(value)
        except DecodeError:
            continue
        for packed in status.details:
            kind = _KINDS.get(packed.type_url.rpartition("/")[2])
            if kind is not None:
                try:
                    yield kind.FromString(packed.value)
                except DecodeError:
                    continue


_KINDS = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (messages.BadRequest, messages.RetryInfo, messages.PreconditionFailure, messages.ResourceInfo)
}
