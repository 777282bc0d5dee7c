"""Where subjects run: what a peer needs is installed on demand, beside and not into the project's environment."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from measuring import environments

from .data import cache_folder
from .peers import Environment

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_NATIVE = HERE / "native"


class MissingPeerError(RuntimeError):
    """A peer can't be had; the message says why in a line."""


@dataclass
class Environments:
    """The environments that were asked for, made once each."""

    progress: Callable[[str], None]
    """Told what is being installed."""
    _made: dict[Environment, Path | MissingPeerError] = field(default_factory=dict)

    def python(self, name: Environment) -> Path:
        """The interpreter of an environment. Raises MissingPeerError."""
        if name == "project":
            return Path(sys.executable)
        return self._once(name, lambda: self._installed(name))

    def native(self, program: str) -> Path:
        """A program of ``native/``: ``"linfa-subject"`` or ``"ceilings"``. Raises MissingPeerError."""
        return self._once("native", self._built) / program

    def _once(self, name: Environment, make: Callable[[], Path]) -> Path:
        if name not in self._made:
            try:
                self._made[name] = make()
            except MissingPeerError as problem:
                self._made[name] = problem
        made = self._made[name]
        if isinstance(made, MissingPeerError):
            raise made
        return made

    def _installed(self, name: Environment) -> Path:
        pinned = HERE / "requirements" / f"{name}.txt"
        environment = environments.Environment(name, pinned, cache_folder() / "peers", only_binary=True)
        if not environment.python.exists():
            self.progress(f"installing {name}")
        if problem := environment.missing():
            raise MissingPeerError(f"{name} could not be installed: {problem}")
        return environment.python

    def _built(self) -> Path:
        sources = [_NATIVE / "Cargo.toml", _NATIVE / "Cargo.lock", *sorted(_NATIVE.glob("src/*.rs"))]
        pinned = b"".join(source.read_bytes() for source in (*sources, ROOT / "rust-toolchain.toml"))
        target = cache_folder() / f"native-{sha256(pinned).hexdigest()[:12]}"
        if (target / "complete").exists():
            return target / "release"
        if shutil.which("cargo") is None:
            raise MissingPeerError("linfa and the machine's ceilings need cargo")
        self.progress("building linfa and the ceilings (takes minutes, once)")
        command = ("cargo", "build", "--release", "--locked", "--quiet")
        # For this processor: the peer's loops and the ceilings get its widest vectors.
        more = {"CARGO_TARGET_DIR": str(target), "RUSTFLAGS": "-C target-cpu=native"}
        _run("linfa", (*command, "--manifest-path", str(_NATIVE / "Cargo.toml")), more)
        (target / "complete").touch()
        return target / "release"


def _run(name: str, command: tuple[str, ...], more: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **(more or {})})
    except OSError as problem:
        raise MissingPeerError(f"{name} could not be installed: {problem}") from problem
    except subprocess.CalledProcessError as problem:
        said = (problem.stderr or problem.stdout or "").strip().splitlines()
        raise MissingPeerError(f"{name} could not be installed: {said[-1] if said else problem}") from problem
