"""Our two servers, and the floors: servers that answer nothing of use on the transports that ours are on."""

from functools import partial
from importlib import metadata

from . import peers, servers
from .dialects import FERRULE
from .servers import ROOT
from .subjects import Deployment, Kind, Launch, Subject

_CEILINGS = ROOT / "target" / "release" / "ferrule-ceilings"
_ALL = frozenset(Kind) - {Kind.ECHO}


def _serve(server: str, deployment: Deployment, _kind: Kind) -> Launch:
    flags = ("--models", str(deployment.models), "--host", "127.0.0.1", "--port", "0")
    return Launch((*servers.COMMANDS[server], "serve", *flags, "--workers", str(deployment.workers)))


def _not_built() -> str | None:
    return None if _CEILINGS.exists() else "not built; `make loadtest` builds it"


OURS = (
    Subject(
        "rust",
        "Ferrule, Rust server",
        "ours",
        FERRULE,
        _ALL,
        partial(_serve, "rust"),
        versions=lambda: {"ferrule": metadata.version("ferrule")},
    ),
    Subject(
        "python",
        "Ferrule, Python server",
        "ours",
        FERRULE,
        _ALL,
        partial(_serve, "python"),
        versions=lambda: {"ferrule": metadata.version("ferrule"), "grpcio": metadata.version("grpcio")},
    ),
)
FLOORS = (
    Subject(
        "echo-rust",
        "byte echo, hyper accept loop",
        "floor",
        FERRULE,
        frozenset({Kind.ECHO}),
        lambda _deployment, _kind: Launch((str(_CEILINGS), "accept-loop")),
        missing=_not_built,
    ),
    Subject(
        "echo-python",
        "byte echo, grpcio",
        "floor",
        FERRULE,
        frozenset({Kind.ECHO}),
        peers.echo,
        versions=lambda: {"grpcio": metadata.version("grpcio")},
    ),
)


def everyone() -> tuple[Subject, ...]:
    """All that can be measured: ours, what people would use otherwise, the floors."""
    return (*OURS, *peers.SUBJECTS, *FLOORS)
