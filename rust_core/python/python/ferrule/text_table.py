"""Reports as text and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """What a command found."""

    text: str
    data: Any
    failed: bool = False


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns side by side; a column of numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(head), *cells]) for column in range(len(head))]
    right = [all(isinstance(row[column], int | float) for row in rows) for column in range(len(head))]
    lines = []
    for line in [list(head), *cells]:
        parts = [
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def printable(text: str) -> str:
    """The text with what a terminal would obey, or not show, written out. Files may hold any text."""
    return "".join(
        character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()
        for character in text
    )


def as_json(data: object) -> str:
    """The data, readable and in a fixed order."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
