"""The port, the command line and the one line on standard output."""

import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ferrule_server.listener import ListenError, Reservation

from server.python.tests.conftest import PATIENCE, Serve


def test_prints_one_line_with_the_real_port_and_logs_json(serve: Serve) -> None:
    server = serve()
    assert server.port > 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE):
        pass
    assert server.stop() == 0
    assert server.process.stdout is not None
    assert server.process.stdout.read() == b""
    lines = server.log_lines()
    assert [line["message"] for line in lines if line.get("logger") == "ferrule_server.supervisor"] == [
        "draining for at most 30s",
        "drained",
    ]


@pytest.mark.parametrize("reuse", [False, True], ids=["listener", "listener with SO_REUSEADDR"])
def test_a_port_that_another_process_listens_on_is_an_error(start: Serve, reuse: bool) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = start("--port", str(port))
        assert server.process.wait(PATIENCE) == 1
    expected = f"ferrule-server: cannot listen on 127.0.0.1:{port}: Address already in use (os error 98)\n"
    assert server.log() == expected


def test_a_port_that_a_server_has_is_an_error_for_the_next(serve: Serve, start: Serve) -> None:
    first = serve()
    second = start("--port", str(first.port))
    assert second.process.wait(PATIENCE) == 1
    assert "Address already in use" in second.log()
    assert not (second.log().count("Traceback"))
    assert first.call("/grpc.health.v1.Health/Check")


def test_of_servers_that_claim_a_port_at_once_at_most_one_gets_it() -> None:
    with Reservation("127.0.0.1", 0) as chosen:
        port = chosen.port

    def claim(_: int) -> Reservation | None:
        try:
            return Reservation("127.0.0.1", port)
        except ListenError:
            return None

    with ThreadPoolExecutor(4) as pool:
        for _ in range(50):
            won = [reservation for reservation in pool.map(claim, range(4)) if reservation]
            assert len(won) <= 1
            for reservation in won:
                reservation.close()


@pytest.mark.parametrize("explicit", [False, True])
def test_a_reservation_lets_in_sockets_that_share_and_no_others(explicit: bool) -> None:
    reservation = Reservation("127.0.0.1", 0)
    if explicit:
        reservation.close()
        reservation = Reservation("127.0.0.1", reservation.port)
    with reservation, socket.socket() as other, socket.socket() as ours, socket.socket() as client:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="Address already in use"):
            other.bind(("127.0.0.1", reservation.port))
        # The reservation itself does not listen.
        with pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", reservation.port))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        ours.bind(("127.0.0.1", reservation.port))
        ours.listen()
        with socket.create_connection(("127.0.0.1", reservation.port)), ours.accept()[0]:
            pass


def test_a_host_without_address_is_named() -> None:
    with pytest.raises(ListenError, match=r"cannot listen on no-such-host\.invalid"):
        Reservation("no-such-host.invalid", 0)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "ferrule_server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_command_line_is_the_engines() -> None:
    shown = run("serve", "--help")
    assert shown.returncode == 0
    assert "Usage: python -m ferrule_server serve [OPTIONS]" in shown.stdout
    assert "--models <DIR>" in shown.stdout
    wrong = run("serve", "--prot", "1")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--prot" in wrong.stderr
    settings = run("serve", "--port", "1", "--print-config")
    assert settings.returncode == 0
    assert "port = 1\n" in settings.stdout
    assert run("check-config").stdout == "the settings are valid\n"


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--port", "0", "--workers", "1")])
def test_a_standard_output_that_takes_nothing_is_an_error_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "ferrule_server", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False, cwd=tmp_path
        )
    expected = "ferrule-server: cannot write to standard output: No space left on device (os error 28)\n"
    said = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith('{"timestamp"')]
    assert (done.returncode, said) == (1, [expected])


def test_wrong_settings_are_reported_before_anything_starts(start: Serve) -> None:
    server = start("--port", "0", limits_max_cells="0", limits_nonsense="1")
    assert server.process.wait(PATIENCE) == 78
    assert "limits.max_cells: expected at least 1, got 0" in server.log()
    assert "FERRULE_LIMITS_NONSENSE: there is no setting limits.nonsense" in server.log()


def test_a_repository_that_cannot_be_used_ends_the_start(start: Serve) -> None:
    server = start("--port", "0", models_directory="/dev/null/models")
    assert server.process.wait(PATIENCE) == 1
    assert re.fullmatch("ferrule-server: models.directory /dev/null/models: [^\n]*\n", server.log())
