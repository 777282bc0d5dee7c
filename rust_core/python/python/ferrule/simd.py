"""The vector instructions that estimators compute with.

The best that the CPU has, unless the environment variable ``FERRULE_COMPUTE_SIMD``, which the servers read too, names others when
the first estimator is loaded: ``portable``, ``avx2`` or ``avx512``. Those that the CPU lacks are refused with a `ValueError`.
"""

import os

from ferrule import _core

_VARIABLE = "FERRULE_COMPUTE_SIMD"


def _apply_environment() -> None:
    named = os.environ.get(_VARIABLE)
    if not named:
        return
    try:
        _core.force_simd(named)
    except ValueError as error:
        raise ValueError(f"{_VARIABLE}: {error}") from None


_apply_environment()
