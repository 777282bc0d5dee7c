"""One port for all workers, and for no other server.

Sockets with SO_REUSEPORT share a port silently, with any process of the same user. So the parent claims the port
without it, by listening for a moment, which the kernel grants to one process only; then it lets its workers in and
keeps the port, without listening, for as long as it lives.
"""

import errno
import socket
from typing import Self


class ListenError(Exception):
    """There is nothing to listen on."""


class Reservation:
    """A port that only our workers can listen on."""

    def __init__(self, host: str, port: int) -> None:
        """Takes the first address of `host` that this machine has; port 0 lets the system choose."""
        self._socket = _claim_first(host, port)
        name = self._socket.getsockname()
        self._host: str = name[0]
        self.port: int = name[1]

    @property
    def address(self) -> str:
        """HOST:PORT, with an IPv6 host in brackets."""
        return _joined(self._host, self.port)

    def close(self) -> None:
        """Gives the port back."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _claim_first(host: str, port: int) -> socket.socket:
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}: {error.strerror}") from error
    last: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        try:
            return _claim(socket.socket(family, kind, protocol), address)
        except OSError as error:
            # A name may have addresses of a family or interface that is not there. A taken port is not skipped.
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                shown = _joined(str(address[0]), port)
                raise ListenError(f"cannot listen on {shown}: {error.strerror} (os error {error.errno})") from error
            last = error
    raise ListenError(f"cannot listen on {host}: {last.strerror if last else 'the name has no address'}") from last


def _claim(claimed: socket.socket, address: tuple[object, ...]) -> socket.socket:
    try:
        # Without it, connections that linger in TIME_WAIT would keep the next server from the port for a minute.
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claimed.bind(address)
        # A port that the system chose is nobody else's, and it would be lost with the listening.
        chosen = address[1] != 0
        if chosen:
            claimed.listen(1)
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if chosen:
            claimed.shutdown(socket.SHUT_RDWR)
    except OSError:
        claimed.close()
        raise
    return claimed


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
