"""What the package loads, what it says of its types, and how long work ends."""

import signal
import subprocess
import sys
import textwrap
from importlib.metadata import version

import ferrule
import pytest
from sklearn.utils.estimator_checks import check_estimator

PATIENCE = 60.0


def run(program: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_compiled_module_loads_neither_numpy_nor_scikit_learn() -> None:
    done = run("""
        import sys
        import ferrule._core
        assert ferrule._core.methods()
        print({"numpy", "sklearn", "scipy"} & set(sys.modules))
        import ferrule
        ferrule.KMeans
        print({"numpy", "sklearn"} <= set(sys.modules))
    """)
    assert (done.stdout, done.stderr) == ("set()\nTrue\n", "")


def test_without_scikit_learn_the_extra_is_named() -> None:
    done = run("""
        import sys
        sys.modules["sklearn"] = None
        import ferrule
        try:
            ferrule.KMeans
        except ModuleNotFoundError as error:
            print(error)
    """)
    assert (done.stdout, done.stderr) == ("ferrule.KMeans needs sklearn: pip install 'ferrule[sklearn]'\n", "")


def test_names() -> None:
    assert {"KMeans", "LogisticRegression", "MiniBatchKMeans"} <= set(dir(ferrule))
    assert ferrule.__version__ == version("ferrule")
    with pytest.raises(AttributeError, match="no attribute 'Nope'"):
        _ = ferrule.Nope


def test_the_stub_is_what_the_module_has() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "ferrule._core"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 2, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# As of scikit-learn's own classes: the same seed draws other rows where rows are repeated or reordered, so that the clusters
# get other numbers.
DRAWN = {
    "check_sample_weight_equivalence_on_dense_data": "rows are drawn by weight",
    "check_sample_weight_equivalence_on_sparse_data": "rows are drawn by weight",
}
EXPECTED = {"KMeans": DRAWN, "MiniBatchKMeans": DRAWN}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in ferrule.__all__ if name[0].isupper()])
def test_scikit_learns_checks_of_estimators(name: str) -> None:
    estimator = getattr(ferrule, name)()
    results = check_estimator(estimator, expected_failed_checks=EXPECTED.get(name, {}), on_skip=None, on_fail=None)
    outcomes = {result["check_name"]: result for result in results}
    assert {check for check, result in outcomes.items() if result["status"] == "xfail"} == set(EXPECTED.get(name, {}))
    failed = {check: result["exception"] for check, result in outcomes.items() if result["status"] == "failed"}
    assert not failed
    assert sum(result["status"] == "passed" for result in outcomes.values()) > 40


LONG_FITS = {
    "KMeans": "KMeans(200, n_init=10_000, tol=0.0, random_state=0).fit(X)",
    "MiniBatchKMeans": "MiniBatchKMeans(200, max_iter=10_000, max_no_improvement=None, random_state=0).fit(X)",
    # Columns of unequal scale: L-BFGS takes hundreds of steps.
    "LogisticRegression": "LogisticRegression(C=1e9, max_iter=1_000_000, tol=0.0).fit(X * np.geomspace(1e-3, 1e3, 50), y)",
}


@pytest.mark.parametrize("name", LONG_FITS)
def test_ctrl_c_ends_a_fit_at_once(name: str) -> None:
    program = f"""
        import signal
        import numpy as np
        from ferrule import {name}
        # A test run in the background of a shell inherits an ignored SIGINT.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        random = np.random.default_rng(0)
        X = random.normal(size=(300_000, 50))
        y = random.integers(200, size=300_000)
        model = {name}()
        print("begin", flush=True)
        try:
            {LONG_FITS[name]}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begin\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.0)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (output, errors, process.returncode) == ("interrupted\n", "", 0)
