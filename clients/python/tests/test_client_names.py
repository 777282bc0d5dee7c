"""The columns of frames are matched to the model's by name."""

from collections.abc import Iterator
from typing import Any

import ferrule_client
import grpc
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from ferrule_client import Client, messages

from clients.python.tests.scripted import GET_MODEL, PREDICT, Script, serving

ROWS = {"b": [1.0, 4.0], "c": [2.0, 5.0], "a": [3.0, 6.0]}
IN_ORDER = np.array([[3.0, 1.0, 2.0], [6.0, 4.0, 5.0]])


def described(*names: str) -> bytes:
    answer: bytes = messages.GetModelResponse(model="m", version=1, feature_names=names).SerializeToString()
    return answer


@pytest.fixture
def script() -> Script:
    return Script(
        answers={PREDICT: messages.PredictResponse(model="m").SerializeToString(), GET_MODEL: described("a", "b", "c")}
    )


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with serving(script) as address, Client(address) as client:
        yield client


def sent(script: Script) -> Any:
    return messages.PredictRequest.FromString(script.requests[PREDICT][-1]).input


@pytest.mark.parametrize("frame", [pd.DataFrame(ROWS), pl.DataFrame(ROWS)], ids=["pandas", "polars"])
def test_columns_travel_in_the_models_order(client: Client, script: Script, frame: Any) -> None:
    client.predict("m", frame)
    assert sent(script).float64 == IN_ORDER.tobytes()
    assert list(sent(script).feature_names) == ["a", "b", "c"]


@pytest.mark.parametrize("frame", [pd.DataFrame(ROWS, dtype="float32"), pl.DataFrame(ROWS).cast(pl.Float32)])
def test_frames_of_float32_stay_so(client: Client, script: Script, frame: Any) -> None:
    client.predict("m", frame)
    assert sent(script).float32 == IN_ORDER.astype("<f4").tobytes()


def test_arrays_and_sparse_rows_with_names_are_matched_too(client: Client, script: Script) -> None:
    rows = np.array(list(ROWS.values())).T
    client.predict("m", rows, feature_names=list(ROWS))
    assert sent(script).float64 == IN_ORDER.tobytes()
    client.predict("m", scipy.sparse.csr_array(rows), feature_names=list(ROWS))
    got = sent(script)
    places = (np.frombuffer(got.csr.indices, "<u4"), np.frombuffer(got.csr.indptr, "<u8"))
    sparse = scipy.sparse.csr_array((np.frombuffer(got.float64), *places), shape=(2, 3))
    np.testing.assert_array_equal(sparse.toarray(), IN_ORDER)


def test_names_are_asked_for_once_for_each_model_and_version(client: Client, script: Script) -> None:
    frame = pd.DataFrame(ROWS)
    for _ in range(3):
        client.predict("m", frame)
    assert script.calls == [GET_MODEL, *[PREDICT] * 3]
    client.predict("m", frame, version=7)
    client.predict("m", frame, version=7)
    client.predict("other", frame)
    assert script.calls[4:] == [GET_MODEL, PREDICT, PREDICT, GET_MODEL, PREDICT]
    asked = [messages.GetModelRequest.FromString(request) for request in script.requests[GET_MODEL]]
    assert [(request.model, request.version) for request in asked] == [("m", 0), ("m", 7), ("other", 0)]


def test_without_names_none_are_asked_for(client: Client, script: Script) -> None:
    client.predict("m", np.zeros((1, 3)))
    client.predict("m", pd.DataFrame(np.zeros((1, 3))))
    assert script.calls == [PREDICT, PREDICT]
    assert not sent(script).feature_names


