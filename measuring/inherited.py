"""What programs that are measured must not inherit: a machine's settings of libraries, which tune or slow some of them."""

import os
from collections.abc import Mapping

#: How the names begin of variables that tune libraries of numbers, grpcio, interpreters, allocators and our own servers.
_TUNING = (
    *("BLIS_", "DAAL_", "FAISS_", "GOMP_", "GOTO_", "KMP_", "MKL_", "NUMBA_", "NUMEXPR_", "NVPL_", "OMP_", "ONEDAL_"),
    *("JOBLIB_", "LOKY_", "NPY_", "OPENBLAS_", "ORT_", "SKLEARN_", "SKLEARNEX_", "TBB_", "VECLIB_"),
    *("GRPC_", "PROTOCOL_BUFFERS_", "UVICORN_", "MLSERVER_", "FERRULE_"),
    *(
        "PYTHON",
        "MALLOC_",
        "MIMALLOC_",
        "JEMALLOC_",
        "_RJEM_",
        "GLIBC_TUNABLES",
        "LD_PRELOAD",
        "RAYON_",
        "RUST_",
        "TOKIO_",
        "GOGC",
        "GOMAXPROCS",
    ),
)


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program that is measured: this one's, without what tunes libraries, and these settings."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(_TUNING)}, **(settings or {})}


def dropped() -> tuple[str, ...]:
    """Names of the variables of this process that no such program is given."""
    return tuple(sorted(name for name in os.environ if name.startswith(_TUNING)))
