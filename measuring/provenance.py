"""Where a comparison ran: machine, versions, commit. No name of the machine or of its user."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from . import inherited

ROOT = Path(__file__).resolve().parents[1]

_DISTRIBUTIONS = ("ferrule", "ferrule-server", "ferrule-client", "grpcio", "numpy", "scikit-learn")


def describe(tools: Mapping[str, str]) -> dict[str, object]:
    """What a reader needs to place the figures, as plain JSON values; None for what can't be told."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "architecture": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "cores_of_this_process": len(psutil.Process().cpu_affinity() or []) or None,
            "memory_bytes": psutil.virtual_memory().total,
            "frequency_governor": _governor(),
        },
        "versions": {
            **tools,
            "python": platform.python_version(),
            "rust": _said("rustc", "--version"),
            "packages": {name: _version(name) for name in _DISTRIBUTIONS},
        },
        "not passed on to any server": list(inherited.dropped()),
        "commit": _said("git", "rev-parse", "HEAD"),
        "uncommitted_changes": None if (changes := _said("git", "status", "--porcelain")) is None else bool(changes),
        "command": ["python", *sys.orig_argv[1:]],
    }


def machine_name() -> str:
    """The processor and its cores, as part of a file's name: ``amd-epyc-2-cores``."""
    processor = re.sub(r"[^a-z0-9]+", "-", (_processor() or platform.machine()).lower()).strip("-")
    return f"{processor}-{os.cpu_count() or 1}-cores"


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _governor() -> str | None:
    """How the kernel chooses the clock of the first core; None where it does not, as in most virtual machines."""
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _said(*command: str) -> str | None:
    try:
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()
