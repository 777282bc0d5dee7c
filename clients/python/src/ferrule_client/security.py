"""What proves who the servers are, and who the caller is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc


@dataclass(frozen=True, kw_only=True)
class Tls:
    """An encrypted connection. Certificates and keys are PEM; ``Tls.from_files`` reads them."""

    root_certificates: bytes | None = None
    """Whom to trust; None: whom gRPC trusts by default, the public authorities."""
    certificate: bytes | None = None
    """The client's own certificate and its chain, for servers that ask for one (mutual TLS)."""
    key: bytes | None = field(default=None, repr=False)
    """The key of ``certificate``."""
    server_name: str | None = None
    """The name that the servers' certificates have; None: the host of the target. Several addresses need one."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("tls: expected certificate and key, got one of them")

    @classmethod
    def from_files(
        cls,
        *,
        root_certificates: str | Path | None = None,
        certificate: str | Path | None = None,
        key: str | Path | None = None,
        server_name: str | None = None,
    ) -> Self:
        """From the names of PEM files. Raises OSError for one that can't be read."""

        def read(path: str | Path | None) -> bytes | None:
            return None if path is None else Path(path).read_bytes()

        return cls(
            root_certificates=read(root_certificates),
            certificate=read(certificate),
            key=read(key),
            server_name=server_name,
        )

    def credentials(self) -> grpc.ChannelCredentials:
        """As gRPC takes them."""
        return grpc.ssl_channel_credentials(self.root_certificates, self.key, self.certificate)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata that carries a token. Raises ValueError, without showing it, when it can't stand in a header."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("token: expected visible ASCII characters")
    return (("authorization", f"Bearer {token}"),)
