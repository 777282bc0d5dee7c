"""Puts the kept figures into the documents: ``python -m loadtest.transport.document [FILE]``.

A document says where with a pair of comments, ``<!-- figures: small -->`` and ``<!-- end of figures -->``; what is between
them is replaced by the tables of that part. ``ratios`` stands for the ratios of all cases that something is asked of, and
``where`` for the machine and the versions.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.servers import ROOT
from measuring import document

from . import report

KEPT = ROOT / "docs" / "performance.json"
DOCUMENTS = (ROOT / "docs" / "performance.md", ROOT / "README.md")
_PLACE = re.compile(r"<!-- figures: ([\w-]+) -->")
_END = "<!-- end of figures -->"
#: Cases whose ratios the README shows.
_ASKED = ("small", "large", "workers")


class DocumentError(RuntimeError):
    """A document asks for figures that were not kept."""


def filled(text: str, parts: Mapping[str, Mapping[str, Any]]) -> str:
    """The document with these figures. Raises MarkerError where a place has no end."""
    pieces = _PLACE.split(text)
    done = [pieces[0]]
    for name, rest in zip(pieces[1::2], pieces[2::2], strict=True):
        begin = f"<!-- figures: {name} -->"
        done.append(document.filled(begin + rest, begin, _END, _figures(name, parts)))
    return "".join(done)


def _figures(name: str, parts: Mapping[str, Mapping[str, Any]]) -> str:
    try:
        if name == "ratios":
            return report.targets([parts[each] for each in _ASKED]).for_markdown().strip("\n")
        if name == "where":
            return _where({part: record for part, record in parts.items() if part != "before"})
        return "\n".join(table.for_markdown() for table in report.TABLES[name](parts[name])).strip("\n")
    except KeyError as missing:
        raise DocumentError(f"no figures of {missing} are kept; `make bench-transport` measures them") from missing


def _where(parts: Mapping[str, Mapping[str, Any]]) -> str:
    described = [record["environment"] for record in parts.values()]
    newest = max(described, key=lambda each: str(each["date"]))
    machine, versions = newest["machine"], newest["versions"]
    dates = sorted({str(each["date"])[:10] for each in described})
    commits: dict[str, list[str]] = {}
    for part, record in parts.items():
        commits.setdefault(str(record["environment"]["commit"])[:10], []).append(part)
    # Parts are measured one by one, so that some may be of an older commit.
    commit = "; ".join(f"{', '.join(names)} at commit {each}" for each, names in commits.items())
    return (
        f"Measured on {' and '.join(dates)}, {commit}. The machine: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}; {versions['rust']}; Python {versions['python']}; grpcio {versions['packages']['grpcio']}; "
        f"{versions['h2load']}."
    )


def main() -> int:
    """Rewrites the documents; the exit status."""
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT
    try:
        parts = json.loads(kept.read_text(encoding="utf-8"))["parts"]
        for each in DOCUMENTS:
            text = each.read_text(encoding="utf-8")
            each.write_text(filled(text, parts), encoding="utf-8")
            sys.stdout.write(f"{each.relative_to(ROOT)}: {len(_PLACE.findall(text))} tables\n")
    except (OSError, DocumentError, document.MarkerError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
