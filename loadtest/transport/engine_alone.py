"""What the engine costs without a transport: ``python -m loadtest.transport.engine_alone MODELS REQUEST SECONDS``.

Calls the engine in this process, again and again, as a server's handler does, and prints the CPU time of a call in
microseconds.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ferrule import _core

from loadtest.peer_servers.messages import PREDICT


def cpu_us(models: Path, request: bytes, core: int, seconds: float) -> float:
    """CPU time of a call on one core, measured in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="ferrule-engine-") as folder:
        file = Path(folder, "request.bin")
        file.write_bytes(request)
        module = ("-m", "loadtest.transport.engine_alone", str(models), str(file), str(seconds))
        command = ("taskset", "--cpu-list", str(core), sys.executable, *module)
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(said.stdout)


def main() -> None:
    """Measures and prints."""
    models, file, seconds = sys.argv[1:]
    (method,) = [each for each in _core.methods() if each.path == PREDICT]
    command = _core.command_line("engine-alone", ["serve", "--models", models])
    if not isinstance(command, _core.Config):
        raise TypeError(f"expected settings, got {command!r}")
    engine = _core.Engine.start(command, _core.Board.create(1), 0)
    engine.serve()
    request = Path(file).read_bytes()

    def call() -> None:
        answer = engine.call(method, request, None)
        if isinstance(answer, _core.Pending):
            answer = answer.wait()
        if not isinstance(answer, bytes):
            raise TypeError(f"no answer: {answer.message}")

    call()
    calls, started, used = 0, time.monotonic(), time.process_time()
    while time.monotonic() - started < float(seconds):
        call()
        calls += 1
    sys.stdout.write(f"{(time.process_time() - used) / calls * 1e6}\n")


if __name__ == "__main__":
    main()
