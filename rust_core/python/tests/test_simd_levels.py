"""What the estimators answer, held against scikit-learn's answers with each set of vector instructions that the CPU has.

The other tests run with the best of them, and these once more with each other one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ferrule import _core

FOLDER = Path(__file__).parent
#: Tests by file; they compare with scikit-learn, or with what the rows themselves say.
SUBJECTS = {
    "test_shifted_blobs.py": "keep_their_rows or keep_them_too",
    "test_kmeans.py": "(same_seed_gives and not n_init) or weights_and_given_centres",
    "test_mini_batch_kmeans.py": "(batches_give or labelled_by_the_centres) and not sparse",
    "test_logistic_regression.py": "(optimum_is or same_steps or class_weights) and not digits",
}


@pytest.fixture(params=["portable", "avx2", "avx512"])
def level(request: pytest.FixtureRequest) -> str:
    """A level that this CPU has and that is not in use anyway."""
    name: str = request.param
    in_use = _core.simd_level()
    if name == in_use:
        pytest.skip("the other tests run with it")
    try:
        _core.force_simd(name)
    except ValueError as error:
        pytest.skip(str(error))
    finally:
        _core.force_simd(in_use)
    return name


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", SUBJECTS)
def test_answers_are_scikit_learns_at_every_level(level: str, file: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(FOLDER / file), "-k", SUBJECTS[file]]
    ran = subprocess.run(
        command,
        env={**os.environ, "FERRULE_COMPUTE_SIMD": level},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=FOLDER,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    assert " passed" in ran.stdout
