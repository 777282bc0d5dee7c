"""What ``ferrule convert`` says at its end."""

import math

from ferrule.convert import Conversion
from ferrule.text_table import Report, table


def of(conversion: Conversion, name: str) -> Report:
    """The report of a conversion to a model called `name`."""
    comparison = conversion.comparison
    published = None
    if conversion.version is not None:
        published = {"model": name, "version": conversion.version, "path": str(conversion.path)}
    data = {
        "source": conversion.source,
        "rows": {"count": comparison.rows, "dtype": comparison.dtype, "made": conversion.made_rows},
        "labels_undecided": comparison.ties,
        "differences": [
            {"output": one.output, "largest": _finite(one.largest), "allowed": one.allowed, "passed": one.passed}
            for one in comparison.differences
        ],
        "notes": list(conversion.notes),
        "published": published,
    }
    rows = []
    for one in comparison.differences:
        labels = one.output == "labels"
        rows.append(
            (
                one.output,
                f"{one.largest} rows" if labels else f"{one.largest:.2e}",
                "0 rows" if labels else f"{one.allowed:.2e}",
                "ok" if one.passed else "DIFFERENT",
            )
        )
    made = "made at the model's own scale" if conversion.made_rows else "given"
    lines = [
        f"source: {conversion.source}",
        f"compared on {comparison.rows} rows of {comparison.dtype}, {made}, through the file as it was read back:",
        table(("OUTPUT", "LARGEST DIFFERENCE", "ALLOWED THERE", ""), rows),
        *(f"note: {note}" for note in conversion.notes),
    ]
    if comparison.ties:
        lines.append(f"note: {comparison.ties} rows lie so near to a boundary that the source's own rounding decides")
    if published is None:
        lines.append("NOT published: the answers differ by more than rounding")
    else:
        lines.append(f"published {name}/{conversion.version}: {conversion.path}")
    return Report("\n".join(lines), data, failed=published is None)


def _finite(number: float) -> float | None:
    """The number; None when the source answered with none."""
    return number if math.isfinite(number) else None
