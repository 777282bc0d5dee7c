"""Environments for what is measured beside: made when first needed, from pinned and hashed requirements, and kept.

Each is a virtual environment, named after its requirements and the interpreter: when either changes it is made anew. So no
peer's libraries meet another's, or those of the project.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

#: Packages are fetched and unpacked within this time, or not at all.
_INSTALL_SECONDS = 900.0


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the packages of a file of requirements."""

    name: str
    requirements: Path
    store: Path
    """The folder in which environments are kept."""
    only_binary: bool = False
    """Whether packages that have to be built are refused."""

    @cached_property
    def folder(self) -> Path:
        """Where it is, once it was made."""
        made_of = f"{sys.implementation.cache_tag} {sys.base_prefix}\n".encode() + self.requirements.read_bytes()
        return self.store / f"{self.name}-{hashlib.sha256(made_of).hexdigest()[:12]}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def missing(self) -> str | None:
        """Makes it if it is not there; why that did not work, in one line, or None."""
        if self.python.exists():
            return None
        self.store.mkdir(parents=True, exist_ok=True)
        # Made beside and renamed, so that half of one is never taken for whole. Nothing in it is run by its old name.
        beside = self.folder.with_name(f"{self.folder.name}.{os.getpid()}")
        pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]
        pip += ["--only-binary", ":all:"] if self.only_binary else []
        try:
            _run(sys.executable, "-m", "venv", str(beside))
            _run(str(beside / "bin" / "python"), *pip, "--requirement", str(self.requirements))
            beside.rename(self.folder)
        except subprocess.TimeoutExpired:
            return f"its packages were not installed within {_INSTALL_SECONDS:g} s"
        except subprocess.CalledProcessError as problem:
            return f"its packages can't be installed: {_reason(problem.stderr)}"
        except OSError as problem:
            return f"its environment can't be made: {problem}"
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return None

    def versions(self, *packages: str) -> dict[str, str]:
        """Versions of these packages, once it was made."""
        (site_packages,) = self.folder.glob("lib/python*/site-packages")
        installed = {each.name: each.version for each in metadata.distributions(path=[str(site_packages)])}
        return {package: installed[package] for package in packages}


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)


def _reason(written: str) -> str:
    """The line in which pip says what is wrong."""
    lines = [line for line in written.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["it did not say why"])[-1].removeprefix("ERROR:").strip()
