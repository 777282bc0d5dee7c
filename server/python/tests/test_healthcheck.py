"""The `healthcheck` command, as a container runs it."""

import socket
import subprocess
import sys

import pytest

from server.python.tests.conftest import FIT_PREDICT, PATIENCE, Messages, Serve


def healthcheck(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "ferrule_server", "healthcheck", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_serving_server_is_healthy(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1")
    messages = Messages(server.address)
    server.call(FIT_PREDICT, messages.small_fit("points"))
    for service in ("", "ferrule.v1.PredictionService", "models/points"):
        assert healthcheck("--address", server.address, "--service", service) == (0, "")
    code, text = healthcheck("--address", server.address, "--service", "models/nope")
    assert (code, text) == (
        1,
        f'ferrule-server: {server.address} answers NotFound: there is no service "models/nope"\n',
    )


def test_nobody_there_is_unhealthy() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        code, text = healthcheck("--address", address)
    assert code == 1
    assert text.startswith(f"ferrule-server: cannot connect to {address}: ")
    assert text.count("\n") == 1


def test_a_server_that_does_not_answer_is_unhealthy() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        code, text = healthcheck("--address", address, "--timeout", "0.3")
    assert (code, text) == (1, f"ferrule-server: {address} does not answer within 0.3s\n")


@pytest.mark.parametrize("arguments", [("--timeout", "0"), ("--adress", "x")])
def test_wrong_flags_are_usage_errors(arguments: tuple[str, str]) -> None:
    code, text = healthcheck(*arguments)
    assert code == 2
    assert arguments[0] in text
