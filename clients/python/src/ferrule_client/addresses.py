"""Where the servers are: what a user writes and what gRPC takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address


@dataclass(frozen=True, slots=True)
class Addresses:
    """One target of gRPC, for one server or several."""

    target: str
    """As gRPC names it, such as ``localhost:50051``, ``dns:///ferrule:50051`` or ``ipv4:10.0.0.1:50051,10.0.0.2:50051``."""
    loopback: bool
    """Whether nothing leaves this machine."""
    single: bool
    """Whether there is one server for certain; a host name may stand for many."""
    authority: str | None = None
    """What calls to several servers name as their authority; None for one target, which is its own."""

    @classmethod
    def parse(cls, target: str | Sequence[str]) -> "Addresses":
        """From ``host:port``, several of them as a list or joined by commas, or a name with one of gRPC's schemes.

        Raises ValueError when several are not IP addresses of one family, which is all that gRPC takes: for servers
        behind names, one name that stands for all of them will do.
        """
        listed = target.split(",") if isinstance(target, str) else list(target)
        hosts = [address.strip() for address in listed if address.strip()]
        if not hosts:
            raise ValueError("target: expected an address such as 127.0.0.1:50051, got none")
        if len(hosts) == 1:
            host = _host(hosts[0])
            known = _ip(host) is not None or host == "localhost" or _is_socket(hosts[0])
            return cls(hosts[0], _stays_here(hosts[0]), single=known)
        scheme, colon, first = hosts[0].partition(":")
        if colon and scheme in {"ipv4", "ipv6"}:
            hosts[0] = first
        families = {type(_ip(_host(host))) for host in hosts}
        if len(families) > 1 or families == {type(None)} or not all(_has_port(host) for host in hosts):
            raise ValueError(
                f"target: expected IP addresses of one family with ports, or one name for all of them, got {','.join(hosts)}"
            )
        family = "ipv4" if families == {IPv4Address} else "ipv6"
        here = all(map(_stays_here, hosts))
        # By itself gRPC would name the whole list, commas included, which strict servers refuse as a malformed header.
        return cls(f"{family}:{','.join(hosts)}", here, single=False, authority=hosts[0])


def _is_socket(target: str) -> bool:
    return target.partition(":")[0] in {"unix", "unix-abstract"}


def _stays_here(target: str) -> bool:
    host = _host(target)
    address = _ip(host)
    return _is_socket(target) or host == "localhost" or (address is not None and address.is_loopback)


def _host(target: str) -> str:
    """The host in ``host:port``, ``[host]:port``, ``host``, or one of these after a scheme and an authority."""
    scheme, colon, rest = target.partition(":")
    if colon and scheme in {"dns", "ipv4", "ipv6"}:
        target = rest.rpartition("/")[2]
    if target.startswith("["):
        return target[1:].partition("]")[0]
    return target if target.count(":") > 1 else target.partition(":")[0]


def _has_port(address: str) -> bool:
    return (address.rpartition("]")[2] or "").startswith(":") if address.startswith("[") else address.count(":") == 1


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
