"""The two clients. What differs between them is how a call is made."""

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from time import monotonic
from types import TracebackType
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar, get_args

import grpc
import grpc.aio

from . import operations
from .connection import Connection, Operation
from .errors import from_call

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(operation: Callable[Concatenate[Connection, P], Operation[T]]) -> Callable[Concatenate["Client", P], T]:
    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client._run(operation(client, *args, **kwargs))

    return _described(method, operation)


def _awaited(
    operation: Callable[Concatenate[Connection, P], Operation[T]],
) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, T]]:
    async def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client._run(operation(client, *args, **kwargs))

    return _described(method, operation)


def _described(method: Callable[P, T], operation: Callable[..., Any]) -> Callable[P, T]:
    """The method with the operation's name and documentation, and what the operation returns in the end."""
    signature = inspect.signature(operation)
    vars(method)["__signature__"] = signature.replace(return_annotation=get_args(signature.return_annotation)[-1])
    return update_wrapper(method, operation)


class Client(Connection):
    """A connection to one or several Ferrule servers, safe to share between threads.

    The settings are those of ``Connection``. Use it in a ``with`` block, or call ``close``.
    """

    def close(self) -> None:
        """Ends the connection and the calls in progress."""
        self._methods.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    predict = _blocking(operations.predict)
    fit_predict = _blocking(operations.fit_predict)
    list_models = _blocking(operations.list_models)
    get_model = _blocking(operations.get_model)
    load_model = _blocking(operations.load_model)
    unload_model = _blocking(operations.unload_model)
    health = _blocking(operations.health)

    _transport: ClassVar[Any] = grpc

    def _run(self, operation: Operation[T]) -> T:
        try:
            call = next(operation)
            while True:
                try:
                    answer = self._methods[call.path](
                        call.request, timeout=call.deadline - monotonic(), metadata=self._metadata
                    )
                except grpc.RpcError as error:
                    call = operation.throw(from_call(error))
                else:
                    call = operation.send(call.answer(answer))
        except StopIteration as end:
            outcome: T = end.value
            return outcome


class AsyncClient(Connection):
    """A connection to one or several Ferrule servers for asyncio, to be used within one event loop.

    The settings are those of ``Connection``. Use it in an ``async with`` block, or call ``close``.
    """

    async def close(self) -> None:
        """Ends the connection and the calls in progress."""
        await self._methods.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    predict = _awaited(operations.predict)
    fit_predict = _awaited(operations.fit_predict)
    list_models = _awaited(operations.list_models)
    get_model = _awaited(operations.get_model)
    load_model = _awaited(operations.load_model)
    unload_model = _awaited(operations.unload_model)
    health = _awaited(operations.health)

    _transport: ClassVar[Any] = grpc.aio

    async def _run(self, operation: Operation[T]) -> T:
        try:
            call = next(operation)
            while True:
                try:
                    answer = await self._methods[call.path](
                        call.request, timeout=call.deadline - monotonic(), metadata=self._metadata
                    )
                except grpc.RpcError as error:
                    call = operation.throw(from_call(error))
                else:
                    call = operation.send(call.answer(answer))
        except StopIteration as end:
            outcome: T = end.value
            return outcome
