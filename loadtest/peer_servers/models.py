"""Ways to compute labels: scikit-learn, ONNX Runtime, Ferrule's core. Each reads the file that it loads a model from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

#: Rows (a float64 array, or SciPy's CSR where the library takes it) in, an array of labels out.
Predict = Callable[[Any], Any]


def scikit_learn(file: Path) -> Predict:
    """scikit-learn on a model's arrays (``.npz``)."""
    from . import estimators

    predict: Predict = estimators.read(file).predict
    return predict


def onnxruntime(file: Path) -> Predict:
    """ONNX Runtime on an exported model. One thread: small models do not gain by more, and rows come one by one."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = runtime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    rows = session.get_inputs()[0].name
    # Asking for the labels alone leaves out what only the scores need.
    labels = [session.get_outputs()[0].name]
    return lambda x: session.run(labels, {rows: x})[0]


def core(file: Path) -> Predict:
    """The compiled core of the package ``ferrule`` on a file of a model repository."""
    import json

    import numpy as np
    from ferrule import _core

    model = _core.StoredModel.read(file)

    def positions(x: Any) -> Any:
        # The core takes sparse rows as their parts.
        return model.predict(x if isinstance(x, np.ndarray) else (x.data, x.indices, x.indptr, x.shape))

    if model.kind == "k_means":
        return positions
    # Positions among the classes become classes.
    (classes,) = json.loads(model.description)["kind"]["logistic_regression"]["classes"].values()
    labels = np.asarray(classes)
    return lambda x: labels[positions(x)]


#: By the name on the command line.
LIBRARIES: Mapping[str, Callable[[Path], Predict]] = {
    "scikit-learn": scikit_learn,
    "onnxruntime": onnxruntime,
    "core": core,
}
