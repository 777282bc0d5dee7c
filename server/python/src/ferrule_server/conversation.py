"""A call that stays open: the caller's messages go to a session of the engine, its replies to the caller."""

import threading
from collections.abc import Iterator

import grpc
from ferrule._core import Engine, Method, Session, Status

from ferrule_server import status
from ferrule_server.lanes import Lanes

# Replies that may wait for the caller before its messages do.
_ENOUGH = 16


class Stream:
    """Answers the calls of one streaming method. A thread takes the replies, and another one the messages."""

    def __init__(self, engine: Engine, method: Method, lanes: Lanes, max_message_bytes: int) -> None:
        """A call holds one of the lanes' `stream_places`, which whoever routed it here has taken."""
        # Where grpcio looks for the pool to run this in.
        self.experimental_thread_pool = lanes.stream
        self._engine = engine
        self._method = method
        self._inbound = lanes.inbound
        self._places = lanes.stream_places
        self._max_message_bytes = max_message_bytes

    def __call__(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Yields the replies."""
        try:
            yield from self._replies(messages, context)
        except GeneratorExit:
            raise
        except BaseException:  # noqa: BLE001 (a panic of the engine is not an Exception)
            status.send(context, status.incident())
        finally:
            self._places.release()

    def _replies(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        session = self._engine.open(self._method, context.time_remaining())
        if not context.add_callback(session.cancel):
            return
        if self._method.shape == "server_stream":
            message = _only(messages)
            if message is None:
                if context.is_active():
                    status.send_wrong_number_of_messages(context)
                return
            session.receive(message)
            session.finish()
            taken = None
        else:
            taken = _Inbound(session, messages)
            self._inbound.submit(taken.run)
        try:
            while isinstance(reply := status.sendable(session.next(), self._max_message_bytes), bytes):
                if taken:
                    taken.wake()
                yield reply
            problem = taken.problem if taken and taken.problem else reply
            if problem is not None:
                status.send(context, problem)
        finally:
            session.cancel()
            if taken:
                taken.end()


class _Inbound:
    """The caller's messages on their way to a session. A caller that does not read replies is not read."""

    def __init__(self, session: Session, messages: Iterator[bytes]) -> None:
        self._session = session
        self._messages = messages
        self._room = threading.Condition()
        self._over = False
        self.problem: Status | None = None
        """Why messages could not be handed in."""

    def run(self) -> None:
        """Hands in messages until there are no more, or the call is over."""
        try:
            for message in self._messages:
                self._session.receive(message)
                with self._room:
                    self._room.wait_for(lambda: self._over or self._session.waiting < _ENOUGH)
        except grpc.RpcError:
            # The call is over.
            return
        except BaseException:  # noqa: BLE001 (a panic of the engine is not an Exception)
            self.problem = status.incident()
            self._session.cancel()
            return
        self._session.finish()

    def wake(self) -> None:
        """A reply was taken."""
        with self._room:
            self._room.notify()

    def end(self) -> None:
        """The call is over: replies that still wait are nobody's, and must not keep the thread."""
        with self._room:
            self._over = True
            self._room.notify()


def _only(messages: Iterator[bytes]) -> bytes | None:
    """The one message of a request; none when there is none, there are several, or the call is over."""
    try:
        first = next(messages, None)
        return first if next(messages, None) is None else None
    except grpc.RpcError:
        return None
