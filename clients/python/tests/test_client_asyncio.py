"""The asyncio client does what the blocking one does."""

import asyncio
import inspect

import ferrule_client
import grpc
import numpy as np
import pytest
from ferrule_client import AsyncClient, Client, KMeans, messages

from clients.python.tests.scripted import FIT_PREDICT, GET_MODEL, LIST_MODELS, PREDICT, Script, serving


def test_both_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, str]:
        return {
            name: f"{inspect.signature(member)} {member.__doc__}"
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_") and name != "close"
        }

    assert methods(Client) == methods(AsyncClient)
    assert {"predict", "fit_predict", "list_models", "get_model", "health"} < set(methods(Client))
    signature = inspect.signature(AsyncClient.predict)
    assert signature.return_annotation is ferrule_client.Prediction
    assert inspect.iscoroutinefunction(AsyncClient.predict)


def test_many_calls_run_at_once() -> None:
    script = Script()
    answer = messages.PredictResponse(model="m", version=2)
    answer.prediction.labels.integers.values.append(5)
    script.answers[PREDICT] = answer.SerializeToString()
    fitted = messages.FitPredictResponse()
    fitted.report.version = 3
    script.answers[FIT_PREDICT] = fitted.SerializeToString()

    async def calls(address: str) -> None:
        async with AsyncClient(address, token="t") as client:
            answers = await asyncio.gather(*(client.predict("m", [[float(i)]]) for i in range(20)))
            assert [answer.labels.tolist() for answer in answers if answer.labels is not None] == [[5]] * 20
            fit = await client.fit_predict(np.zeros((2, 1), np.float32), model="m", algorithm=KMeans(n_clusters=1))
            assert fit.report.version == 3
            assert await client.list_models() == []

    with serving(script) as address:
        asyncio.run(calls(address))
    rows = {messages.PredictRequest.FromString(request).input.float64 for request in script.requests[PREDICT]}
    assert rows == {np.array([float(i)]).tobytes() for i in range(20)}
    assert script.calls[20:] == [FIT_PREDICT, LIST_MODELS]
    assert script.metadata["authorization"] == "Bearer t"


def test_errors_and_deadlines_are_the_same() -> None:
    script = Script(code=grpc.StatusCode.NOT_FOUND, message="no such model")

    async def calls(address: str) -> None:
        async with AsyncClient(address) as client:
            with pytest.raises(ferrule_client.NotFound, match="no such model") as caught:
                await client.get_model("m")
            assert isinstance(caught.value.__cause__, grpc.RpcError)
            with pytest.raises(ValueError, match="X: expected 2 dimensions"):
                await client.predict("m", [1.0])
            script.waits = True
            with pytest.raises(ferrule_client.DeadlineExceeded):
                await client.list_models(timeout=0.05)

    with serving(script) as address:
        asyncio.run(calls(address))
    assert script.calls == [GET_MODEL, LIST_MODELS]


def test_it_may_be_made_before_the_loop_runs() -> None:
    script = Script(code=grpc.StatusCode.UNAVAILABLE, failures=2)
    with serving(script) as address:
        client = AsyncClient(address)

        async def calls() -> None:
            assert await client.list_models() == []
            await client.close()

        asyncio.run(calls())
    assert script.calls == [LIST_MODELS] * 3
