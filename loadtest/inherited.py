"""What servers must not inherit: a machine's settings of libraries, which would tune or slow some of those that are compared."""

import os
from collections.abc import Mapping

#: How the names begin of variables that tune libraries of numbers, grpcio, interpreters, allocators and our own servers.
_TUNING = (
    *("BLIS_", "GOMP_", "GOTO_", "KMP_", "MKL_", "NUMBA_", "NUMEXPR_", "OMP_", "OPENBLAS_", "ORT_", "VECLIB_"),
    *("GRPC_", "UVICORN_", "MLSERVER_", "FERRULE_"),
    *("PYTHON", "MALLOC_", "MIMALLOC_", "JEMALLOC_", "LD_PRELOAD", "RAYON_", "RUST_", "TOKIO_", "GOGC", "GOMAXPROCS"),
)


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program that is measured: this one's, without what tunes libraries, and these settings."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(_TUNING)}, **(settings or {})}


def dropped() -> tuple[str, ...]:
    """Names of the variables of this process that no server is given."""
    return tuple(sorted(name for name in os.environ if name.startswith(_TUNING)))
