"""Asks a running server for its health, for containers that have no other client."""

import os

from ferrule._core import Healthcheck


class UnhealthyError(Exception):
    """The server does not say SERVING."""


def run(ask: Healthcheck) -> None:
    """Asks; returning means SERVING.

    Raises:
        UnhealthyError: Everything else.
    """
    # The core's own log lines would stand between ours.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc

    # No proxy of the environment, and no second try within the time.
    options = (("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0))
    with grpc.insecure_channel(ask.address, options=options) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ask.path)
        try:
            response = check(ask.request(), timeout=ask.timeout)
        except grpc.RpcError as error:
            raise UnhealthyError(_reason(ask, error.code(), error.details() or "")) from error
    if not Healthcheck.is_serving(response):
        raise UnhealthyError(f"{ask.address} is not serving")


def _reason(ask: Healthcheck, code: object, details: str) -> str:
    name = getattr(code, "name", str(code))
    if name == "DEADLINE_EXCEEDED":
        return f"{ask.address} does not answer within {ask.timeout:g}s"
    if name == "UNAVAILABLE":
        return f"cannot connect to {ask.address}: {details}"
    return f"{ask.address} answers {name.title().replace('_', '')}: {details}"
