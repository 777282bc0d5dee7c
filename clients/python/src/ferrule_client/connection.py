"""What the two clients share: everything but the call itself."""

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from threading import Lock
from time import monotonic
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

from google.protobuf.message import DecodeError

from . import wire
from .addresses import Addresses
from .errors import Unknown
from .security import Tls, bearer
from .service_config import service_config

T = TypeVar("T")


class Call(NamedTuple):
    """One call to a server."""

    path: str
    """The method, as gRPC names it: ``/package.Service/Method``."""
    request: wire.Parts
    """The request's bytes."""
    read: Callable[[bytes], Any]
    """Makes what the operation is sent of the answer's bytes; raises DecodeError."""
    deadline: float
    """When the answer must have come, by ``time.monotonic``."""

    def answer(self, answer: bytes) -> Any:
        """What the operation is sent. Raises Unknown for bytes that are no answer."""
        try:
            return self.read(answer)
        except DecodeError as problem:
            raise Unknown(f"{self.path}: the answer can't be read: {problem}") from problem


#: Something a client can do: yields the calls that it takes, is sent their answers, and returns the outcome. It knows
#: nothing of how calls are made, so that the same code serves the blocking and the asyncio client.
Operation: TypeAlias = Generator[Call, Any, T]


class Methods(dict[str, Any]):
    """A channel and its methods by path, each made once: making one costs more than calling it."""

    def __init__(self, open_channel: Callable[[], Any]) -> None:
        super().__init__()
        self._open = open_channel
        self._opening = Lock()
        self._channel: Any = None

    @property
    def channel(self) -> Any:
        """The channel. It is opened at the first call, since one of asyncio belongs to the loop that runs then."""
        with self._opening:
            if self._channel is None:
                self._channel = self._open()
            return self._channel

    def __missing__(self, path: str) -> Any:
        # Bytes come back: what can't be read is then the same error for both clients.
        self[path] = method = self.channel.unary_unary(path, request_serializer=b"".join)
        return method


class Connection:
    """The base of the clients: the settings of a connection, and what was learnt over it.

    ``target`` says where the servers are: ``host:port``; several IP addresses with ports, in a list or joined by commas;
    or a name with one of gRPC's schemes, such as ``dns:///host:port`` or ``unix:/path``. Calls go to all of them in
    turn. A server that is gone, or one of several that reports NOT_SERVING, is left out, and calls without effects are
    tried again, up to four times, when a server is UNAVAILABLE.

    ``timeout`` is how long each operation may take in seconds, retries included, unless it is told otherwise. ``tls``
    encrypts; ``token`` goes with each call as a bearer token. A token is refused (ValueError) without ``tls`` when it
    would leave this machine, unless ``allow_plaintext_token`` is set. ``max_message_bytes`` is the largest answer that is
    taken; how large a request may be is the servers' to say. ``options`` are gRPC channel options that go over all this.

    No connection is made before the first call. Every operation raises a subclass of ``FerruleError`` when it fails, and
    ValueError for arguments that can't be put into a request.
    """

    _transport: ClassVar[Any]
    """``grpc`` or ``grpc.aio``."""

    def __init__(
        self,
        target: str | Sequence[str] = "127.0.0.1:50051",
        *,
        timeout: float = 10.0,
        tls: Tls | None = None,
        token: str | None = None,
        allow_plaintext_token: bool = False,
        max_message_bytes: int = 16 * 1024 * 1024,
        options: Iterable[tuple[str, Any]] = (),
    ) -> None:
        addresses = Addresses.parse(target)
        if token is not None and tls is None and not addresses.loopback and not allow_plaintext_token:
            raise ValueError(
                f"token: would be sent to {addresses.target} unencrypted; set tls, or allow_plaintext_token"
            )
        authority = addresses.authority if tls is None else tls.server_name
        if tls is not None and authority is None and addresses.authority is not None:
            raise ValueError("tls: several addresses need server_name, the name that their certificates have")
        self.target = addresses.target
        self.timeout = timeout
        #: The names of the columns of models, by name and version; version None is the newest when it was asked.
        self.feature_names: dict[tuple[str, int | None], tuple[str, ...]] = {}
        self._metadata = None if token is None else bearer(token)
        channel_options = {
            # A request over the server's limit is sent all the same: its refusal names the limit.
            "grpc.max_send_message_length": -1,
            "grpc.max_receive_message_length": max_message_bytes,
            # A server that is the only one is asked even if it says that it is not serving: it knows best why.
            "grpc.service_config": service_config(several=not addresses.single),
            **({} if authority is None else {"grpc.default_authority": authority}),
            **dict(options),
        }
        settings = {"target": addresses.target, "options": list(channel_options.items())}
        if tls is None:
            self._methods = Methods(partial(self._transport.insecure_channel, **settings))
        else:
            self._methods = Methods(partial(self._transport.secure_channel, credentials=tls.credentials(), **settings))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.target!r}, timeout={self.timeout})"

    def deadline(self, timeout: float | None) -> float:
        """When an operation that starts now must be over, by ``time.monotonic``."""
        return monotonic() + (self.timeout if timeout is None else timeout)
