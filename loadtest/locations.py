"""What a kept record says of where things lay: nothing of the machine it was made on."""

import tempfile
from pathlib import Path

from .servers import ROOT


def unplaced(text: str) -> str:
    """The same text with paths from the project's root, and ``<temporary>`` and ``~`` for other folders of this machine."""
    shorter = text.replace(f"{ROOT}/", "").replace(str(ROOT), ".")
    return shorter.replace(tempfile.gettempdir(), "<temporary>").replace(str(Path.home()), "~")
