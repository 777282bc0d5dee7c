"""What the README shows from Python happens."""

import re
import subprocess
import sys
from pathlib import Path

from server.conformance.conftest import Start
from server.conformance.process import PATIENCE, ROOT


def test_the_python_example_prints_what_the_readme_says(start: Start, tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert example is not None
    code = example.group(1)
    for kind, address in (("python", "127.0.0.1:50051"), ("rust", "127.0.0.1:50052")):
        assert address in code
        code = code.replace(address, start(kind, tmp_path / "models").address)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ran.returncode == 0, ran.stderr
    promised = [line.partition("# ")[2].strip() for line in code.splitlines() if line.lstrip().startswith("print(")]
    assert ran.stdout.splitlines() == promised
