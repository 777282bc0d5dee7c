"""What both servers log when they listen."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from server.conformance.conftest import KINDS, Start


def test_both_log_where_they_listen_and_with_what(start: Start, tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    for kind in KINDS:
        server = start(kind, tmp_path / "models", workers=3, settings={"compute_simd": "portable"})
        (line,) = (line for line in map(json.loads, server.log.splitlines()) if line["message"] == "listening")
        assert line.pop("address") == server.address
        del line["timestamp"]
        lines.append(line)
    assert lines[0] == lines[1]
    expected = {"level": "INFO", "workers": 3, "simd": "portable", "models": str(tmp_path / "models")}
    assert lines[0].items() >= {**expected, "version": version("ferrule")}.items()
