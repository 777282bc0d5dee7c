"""What ``ferrule models`` says of a repository."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ferrule.text_table import Report, table

if TYPE_CHECKING:
    from ferrule.repository import Version

#: Names and classes beyond this many are counted, not shown.
SHOWN = 8


def listing(versions: "Sequence[Version]") -> Report:
    """One line for each version."""
    data = [_summary(version) for version in versions]
    rows = [
        (
            entry["name"],
            entry["version"],
            entry["kind"],
            _number(entry["columns"]),
            _number(entry["width"]),
            _state(entry),
        )
        for entry in data
    ]
    text = table(("MODEL", "VERSION", "KIND", "COLUMNS", "CLUSTERS OR CLASSES", "STATE"), rows) if rows else "no models"
    return Report(text, data)


def inspection(versions: "Sequence[Version]") -> Report:
    """All that one version's file says."""
    (version,) = versions
    summary = _summary(version)
    if version.model is None:
        text = f"{version.name}/{version.version} is damaged: {version.problem}"
        return Report(text, summary, failed=True)
    description = version.description
    try:
        lines = _lines(version, summary, description)
    except (AttributeError, KeyError, TypeError) as error:
        problem = f"what {version.name}/{version.version} says of its estimator is not understood: {error!r}"
        return Report(problem, summary, failed=True)
    width = max(len(key) for key, _ in lines)
    text = "\n".join(f"{key.ljust(width)}  {value}" for key, value in lines)
    return Report(text, {**summary, "description": description})


def _lines(version: "Version", summary: dict[str, Any], description: dict[str, Any]) -> list[tuple[str, str]]:
    kind = description["kind"]
    classes = next(iter(kind["logistic_regression"]["classes"].values())) if isinstance(kind, dict) else []
    names = description.get("feature_names", [])
    estimator = description.get("estimator", {})
    return [
        ("model", f"{version.name}/{version.version}"),
        ("file", f"{version.path} ({version.path.stat().st_size} bytes)"),
        ("format", f"{description['format_version']}, written by ferrule {description['library_version']}"),
        ("source", description.get("source") or "ferrule"),
        ("kind", summary["kind"]),
        ("columns", f"{summary['columns']}{_listed(names)}"),
        ("classes" if classes else "clusters", f"{summary['width']}{_listed(classes)}"),
        ("fitted to", description.get("precision", "float64")),
        ("scaling", ", ".join(summary["scaling"]) or "none"),
        *_facts(estimator),
    ]


def verification(versions: "Sequence[Version]") -> Report:
    """Whether each file can be served."""
    data = [
        {key: entry[key] for key in ("name", "version", "path", "state", "problem")}
        for entry in map(_summary, versions)
    ]
    damaged = [version for version in versions if version.model is None]
    rows = [(entry["name"], entry["version"], _state(entry)) for entry in data]
    end = f"{len(damaged)} of {len(data)} damaged" if damaged else f"all {len(data)} in order"
    return Report(table(("MODEL", "VERSION", "STATE"), rows) + f"\n{end}", data, failed=bool(damaged))


def _summary(version: "Version") -> dict[str, Any]:
    model = version.model
    scaling = version.description.get("scaling", [])
    return {
        "name": version.name,
        "version": version.version,
        "path": str(version.path),
        "state": "damaged" if model is None else "ok",
        "problem": version.problem,
        "kind": "" if model is None else model.kind,
        "columns": None if model is None else model.columns,
        "width": None if model is None else model.width,
        "scaling": [step if isinstance(step, str) else next(iter(step)) for step in scaling],
    }


def _state(entry: dict[str, Any]) -> str:
    return f"damaged: {entry['problem']}" if entry["problem"] else "ok"


def _number(value: int | None) -> int | str:
    return "" if value is None else value


def _listed(items: Sequence[object]) -> str:
    if not items:
        return ""
    more = f", … {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return f" ({', '.join(map(str, items[:SHOWN]))}{more})"


def _facts(estimator: dict[str, Any]) -> list[tuple[str, str]]:
    """Parameters and attributes that are plain numbers or words."""
    plain = {
        **estimator.get("parameters", {}),
        **{name: value for name, value in estimator.get("attributes", {}).items() if not name.startswith("_")},
    }
    shown = (
        pair for pair in plain.items() if isinstance(pair[1], bool | int | float | str) and pair[1] != "deprecated"
    )
    return [(name, str(value)) for name, value in shown]
