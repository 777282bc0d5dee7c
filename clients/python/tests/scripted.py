"""A gRPC server inside the test that answers as told and keeps what it was sent."""

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import HealthServicer

PREDICT = "/ferrule.v1.PredictionService/Predict"
FIT_PREDICT = "/ferrule.v1.PredictionService/FitPredict"
GET_MODEL = "/ferrule.v1.ModelService/GetModel"
LIST_MODELS = "/ferrule.v1.ModelService/ListModels"
WATCH = "/grpc.health.v1.Health/Watch"


@dataclass
class Script:
    """What the server answers with, and what it was sent."""

    answer: bytes = b""
    """To every method that has no answer of its own."""
    answers: dict[str, bytes | Callable[[bytes], bytes]] = field(default_factory=dict)
    """By method; a function makes the answer of the request."""
    code: grpc.StatusCode = grpc.StatusCode.OK
    failures: int | None = None
    """How many calls end with ``code`` before the next are answered; None: all."""
    refuses: str | None = None
    """The only method that ends with ``code``; None: any."""
    message: str = ""
    details: bytes = b""
    until: threading.Event = field(default_factory=threading.Event)
    waits: bool = False
    called: threading.Event = field(default_factory=threading.Event)
    path: str = ""
    request: bytes = b""
    deadline: float = 0.0
    metadata: dict[str, str | bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """The methods that were called."""
    requests: dict[str, list[bytes]] = field(default_factory=dict)
    """By method."""

    def fails(self, path: str) -> bool:
        """Whether the call that has come in last ends with ``code``."""
        return self.refuses in {None, path} and (self.failures is None or len(self.calls) <= self.failures)


class Scripted(grpc.GenericRpcHandler):
    """Answers every method by the script, but for the stream of health reports."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        path = str(handler_call_details.method)
        if path == WATCH:
            return None

        def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
            return self.handle(path, request, context)

        return grpc.unary_unary_rpc_method_handler(handle)

    def handle(self, path: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        script = self.script
        script.path, script.request = path, request
        script.calls.append(path)
        script.called.set()
        script.requests.setdefault(path, []).append(request)
        script.deadline = context.time_remaining() or 0.0
        script.metadata = dict(context.invocation_metadata())
        if script.waits:
            script.until.wait(10)
        if script.details:
            context.set_trailing_metadata((("grpc-status-details-bin", script.details),))
        if script.code is not grpc.StatusCode.OK and script.fails(path):
            context.abort(script.code, script.message)
        answer = script.answers.get(path, script.answer)
        return answer if isinstance(answer, bytes) else answer(request)


@contextmanager
def serving(
    script: Script, *, credentials: grpc.ServerCredentials | None = None, health: HealthServicer | None = None
) -> Iterator[str]:
    """A server that answers by the script, and reports its health if told to; yields its address."""
    server = grpc.server(
        futures.ThreadPoolExecutor(4),
        handlers=[Scripted(script)],
        options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)],
    )
    if health is not None:
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
    wanted = "127.0.0.1:0"
    port = server.add_insecure_port(wanted) if credentials is None else server.add_secure_port(wanted, credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        script.until.set()
        server.stop(None).wait(5)
