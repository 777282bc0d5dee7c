"""Writes the file that a peer loads: ``python -m loadtest.peer_servers.export {joblib,onnx} ARRAYS FILE``.

It runs in the peer's own environment and before it is started, so that nothing of it counts as the peer's start or memory.
"""

import sys
from pathlib import Path
from typing import Any

from . import estimators


def joblib(model: Any, file: Path) -> None:
    """As scikit-learn's users keep models."""
    import joblib as library

    library.dump(model, file)


def onnx(model: Any, file: Path) -> None:
    """By skl2onnx, in float64 like the rows: in float32 labels differ from scikit-learn's near boundaries."""
    import numpy as np
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    # Probabilities as an array, not as a dictionary for each row.
    options = {"zipmap": False} if isinstance(model, LogisticRegression) else None
    exported = to_onnx(model, np.zeros((1, model.n_features_in_)), options=options)
    file.write_bytes(exported.SerializeToString())


if __name__ == "__main__":
    {"joblib": joblib, "onnx": onnx}[sys.argv[1]](estimators.read(Path(sys.argv[2])), Path(sys.argv[3]))
