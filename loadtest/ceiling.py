"""How much a server can do when the client costs hardly anything: one run of h2load, watched."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .processes import Watch
from .questions import Questions
from .transport import h2load
from .transport.h2load import Drive, H2load, H2loadError, Load
from .transport.subjects import Subject

#: Seconds that it may take beyond the load.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Run:
    """One run."""

    requests: int
    """Answers with HTTP status 200."""
    failed: int
    """All others."""
    seconds: float
    cpu_seconds: float
    """CPU time that h2load itself used."""
    command: tuple[str, ...]


def run(
    program: H2load,
    address: str,
    asked: Questions,
    load: Load,
    seconds: float,
    *,
    cores: tuple[int, ...],
    watch: Watch | None = None,
) -> Run:
    """Asks the server at ``address`` for so long, from these cores. Raises H2loadError."""
    subject = Subject("", "", (), asked.path, asked.request, b"")
    with tempfile.TemporaryDirectory(prefix="ferrule-h2load-") as folder:
        body = Path(folder, "request.bin")
        body.write_bytes(h2load.framed(asked.request))
        command = program.command(Drive(address, subject, load, cores), body, f"--duration={round(seconds * 1000)}ms")
        ended = processes.run(command, watch=watch, timeout=seconds + _PATIENCE)
    if ended.status != 0:
        raise H2loadError(f"h2load ended with status {ended.status}: {(ended.stderr + ended.stdout).strip()}")
    found = h2load.read(ended.stdout)
    return Run(found.requests, found.failed, found.seconds, ended.cpu_seconds, command)
