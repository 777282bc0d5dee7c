"""The same rows as values, float64, float32 and sparse, alone and among others, fitted here and asked there."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.conformance.call import Answer, ask, request_type, response_type, unary
from server.conformance.conftest import KINDS, Pair, Start

#: Numbers that float32 has, too, and zeros.
SIXTEENTHS = np.random.default_rng(11).integers(-64, 64, size=(60, 5)) / 16 * (np.arange(300).reshape(60, 5) % 3 > 0)
CENTRES = np.repeat([[5.0, 0, 0, 0, 0], [0, 6.0, 0, 0, 0], [0, 0, 0, 0, 7.0]], 20, axis=0)
ROWS = SIXTEENTHS + CENTRES
TARGETS = ["one"] * 20 + ["two"] * 20 + ["three"] * 20

ENCODINGS = ["values", "float64", "float32", "csr values", "csr float64", "csr float32", "jumbled", "jumbled float32"]
OUTPUTS = {
    "k_means": ["OUTPUT_LABELS", "OUTPUT_DISTANCES"],
    "logistic_regression": ["OUTPUT_LABELS", "OUTPUT_PROBABILITIES", "OUTPUT_DECISION_FUNCTION"],
}

Numbers = npt.NDArray[np.float64]


def write(matrix: Any, rows: Numbers, encoding: str) -> None:
    """Fills a ``Matrix``. Jumbled: sparse, each value in two halves, from the last column to the first."""
    matrix.rows, matrix.columns = rows.shape
    values = rows.ravel()
    if encoding.startswith(("csr", "jumbled")):
        (each, columns), counts = rows.nonzero(), (rows != 0).sum(axis=1)
        if encoding.startswith("jumbled"):
            backwards = np.lexsort((-columns, each))
            each, columns, counts = each[backwards].repeat(2), columns[backwards].repeat(2), counts * 2
            values = rows[each, columns] / 2
        else:
            values = rows[each, columns]
        matrix.csr.indptr = np.concatenate([[0], counts.cumsum()]).astype("<u8").tobytes()
        matrix.csr.indices = columns.astype("<u4").tobytes()
    if encoding.endswith("values"):
        matrix.values.extend(values.tolist())
    elif encoding.endswith("float32"):
        matrix.float32 = values.astype("<f4").tobytes()
    else:
        matrix.float64 = values.astype("<f8").tobytes()


def numbers(matrix: Any) -> npt.NDArray[Any]:
    """The values of an answer, of the type that it has."""
    if matrix.float32:
        values: npt.NDArray[Any] = np.frombuffer(matrix.float32, "<f4")
    else:
        values = np.frombuffer(matrix.float64, "<f8") if matrix.float64 else np.array(matrix.values)
    return values.reshape(matrix.rows, matrix.columns)


def tables(prediction: Any) -> dict[str, npt.NDArray[Any]]:
    """The numeric outputs of a prediction, by name."""
    return {field.name: numbers(value) for field, value in prediction.ListFields() if field.name != "labels"}


def predict(model: str, rows: Numbers, encoding: str) -> Any:
    """A request for every output of a model, which is called as its algorithm."""
    request = request_type("Predict")(model=model, outputs=OUTPUTS[model])
    write(request.input, rows, encoding)
    return request


def fit(model: str, encoding: str, **parameters: Any) -> Any:
    """A request to fit a model to all rows and to publish it."""
    request = request_type("FitPredict")()
    request.spec.model = model
    request.spec.outputs.extend(OUTPUTS[model])
    chosen = getattr(request.spec, model)
    chosen.SetInParent()
    if model == "k_means":
        chosen.n_clusters = 3
    else:
        request.data.targets.strings.values.extend(TARGETS)
    for name, value in parameters.items():
        setattr(chosen, name, value)
    write(request.data.input, ROWS, encoding)
    return request


@pytest.fixture(scope="module")
def fitted(scratch_pair: Pair) -> Pair:
    """Both servers with a model of each algorithm, fitted to float64."""
    for server in scratch_pair.values():
        with server.channel() as channel:
            for model in OUTPUTS:
                ask(channel, "FitPredict", fit(model, "float64"))
    return scratch_pair


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", OUTPUTS)
def test_every_encoding_gets_the_same_answers_in_its_own(fitted: Pair, kind: str, model: str) -> None:
    with fitted[kind].channel() as channel:
        expected = ask(channel, "Predict", predict(model, ROWS, "float64")).prediction
        for encoding in ENCODINGS:
            request = predict(model, ROWS, encoding)
            answered = ask(channel, "Predict", request).prediction
            assert answered.labels == expected.labels
            single = bool(request.input.float32)
            for name, table in tables(answered).items():
                assert not getattr(answered, name).HasField("csr")
                assert bool(getattr(answered, name).values) == bool(request.input.values)
                assert table.dtype == (np.float32 if single else np.float64)
                wanted = tables(expected)[name]
                np.testing.assert_allclose(table, wanted, rtol=2e-7 if single else 1e-13, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("model", OUTPUTS)
def test_a_row_alone_is_answered_as_among_others(fitted: Pair, kind: str, model: str, encoding: str) -> None:
    with fitted[kind].channel() as channel:
        whole = ask(channel, "Predict", predict(model, ROWS, encoding)).prediction
        alone = [ask(channel, "Predict", predict(model, ROWS[i : i + 1], encoding)).prediction for i in range(20)]
    for name, table in tables(whole).items():
        assert np.vstack([tables(one)[name] for one in alone]).tobytes() == table[:20].tobytes()


@st.composite
def sparse_rows(draw: st.DrawFn) -> Numbers:
    """A few rows of five columns, most values of most of them zero."""
    value = st.one_of(st.just(0.0), st.just(0.0), st.floats(-(2.0**100), 2.0**100, width=32))
    rows = draw(st.lists(st.lists(value, min_size=5, max_size=5), min_size=1, max_size=12))
    return np.array(rows)


@pytest.mark.parametrize("model", OUTPUTS)
@settings(max_examples=80, deadline=None)
@given(rows=sparse_rows(), encoding=st.sampled_from(ENCODINGS))
def test_any_rows_get_the_same_bytes_from_both(fitted: Pair, model: str, rows: Numbers, encoding: str) -> None:
    request = predict(model, rows, encoding).SerializeToString()
    answers: dict[str, Answer] = {}
    for kind, server in fitted.items():
        with server.channel() as channel:
            answers[kind] = unary(channel, "Predict", request)
    assert answers["python"] == answers["rust"]
    # Without a value and without csr there is no matrix.
    assert answers["rust"].code in {"OK", "INVALID_ARGUMENT"}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("here", "there"), [KINDS, KINDS[::-1]])
def test_what_is_fitted_here_answers_there(start: Start, here: str, there: str, encoding: str) -> None:
    fitting, asked = start(here), start(there)
    for model in OUTPUTS:
        with fitting.channel() as channel:
            trained = ask(channel, "FitPredict", fit(model, encoding))
        assert trained.report.converged
        request = predict(model, ROWS, encoding)
        request.version = trained.report.version
        with asked.channel() as channel:
            assert ask(channel, "Predict", request).prediction == trained.prediction


@pytest.mark.parametrize("model", OUTPUTS)
def test_both_fit_the_same_model_to_every_encoding(scratch_pair: Pair, model: str) -> None:
    labels = []
    for encoding in ENCODINGS:
        request = fit(model, encoding)
        request.spec.ClearField("model")
        bodies = {}
        for kind, server in scratch_pair.items():
            with server.channel() as channel:
                bodies[kind] = unary(channel, "FitPredict", request.SerializeToString()).body
        assert bodies["python"] == bodies["rust"]
        labels.append(response_type("FitPredict").FromString(bodies["rust"]).prediction.labels)
    assert all(one == labels[0] for one in labels)
