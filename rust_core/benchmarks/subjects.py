"""A subject: a process that does one work whenever it is asked to, and sleeps otherwise."""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from measuring import inherited

from .data import Arrays, load
from .environments import ROOT, Environments
from .peers import Peer, Settings
from .works import Work

#: Each library's own way to be told how many threads to use.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "MATMUL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class SubjectError(RuntimeError):
    """A subject ended or said something unexpected; the message has the end of its log."""


@dataclass(frozen=True)
class Timing:
    """Some calls, one after the other."""

    calls: int
    seconds: float
    """Of one call, on average."""
    cpu_seconds: float | None
    """CPU time of one call over all threads; None where it is not told."""


class Subject:
    """A running process. A context manager: leaving it ends the process."""

    def __init__(
        self,
        peer: Peer,
        settings: Settings,
        work: Work,
        rows: Path,
        environments: Environments,
        *,
        reference_iterations: int | None = None,
    ) -> None:
        """Starts it; ``rows`` is the folder of the data, ``reference_iterations`` those of scikit-learn's fit.

        Raises MissingPeerError, or SubjectError when it does not get ready.
        """
        self.peer, self.settings = peer, settings
        if peer.environment == "native":
            program = [str(environments.native("linfa-subject"))]
        else:
            program = [str(environments.python(peer.environment)), "-m", f"{__package__}.work_process"]
        cores = sorted(os.sched_getaffinity(0))[: work.threads]
        document = _document(peer, settings, work, rows, reference_iterations)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferrule-bench-")))
            file, self._log = folder / "work.json", folder / "log"
            file.write_text(json.dumps(document), encoding="utf-8")
            log = stack.enter_context(self._log.open("wb"))
            self._process = subprocess.Popen(
                ("taskset", "--cpu-list", ",".join(map(str, cores)), *program, str(file)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=variables(work.threads),
                # Ctrl-C in the terminal reaches the parent alone, which keeps what was measured.
                start_new_session=True,
            )
            stack.callback(self._process.communicate)
            stack.callback(self._process.kill)
            self.versions: dict[str, str] = self._heard()["ready"]
            self._stack = stack.pop_all()

    def run(self, calls: int, patience: float | None = None) -> Timing:
        """Does the work so often. Raises SubjectError, also after so many seconds of ``patience``: the process has ended then."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        watch = threading.Timer(threading.TIMEOUT_MAX if patience is None else patience, give_up)
        watch.daemon = True
        watch.start()
        try:
            said = self._asked(f"run {calls}")
        except SubjectError:
            if late.is_set():
                raise SubjectError(f"{self.peer.name} took longer than {patience:g} s") from None
            raise
        finally:
            watch.cancel()
        cpu = said.get("cpu_seconds")
        return Timing(calls, said["seconds"] / calls, None if cpu is None else cpu / calls)

    def answer(self) -> tuple[Arrays, dict[str, Any]]:
        """What the last call found: arrays, and numbers such as ``n_iter``. Raises SubjectError."""
        with tempfile.TemporaryDirectory(prefix="ferrule-bench-answer-") as folder:
            said = self._asked(f"answer {folder}")
            return load(Path(folder)), said["answered"]

    def close(self) -> None:
        """Ends the process, if it has not ended."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(self, order: str) -> dict[str, Any]:
        if self._process.stdin is None:
            raise SubjectError("no standard input")
        try:
            self._process.stdin.write(f"{order}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        while self._process.stdout is not None and (line := self._process.stdout.readline()):
            # What a library prints of its own accord is passed over.
            if line.startswith("{"):
                heard: dict[str, Any] = json.loads(line)
                return heard
        raise self._ended()

    def _ended(self) -> SubjectError:
        log = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return SubjectError(f"{self.peer.name} ended: {log[-1] if log else 'without a word'}")


def variables(threads: int) -> dict[str, str]:
    """The environment of a subject that computes with so many threads."""
    return inherited.environment({"PYTHONPATH": str(ROOT), **dict.fromkeys(_THREAD_VARIABLES, str(threads))})


def _document(
    peer: Peer, settings: Settings, work: Work, rows: Path, reference_iterations: int | None
) -> dict[str, Any]:
    given = {"peer": peer.name, "task": work.task, "dtype": work.dtype, "folder": str(rows)}
    if peer.environment == "native":
        return {**given, **_native_options(work.options, work.task, settings, rows)}
    options = {**work.options, "reference_iterations": reference_iterations}
    return {**given, "options": options, "settings": dict(settings)}


def _native_options(options: Mapping[str, Any], task: str, settings: Settings, rows: Path) -> dict[str, Any]:
    """What ``native/src/linfa_subject.rs`` reads."""
    if task == "logistic-fit":
        count = int(np.load(rows / "y.npy", mmap_mode="r").shape[0])
        return {
            "n_classes": options["n_classes"],
            "alpha": 1.0 / options["C"],
            "max_iter": 1000,
            "gradient_tolerance": settings["tolerance_per_row"] * count,
        }
    if task == "kmeans-predict":
        return {"n_clusters": options["n_clusters"]}
    fixed = options["iterations"]
    # scikit-learn compares the squared movement with its tolerance times the mean variance, linfa the movement itself.
    variance = 0.0 if fixed else float(np.load(rows / "X.npy").var(axis=0, dtype=np.float64).mean())
    return {
        "n_clusters": options["n_clusters"],
        "given": options["given"],
        "seed": options["seed"],
        "max_iter": fixed or 100,
        # linfa takes no 0.
        "tolerance": 1e-30 if fixed else (1e-4 * variance) ** 0.5,
    }
