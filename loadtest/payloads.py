"""``python -m loadtest.payloads``: what an engineer needs to load the servers with a ghz of their own.

Fits and publishes the scenarios' models into a repository, and writes each scenario's request as the bytes that ghz sends
(``--binary-file``). The requests name no version, so they fit any server that has a model of that name.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from ferrule_client import FerruleError, messages
from rich.console import Console

from . import questions, scenario, servers
from .dialects import FERRULE
from .scenario import Scenario
from .servers import ROOT
from .subjects import Kind

_FOLDER = ROOT / "loadtest" / "ghz"
#: Answered by Predict, so their requests name a model and a version.
_PREDICTIONS = frozenset({Kind.K_MEANS, Kind.LOGISTIC_REGRESSION, Kind.SPARSE})


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.payloads", description=__doc__)
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="takes models/ and payloads/")
    parser.add_argument("scenarios", nargs="*", help="names; default: all")
    arguments = parser.parse_args()
    console = Console()
    chosen = [each for each in scenario.read_all() if not arguments.scenarios or each.name in arguments.scenarios]
    try:
        for file in write(chosen, arguments.folder):
            console.print(f"{file} ({file.stat().st_size:,} bytes)", highlight=False, soft_wrap=True)
    except (OSError, servers.ServerError, FerruleError) as problem:
        console.print(str(problem), style="red", markup=False)
        return 1
    console.print(f"models in {arguments.folder / 'models'}", highlight=False, soft_wrap=True)
    return 0


def write(scenarios: list[Scenario], folder: Path) -> list[Path]:
    """Makes ``models`` and ``payloads`` in the folder anew; the payloads' files. Raises FerruleError, ServerError."""
    models, payloads = folder / "models", folder / "payloads"
    for old in (models, payloads):
        shutil.rmtree(old, ignore_errors=True)
    payloads.mkdir(parents=True)
    written = []
    with (
        tempfile.TemporaryDirectory(prefix="ferrule-payloads-") as scratch,
        servers.running("rust", models, log=Path(scratch, "log")) as server,
    ):
        for each in scenarios:
            if each.call.kind is Kind.ECHO or each.model is None:
                continue
            published = questions.publish(server.address, each.model, f"loadtest-{each.name}")
            request = questions.of(each.call, each.model, published, FERRULE).request
            file = payloads / f"{each.name}.bin"
            file.write_bytes(_latest(request) if each.call.kind in _PREDICTIONS else request)
            written.append(file)
    return written


def _latest(request: bytes) -> bytes:
    """The same request for the newest version."""
    message = messages.PredictRequest.FromString(request)
    message.ClearField("version")
    return bytes(message.SerializeToString())


if __name__ == "__main__":
    sys.exit(main())
