"""From the messages of a call to the engine, and back. Messages stay bytes from end to end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import grpc
from ferrule._core import Engine, Method, Pending, Status, methods

from ferrule_server import status
from ferrule_server.conversation import Stream
from ferrule_server.lanes import Lanes

# grpcio's classes take no parameters at run time.
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Router(grpc.GenericRpcHandler):
    """Finds the handler of a call by its path."""

    def __init__(self, engine: Engine, lanes: Lanes, max_message_bytes: int) -> None:
        pools = {"predict": lanes.predict, "fit": lanes.fit}
        self._lanes = lanes
        self._unary: dict[str, Handler] = {}
        self._streams: dict[str, Handler] = {}
        for method in methods():
            if method.shape == "unary":
                unary = Unary(engine, method, pools[method.lane], max_message_bytes)
                self._unary[method.path] = grpc.unary_unary_rpc_method_handler(unary)
            else:
                # The handler of two streams does not wait for a message before it runs, so it always runs, and
                # always gives its place back.
                stream = Stream(engine, method, lanes, max_message_bytes)
                self._streams[method.path] = grpc.stream_stream_rpc_method_handler(stream)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """The handler, or one that refuses. grpcio's one polling thread calls this: it must not wait."""
        path = handler_call_details.method
        unary = self._unary.get(path)
        if unary is not None:
            return unary
        stream = self._streams.get(path)
        if stream is None:
            return self._refusal(Status.no_method(path))
        if not self._lanes.stream_places.acquire(blocking=False):
            return self._refusal(Status.too_many_streams(self._lanes.most_streams))
        return stream

    def _refusal(self, reason: Status) -> Handler:
        return grpc.stream_stream_rpc_method_handler(Refusal(reason, self._lanes.refusal))


class Unary:
    """Answers the calls of one unary method."""

    def __init__(self, engine: Engine, method: Method, pool: ThreadPoolExecutor, max_message_bytes: int) -> None:
        # Where grpcio looks for the pool to run this in.
        self.experimental_thread_pool = pool
        self._call = engine.call
        self._method = method
        self._max_message_bytes = max_message_bytes

    def __call__(self, request: bytes, context: grpc.ServicerContext) -> bytes | None:
        """The response; None when the status says why there is none."""
        try:
            answer = self._call(self._method, request, context.time_remaining())
            if isinstance(answer, Pending):
                if not context.add_callback(answer.cancel):
                    answer.cancel()
                answer = answer.wait()
            answer = status.sendable(answer, self._max_message_bytes)
        except BaseException:  # noqa: BLE001 (a panic of the engine is not an Exception)
            answer = status.incident()
        if isinstance(answer, bytes):
            return answer
        status.send(context, answer)
        return None


class Refusal:
    """Answers a call of any shape with a status, without waiting for its messages."""

    def __init__(self, reason: Status, pool: ThreadPoolExecutor) -> None:
        self.experimental_thread_pool = pool
        self._reason = reason

    def __call__(self, _messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """No replies."""
        status.send(context, self._reason)
        return iter(())
