"""Servers on grpcio that are measured beside ours: ``python -m loadtest.transport.peers KIND [MODELS]``.

- ``echo``: answers with (the beginning of) the bytes that came. What grpcio costs before anything is done.
- ``core``: the Rust core behind protobuf's classes, as one would write it around a fast library.
- ``usual``: scikit-learn behind protobuf's classes, as services are usually written.

All run in one process with a pool of threads and, like the Python server, without grpcio's new listener, which is
slower on one core.
"""

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")

import grpc

PREDICT = "/ferrule.v1.PredictionService/Predict"
#: Threads that answer: a few, as their answers hold the GIL.
_THREADS = 4
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
#: As much as an echo sends back at most; labels are fewer bytes than rows.
MOST_ECHOED = 64 * 1024


def main() -> None:
    """Serves until SIGTERM."""
    # Before there are other threads, which inherit it: the signal waits for this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    handler = HANDLERS[sys.argv[1]](*map(Path, sys.argv[2:]))
    server = grpc.server(
        ThreadPoolExecutor(_THREADS),
        handlers=[grpc.method_handlers_generic_handler("ferrule.v1.PredictionService", {"Predict": handler})],
        options=(("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),),
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"listening on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM})
    server.stop(None).wait()


def echo() -> Any:
    """No serializers: bytes in, bytes out."""
    return grpc.unary_unary_rpc_method_handler(lambda request, _context: request[:MOST_ECHOED])


def core(centers: Path) -> Any:
    """The compiled K-Means of the package ``ferrule``."""
    import numpy as np
    from ferrule import _core

    loaded = np.load(centers)
    return _typed(lambda rows: _core.kmeans_predict(rows, loaded))


def usual(centers: Path) -> Any:
    """scikit-learn's KMeans."""
    import numpy as np
    from sklearn.cluster import KMeans

    loaded = np.load(centers)
    model = KMeans(n_clusters=len(loaded), init=loaded, n_init=1, max_iter=1).fit(loaded)
    model.cluster_centers_ = loaded
    return _typed(model.predict)


def _typed(predict: Callable[[Any], Any]) -> Any:
    """A handler that takes and gives protobuf's classes."""
    import numpy as np
    from ferrule_client import messages

    def answer(request: Any, _context: grpc.ServicerContext) -> Any:
        matrix = request.input
        rows = np.frombuffer(matrix.float64, "<f8").reshape(matrix.rows, matrix.columns)
        response = messages.PredictResponse(model=request.model, version=request.version)
        response.prediction.labels.integers.values.extend(predict(rows).tolist())
        return response

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=messages.PredictRequest.FromString,
        response_serializer=messages.PredictResponse.SerializeToString,
    )


HANDLERS: dict[str, Callable[..., Any]] = {"echo": echo, "core": core, "usual": usual}


if __name__ == "__main__":
    main()
