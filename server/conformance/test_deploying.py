"""What docs/train-in-python-deploy-in-rust.md shows happens."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from server.conformance.conftest import Start
from server.conformance.process import PATIENCE, ROOT

GUIDE = ROOT / "docs" / "train-in-python-deploy-in-rust.md"
#: What the guide calls the server, and the address it gives it.
SERVE, ADDRESS = "ferrule-server serve --models models --port 50052", "127.0.0.1:50052"


def test_the_guide_does_what_it_says(start: Start, tmp_path: Path) -> None:
    blocks = re.findall(r"^```(python|sh)\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert [language for language, _ in blocks] == ["python", "sh", "sh", "sh", "python", "python"]
    address = None
    for language, text in blocks:
        if language == "python":
            lines = text.splitlines()
            promised = [line.partition("# ")[2].strip() for line in lines if line.lstrip().startswith("print(")]
            code = text if address is None else text.replace(ADDRESS, address)
            assert printed([sys.executable, "-c", code], tmp_path).splitlines() == promised
            continue
        for line in text.splitlines():
            if line == SERVE:
                address = start("rust", tmp_path / "models").address
                continue
            program, *arguments = shlex.split(line)
            assert program == "ferrule"
            text = printed([sys.executable, "-m", "ferrule", *arguments], tmp_path)
            if arguments[0] == "convert":
                name = arguments[arguments.index("--name") + 1]
                assert f"published {name}/1: models/{name}/1/model.safetensors" in text
                shown = re.search(rf"^source.*?^published {name}/1", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
                if shown is not None:
                    assert without_numbers(shown.group()) in without_numbers(text)
            elif arguments[1] == "verify":
                assert text.endswith("all 2 in order\n")
    assert address is not None


def printed(command: list[str], folder: Path) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def without_numbers(text: str) -> str:
    """The text with every difference and version of scikit-learn as one: they depend on the machine."""
    return re.sub(r"\d+\.\d+(e-\d+|\.\d+)?\s*", "N ", text)
