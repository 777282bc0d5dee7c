"""Servers start without the settings of libraries that this machine or its user exports."""

import json
import sys
from pathlib import Path

import pytest

from loadtest import inherited, servers

#: Says that it listens, on what is its environment instead of an address.
SHOWS = "import json, os, sys, time; print('listening on', json.dumps(dict(os.environ)), flush=True); time.sleep(60)"


def test_what_tunes_libraries_is_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "MKL_DYNAMIC", "GRPC_VERBOSITY", "FERRULE_LOG_LEVEL"):
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("A_SETTING_OF_ITS_OWN", "kept")
    with servers.launched(
        "any", (sys.executable, "-c", SHOWS), log=tmp_path / "log", settings={"OMP_NUM_THREADS": "1"}
    ) as server:
        given = json.loads(server.address)
    assert given["A_SETTING_OF_ITS_OWN"] == "kept"
    assert given["OMP_NUM_THREADS"] == "1"
    assert not {"OPENBLAS_CORETYPE", "MKL_DYNAMIC", "GRPC_VERBOSITY", "FERRULE_LOG_LEVEL"} & given.keys()
    assert {"OPENBLAS_CORETYPE", "OMP_NUM_THREADS"} <= set(inherited.dropped())
