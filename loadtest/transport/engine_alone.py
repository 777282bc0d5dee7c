"""What the engine costs without a transport: ``python -m loadtest.transport.engine_alone MODELS REQUEST SECONDS``.

Calls the engine in this process, again and again, as a server's handler does, without a deadline and with one in turn,
and prints the CPU time of a call of each in microseconds.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ferrule import _core

from loadtest.peer_servers.messages import PREDICT
from loadtest.servers import ROOT
from measuring import inherited

#: Turns of both.
_TURNS = 10
#: Seconds that a call may take: never so many.
_FAR = 3600.0
_ENVIRONMENT = inherited.environment({"PYTHONPATH": str(ROOT)})


def cpu_us(models: Path, request: bytes, core: int, seconds: float) -> float:
    """CPU time of a call on one core, measured in a process of its own."""
    without, _ = both(models, request, core, seconds)
    return without


def both(models: Path, request: bytes, core: int, seconds: float) -> tuple[float, float]:
    """CPU time of a call without a deadline, and of one with."""
    with tempfile.TemporaryDirectory(prefix="ferrule-engine-") as folder:
        file = Path(folder, "request.bin")
        file.write_bytes(request)
        module = ("-m", "loadtest.transport.engine_alone", str(models), str(file), str(seconds))
        command = ("taskset", "--cpu-list", str(core), sys.executable, *module)
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=_ENVIRONMENT)
    without, with_deadline = map(float, said.stdout.split())
    return without, with_deadline


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

    def call(time_remaining: float | None) -> None:
        answer = engine.call(method, request, time_remaining)
        if isinstance(answer, _core.Pending):
            answer = answer.wait()
        if not isinstance(answer, bytes):
            raise TypeError(f"no answer: {answer.message}")

    call(None)
    calls, used = [0, 0], [0.0, 0.0]
    for turn in range(2 * _TURNS):
        kind, remaining = turn % 2, _FAR if turn % 2 else None
        until, before = time.monotonic() + float(seconds) / 2 / _TURNS, time.process_time()
        while time.monotonic() < until:
            for _ in range(_calls_between_looks(calls[kind], used[kind])):
                call(remaining)
                calls[kind] += 1
        used[kind] += time.process_time() - before
    sys.stdout.write(" ".join(f"{each / many * 1e6}" for each, many in zip(used, calls, strict=True)) + "\n")


def _calls_between_looks(calls: int, used: float) -> int:
    """As many as take about a millisecond, so that looking at the clock costs nothing."""
    return max(1, int(1e-3 * calls / used)) if calls and used else 1


if __name__ == "__main__":
    main()
