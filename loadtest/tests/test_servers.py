"""Starting and stopping, with small programs in a server's place."""

import socket
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from loadtest import servers
from loadtest.servers import ServerError

READY = """
    import signal, subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    signal.signal(signal.SIGTERM, lambda *_: (child.kill(), child.wait(), sys.exit(0)))
    # More than the kernel's clock tick, so that CPU time is seen.
    while time.process_time() < 0.05: pass
    print("listening on 127.0.0.1:4711", flush=True)
    while True: time.sleep(300)
"""
DEAF = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("listening on 127.0.0.1:1", flush=True)
    while True: time.sleep(300)
"""
BROKEN = "import sys; sys.exit('server.port: expected 0 to 65535')"
SILENT = "import time; time.sleep(300)"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def use(source: str) -> None:
        command = (sys.executable, "-c", textwrap.dedent(source))
        monkeypatch.setattr(servers, "COMMANDS", {"fake": command})

    return use


def test_server_runs_for_the_block_and_then_ends_with_its_workers(
    program: Callable[[str], None], tmp_path: Path
) -> None:
    program(READY)
    with servers.running("fake", tmp_path / "models", log=tmp_path / "log") as server:
        assert server.address == "127.0.0.1:4711"
        assert server.command[-6:] == ("--models", str(tmp_path / "models"), "--host", "127.0.0.1", "--port", "0")
        workers = psutil.Process(server.process.pid).children()
        assert len(workers) == 1
        assert server.cpu_seconds() > 0
    assert server.process.returncode == 0
    assert not workers[0].is_running()


def test_server_that_ends_at_once_is_quoted(program: Callable[[str], None], tmp_path: Path) -> None:
    program(BROKEN)
    with (
        pytest.raises(ServerError, match=r"ended at once; its log ends:\nserver\.port: expected 0 to 65535"),
        servers.running("fake", tmp_path, log=tmp_path / "log"),
    ):
        pass


def test_server_that_says_nothing_is_ended(program: Callable[[str], None], tmp_path: Path) -> None:
    program(SILENT)
    with (
        pytest.raises(ServerError, match=r"not ready after 0\.1 s"),
        servers.running("fake", tmp_path, log=tmp_path / "log", start_seconds=0.1),
    ):
        pass


def test_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(servers, "COMMANDS", {"fake": (str(tmp_path / "absent"),)})
    with (
        pytest.raises(ServerError, match="make build"),
        servers.running("fake", tmp_path, log=tmp_path / "log"),
    ):
        pass


def test_server_that_does_not_drain_is_killed(program: Callable[[str], None], tmp_path: Path) -> None:
    program(DEAF)
    with servers.running("fake", tmp_path, log=tmp_path / "log", stop_seconds=0.2) as server:
        assert server.process.poll() is None
    assert server.process.returncode == -9


def test_a_target_that_does_not_answer_is_an_error() -> None:
    with socket.socket() as bound:
        # Nobody listens on it, and nobody else gets it.
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(ServerError, match=f"no Ferrule server answers at {address}: .*refused"):
            servers.check(address)
