"""The setting of the vector instructions."""

import os
import subprocess
import sys

import pytest
from ferrule import _core

SHOW = "import ferrule; ferrule.KMeans; from ferrule import _core; print(_core.simd_level())"


def shown(setting: str | None) -> subprocess.CompletedProcess[str]:
    """What a new interpreter with this setting says."""
    environment = {name: value for name, value in os.environ.items() if name != "FERRULE_COMPUTE_SIMD"}
    if setting is not None:
        environment["FERRULE_COMPUTE_SIMD"] = setting
    return subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_environment_names_the_instructions() -> None:
    assert shown("portable").stdout == "portable\n"
    assert shown(None).stdout == shown("auto").stdout
    refused = shown("mmx")
    assert refused.returncode != 0
    assert 'FERRULE_COMPUTE_SIMD: expected auto, portable, avx2, avx512, got "mmx"' in refused.stderr


def test_the_module_takes_names_too() -> None:
    before = _core.simd_level()
    _core.force_simd("portable")
    assert _core.simd_level() == "portable"
    with pytest.raises(ValueError, match="expected auto, portable"):
        _core.force_simd("sse")
    assert _core.simd_level() == "portable"
    _core.force_simd(before)
