"""Where calls go: several servers, retries and health, against servers inside the test."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ferrule_client
import grpc
import pytest
from ferrule_client import Client, KMeans, messages
from ferrule_client.addresses import Addresses
from ferrule_client.service_config import IDEMPOTENT, service_config
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse

from clients.python.tests.scripted import FIT_PREDICT, PREDICT, Script, serving

ANSWER: bytes = messages.PredictResponse(model="m", version=1).SerializeToString()

#: Seconds that servers and connections may take on a busy machine.
PATIENCE = 30.0


@contextmanager
def nobody() -> Iterator[str]:
    """An address at which connections are refused: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def until(condition: Callable[[], Any]) -> None:
    """Repeats a call until it is true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end


@contextmanager
def several(*healths: HealthServicer | None) -> Iterator[tuple[list[Script], list[str]]]:
    """Servers that answer every call."""
    scripts = [Script(answer=ANSWER, answers={FIT_PREDICT: b""}) for _ in healths]
    with ExitStack() as stack:
        started = [serving(script, health=health) for script, health in zip(scripts, healths, strict=True)]
        yield scripts, [stack.enter_context(server) for server in started]


def test_calls_go_to_every_server_in_turn() -> None:
    with several(None, None) as (scripts, addresses), Client(addresses, timeout=PATIENCE) as client:

        def both_called() -> bool:
            client.predict("m", [[1.0]])
            return all(script.calls for script in scripts)

        # Until both are connected.
        until(both_called)
        before = [len(script.calls) for script in scripts]
        for _ in range(10):
            client.predict("m", [[1.0]])
        assert [len(script.calls) for script in scripts] == [count + 5 for count in before]


def test_calls_go_on_when_one_server_is_down() -> None:
    with several(None) as ([script], [address]), nobody() as down:
        for target in (f"{down},{address}", [address, down]):
            script.calls.clear()
            with Client(target, timeout=PATIENCE) as client:
                assert [client.predict("m", [[1.0]]).version for _ in range(20)] == [1] * 20
                assert client.fit_predict([[1.0]], algorithm=KMeans()).report.n_iter == 0
            assert script.calls == [PREDICT] * 20 + [FIT_PREDICT]


def test_calls_go_on_when_a_server_ends() -> None:
    ending = ExitStack()
    with several(None) as ([stays], [address]), ending:
        leaves = Script(answer=ANSWER)
        other = ending.enter_context(serving(leaves))
        with Client([address, other], timeout=PATIENCE) as client:
            until(lambda: client.predict("m", [[1.0]]).version and leaves.calls and stays.calls)
            ending.close()
            counted = len(stays.calls)
            assert [client.predict("m", [[1.0]]).version for _ in range(20)] == [1] * 20
            assert len(stays.calls) == counted + 20


def test_a_server_that_is_not_serving_gets_no_calls() -> None:
    asleep = HealthServicer()
    asleep.set("", HealthCheckResponse.NOT_SERVING)
    awake = HealthServicer()
    awake.set("", HealthCheckResponse.SERVING)
    with several(asleep, awake) as (scripts, addresses), Client(addresses, timeout=PATIENCE) as client:
        for _ in range(20):
            client.predict("m", [[1.0]])
        assert [len(script.calls) for script in scripts] == [0, 20]

        asleep.set("", HealthCheckResponse.SERVING)
        until(lambda: client.predict("m", [[1.0]]).version and scripts[0].calls)

        awake.set("", HealthCheckResponse.NOT_SERVING)

        def only_the_first_is_called() -> bool:
            before = len(scripts[1].calls)
            for _ in range(10):
                client.predict("m", [[1.0]])
            return len(scripts[1].calls) == before

        until(only_the_first_is_called)


def test_the_only_server_says_itself_why_it_is_not_serving() -> None:
    asleep = HealthServicer()
    asleep.set("", HealthCheckResponse.NOT_SERVING)
    script = Script(code=grpc.StatusCode.UNAVAILABLE, message="draining")
    with serving(script, health=asleep) as address, Client(address, timeout=PATIENCE) as client:
        assert client.health() is ferrule_client.ServingStatus.NOT_SERVING
        with pytest.raises(ferrule_client.Unavailable, match="draining"):
            client.fit_predict([[1.0]], algorithm=KMeans())


def test_what_has_no_effects_is_tried_again() -> None:
    script = Script(answer=ANSWER, code=grpc.StatusCode.UNAVAILABLE, failures=2)
    with serving(script) as address, Client(address, timeout=PATIENCE) as client:
        assert client.predict("m", [[1.0]]).version == 1
        assert script.calls == [PREDICT] * 3

        script.calls.clear()
        script.failures = None
        with pytest.raises(ferrule_client.Unavailable):
            client.list_models()
        assert len(script.calls) == 4


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.fit_predict([[1.0]], algorithm=KMeans()),
        lambda client: client.fit_predict([[1.0]], model="m", algorithm=KMeans()),
        lambda client: client.load_model("m"),
        lambda client: client.unload_model("m"),
    ],
    ids=["fit", "publish", "load", "unload"],
)
def test_what_has_effects_is_tried_once(call: Callable[[Client], Any]) -> None:
    script = Script(code=grpc.StatusCode.UNAVAILABLE, failures=1)
    with serving(script) as address, Client(address, timeout=PATIENCE) as client:
        with pytest.raises(ferrule_client.Unavailable):
            call(client)
        assert len(script.calls) == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL])
def test_other_errors_are_not_tried_again(code: grpc.StatusCode) -> None:
    script = Script(answer=ANSWER, code=code, failures=1)
    with serving(script) as address, Client(address, timeout=PATIENCE) as client:
        with pytest.raises(ferrule_client.FerruleError) as caught:
            client.predict("m", [[1.0]])
        assert caught.value.code is code
        assert script.calls == [PREDICT]


def test_the_retries_end_with_the_deadline() -> None:
    # The deadline passes while the server still thinks about the first try.
    script = Script(answer=ANSWER, code=grpc.StatusCode.UNAVAILABLE, waits=True)
    with serving(script) as address, Client(address) as client:
        with pytest.raises(ferrule_client.DeadlineExceeded):
            client.predict("m", [[1.0]], timeout=0.2)
        assert script.calls == [PREDICT]


def test_the_service_config_names_methods_of_the_contract() -> None:
    for service, method in IDEMPOTENT:
        assert method in messages.POOL.FindServiceByName(service).methods_by_name
    assert not {"FitPredict", "LoadModel", "UnloadModel"} & {method for _, method in IDEMPOTENT}
    assert not {"healthCheckConfig", "loadBalancingConfig"} & set(json.loads(service_config(several=False)))
    assert json.loads(service_config(several=True))["healthCheckConfig"] == {"serviceName": ""}


def test_channel_options_go_over_the_clients_own() -> None:
    script = Script(answer=ANSWER, code=grpc.StatusCode.UNAVAILABLE, failures=1)
    options = [("grpc.enable_retries", 0), ("grpc.service_config", "{}")]
    with serving(script) as address, Client(address, options=options) as client:
        with pytest.raises(ferrule_client.Unavailable):
            client.predict("m", [[1.0]])
        assert script.calls == [PREDICT]


@pytest.mark.parametrize(
    ("given", "target", "loopback", "single"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50051", True, True),
        ("localhost:50051", "localhost:50051", True, True),
        ("[::1]:50051", "[::1]:50051", True, True),
        ("unix:/run/ferrule", "unix:/run/ferrule", True, True),
        ("10.1.2.3:50051", "10.1.2.3:50051", False, True),
        ("ferrule.example:50051", "ferrule.example:50051", False, False),
        ("dns:///ferrule:50051", "dns:///ferrule:50051", False, False),
        ("dns:localhost:50051", "dns:localhost:50051", True, True),
        ("127.0.0.1.example.org:50051", "127.0.0.1.example.org:50051", False, False),
        ("127.0.0.1:1,127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2", True, False),
        (["127.0.0.1:1", " 10.0.0.1:2 "], "ipv4:127.0.0.1:1,10.0.0.1:2", False, False),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2", False, False),
        ("[::1]:1,[::1]:2", "ipv6:[::1]:1,[::1]:2", True, False),
        (["127.0.0.1:1"], "127.0.0.1:1", True, True),
    ],
)
def test_addresses_are_understood(given: Any, target: str, loopback: bool, single: bool) -> None:
    parsed = Addresses.parse(given)
    assert (parsed.target, parsed.loopback, parsed.single) == (target, loopback, single)
    # A list with commas is no authority.
    assert parsed.authority == (target.partition(":")[2].split(",")[0] if "," in target else None)


@pytest.mark.parametrize(
    "given", ["", ",", [], "a:1,b:2", "127.0.0.1:1,[::1]:2", "127.0.0.1,127.0.0.2", "10.0.0.1:1,b:2"]
)
def test_addresses_that_grpc_cannot_take_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="target: expected"):
        Client(given)
