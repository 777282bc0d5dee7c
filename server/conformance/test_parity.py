"""The same numbers from both servers, in both encodings, alone or among others."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from server.conformance.call import Answer, ask, request_type, unary
from server.conformance.conftest import KINDS, Pair

OUTPUTS = {
    "wide": ["OUTPUT_LABELS", "OUTPUT_DISTANCES"],
    "blobs": ["OUTPUT_DISTANCES"],
    "iris": ["OUTPUT_LABELS", "OUTPUT_PROBABILITIES", "OUTPUT_DECISION_FUNCTION"],
    "pets": ["OUTPUT_PROBABILITIES", "OUTPUT_DECISION_FUNCTION"],
}
COLUMNS = {"wide": 2, "blobs": 2, "iris": 4, "pets": 1}

Doubles = npt.NDArray[np.float64]


def asked(model: str, rows: Doubles, encoding: str) -> Any:
    """A request for every output of a model."""
    request = request_type("Predict")(model=model, outputs=OUTPUTS[model])
    request.input.rows, request.input.columns = rows.shape
    if encoding == "float64":
        request.input.float64 = rows.astype("<f8").tobytes()
    else:
        request.input.values.extend(rows.ravel().tolist())
    return request


def numbers(prediction: Any, output: str) -> Doubles:
    """The values of one output, whatever its encoding."""
    matrix = getattr(prediction, output)
    values = np.frombuffer(matrix.float64, "<f8") if matrix.float64 else np.array(matrix.values)
    return values.reshape(matrix.rows, matrix.columns)


def some_rows(columns: int) -> st.SearchStrategy[Doubles]:
    """Matrices of values of every size that squares stay finite for."""
    values = st.floats(-1e100, 1e100, allow_subnormal=True)
    return arrays.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(columns)), elements=values)


@pytest.mark.parametrize("model", OUTPUTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_rows_get_the_same_bytes_from_both(pair: Pair, model: str, data: st.DataObject) -> None:
    rows = data.draw(some_rows(COLUMNS[model]))
    encoding = data.draw(st.sampled_from(["values", "float64"]))
    request = asked(model, rows, encoding).SerializeToString()
    answers: dict[str, Answer] = {}
    for kind, server in pair.items():
        with server.channel() as channel:
            answers[kind] = unary(channel, "Predict", request)
    assert answers["python"] == answers["rust"]
    assert answers["rust"].code in {"OK", "INVALID_ARGUMENT"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", OUTPUTS)
def test_encodings_and_batches_change_no_bit(pair: Pair, kind: str, model: str) -> None:
    rows = np.random.default_rng(5).normal(scale=4, size=(300, COLUMNS[model]))
    with pair[kind].channel() as channel:
        fast = ask(channel, "Predict", asked(model, rows, "float64")).prediction
        readable = ask(channel, "Predict", asked(model, rows, "values")).prediction
        alone = [ask(channel, "Predict", asked(model, rows[i : i + 1], "float64")).prediction for i in range(40)]
    assert fast.labels == readable.labels
    for output in OUTPUTS[model]:
        name = output.removeprefix("OUTPUT_").lower()
        if name != "labels":
            assert getattr(fast, name).float64
            assert getattr(readable, name).values
            assert numbers(fast, name).tobytes() == numbers(readable, name).tobytes()
            single = np.vstack([numbers(one, name) for one in alone])
            assert single.tobytes() == numbers(fast, name)[:40].tobytes()
