"""scikit-learn's LogisticRegression behind grpcio and protobuf's classes, as services are usually written.

``python -m rust_core.benchmarks.serving_peer FOLDER ORDER``: serves the coefficients of a data folder, kept in order
``C`` (as a fit leaves them) or ``F``, and says ``listening on HOST:PORT``.
"""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# As our Python server has it: the new listener is slower on few cores.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")

import grpc
import numpy as np
from ferrule_client import messages
from scipy import sparse
from sklearn.linear_model import LogisticRegression


def main() -> None:
    """Serves until SIGTERM."""
    folder, order = Path(sys.argv[1]), sys.argv[2]
    coef = np.array(np.load(folder / "coef.npy"), order=order)  # type: ignore[call-overload]
    model = LogisticRegression()
    model.coef_, model.intercept_ = coef, np.load(folder / "intercept.npy")
    model.classes_, model.n_features_in_ = np.arange(len(coef)), coef.shape[1]

    def answer(request: Any, _context: grpc.ServicerContext) -> Any:
        given = request.input
        parts = (
            np.frombuffer(given.float64, "<f8"),
            np.frombuffer(given.csr.indices, "<i4"),
            np.frombuffer(given.csr.indptr, "<i8").astype(np.int32),
        )
        rows = sparse.csr_matrix(parts, shape=(given.rows, given.columns))
        probabilities = model.predict_proba(rows)
        response = messages.PredictResponse(model=request.model, version=1)
        matrix = response.prediction.probabilities
        matrix.rows, matrix.columns = probabilities.shape
        matrix.float64 = np.ascontiguousarray(probabilities, dtype="<f8").tobytes()
        return response

    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=messages.PredictRequest.FromString,
        response_serializer=messages.PredictResponse.SerializeToString,
    )
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    service = grpc.method_handlers_generic_handler("ferrule.v1.PredictionService", {"Predict": handler})
    server = grpc.server(ThreadPoolExecutor(4), handlers=[service])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"listening on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    stopped.wait()
    server.stop(None).wait()


if __name__ == "__main__":
    main()
