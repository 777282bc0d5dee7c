import tempfile
from pathlib import Path

from loadtest.locations import unplaced
from loadtest.servers import ROOT


def test_what_is_kept_names_no_folder_of_this_machine() -> None:
    line = f"{ROOT}/target/release/server --in {ROOT} --models {tempfile.gettempdir()}/x/models --log {Path.home()}/log"
    assert unplaced(line) == "target/release/server --in . --models <temporary>/x/models --log ~/log"


def test_the_figures_of_the_documents_name_none() -> None:
    kept = (ROOT / "docs" / "performance.json").read_text(encoding="utf-8")
    assert unplaced(kept) == kept