def test_a_model_without_names_takes_the_order_as_it_is(client: Client, script: Script) -> None:
    script.answers[GET_MODEL] = described()
    client.predict("m", pd.DataFrame(ROWS))
    assert sent(script).float64 == np.array(list(ROWS.values())).T.tobytes()
    assert list(sent(script).feature_names) == list(ROWS)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (["a", "b"], r"expected the model's 3 columns, got 2: missing: 'c'$"),
        (["a", "b", "c", "target", "id"], r"got 5: not of the model: 'target', 'id'$"),
        (["a", "B", "c"], r"got 3: missing: 'b'; not of the model: 'B'$"),
        (["a", "b", "c", "b"], r"got 4: there twice: 'b'$"),
    ],
)
def test_other_columns_are_named(client: Client, script: Script, columns: list[str], problem: str) -> None:
    frame = pd.DataFrame(np.zeros((2, len(columns))), columns=columns)
    for _ in range(2):
        with pytest.raises(ValueError, match=problem):
            client.predict("m", frame)
    assert PREDICT not in script.calls


def test_a_newer_version_with_other_columns_is_noticed(client: Client, script: Script) -> None:
    client.predict("m", pd.DataFrame(ROWS))
    # Noticed here, because the frame does not fit what is known.
    script.answers[GET_MODEL] = described("d", "a", "c", "b")
    client.predict("m", pd.DataFrame(ROWS).assign(d=[7.0, 8.0]))
    assert list(sent(script).feature_names) == ["d", "a", "c", "b"]
    np.testing.assert_array_equal(np.frombuffer(sent(script).float64)[:4], [7.0, 3.0, 2.0, 1.0])

    # Noticed by the server, because the frame still fits.
    script.answers[GET_MODEL] = described("d", "c", "b", "a")
    script.calls.clear()
    script.code, script.failures = grpc.StatusCode.INVALID_ARGUMENT, 1
    client.predict("m", pd.DataFrame(ROWS).assign(d=[7.0, 8.0]))
    assert script.calls == [PREDICT, GET_MODEL, PREDICT]
    assert list(sent(script).feature_names) == ["d", "c", "b", "a"]


def test_other_mistakes_in_the_rows_are_not_sent_twice(client: Client, script: Script) -> None:
    client.predict("m", pd.DataFrame(ROWS))
    script.calls.clear()
    script.code, script.failures, script.message = grpc.StatusCode.INVALID_ARGUMENT, 1, "input: NaN"
    with pytest.raises(ferrule_client.InvalidArgument, match="input: NaN"):
        client.predict("m", pd.DataFrame(ROWS))
    assert script.calls == [PREDICT, GET_MODEL]


def test_who_may_not_ask_for_names_leaves_them_to_the_server(client: Client, script: Script) -> None:
    script.code, script.failures = grpc.StatusCode.PERMISSION_DENIED, 1
    client.predict("m", pd.DataFrame(ROWS))
    client.predict("m", pd.DataFrame(ROWS))
    assert script.calls == [GET_MODEL, PREDICT, PREDICT]
    assert list(sent(script).feature_names) == list(ROWS)


def test_the_timeout_is_for_the_question_and_the_answer_together(client: Client, script: Script) -> None:
    client.predict("m", pd.DataFrame(ROWS), timeout=100)
    assert script.calls == [GET_MODEL, PREDICT]
    assert 50 < script.deadline < 101


def test_frames_are_fitted_with_their_names(client: Client, script: Script) -> None:
    script.answer = messages.FitPredictResponse().SerializeToString()
    frame = pl.DataFrame(ROWS)
    client.fit_predict(frame, pl.Series(["x", "y"]), algorithm=ferrule_client.LogisticRegression())
    data = messages.FitPredictRequest.FromString(script.request).data
    assert list(data.input.feature_names) == list(ROWS)
    assert list(data.targets.strings.values) == ["x", "y"]
    client.fit_predict(pd.DataFrame(ROWS), pd.Series([2, 3]), algorithm=ferrule_client.LogisticRegression())
    assert list(messages.FitPredictRequest.FromString(script.request).data.targets.integers.values) == [2, 3]
