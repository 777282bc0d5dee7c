"""What the page says: everything of a run, in one file."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from loadtest import summary
from loadtest.peers import settings
from loadtest.results import Results, ScenarioRecord

from . import caveats, charts, comparison, overview, published, tables, verdict, wording
from .comparison import Comparison
from .drawing import Chart
from .palette import style_sheet
from .tables import Table

PAGE = "report.html"
CHARTS = "charts"
#: Groups of ``peers/settings.toml`` that a peer is set by, for those that have other names.
_HEADED = {"scikit-learn": "scikit-learn", "grpcio": "grpcio", "onnxruntime": "ONNX Runtime", "mlserver": "MLServer"}


@dataclass(frozen=True)
class Section:
    """A scenario's part of the page."""

    name: str
    title: str
    about: str
    verdict: list[str]
    tables: list[Table]
    invalid: Table | None
    charts: list[Chart]
    commands: list[tuple[str, str]]
    """What, and the load generator's command line."""


def write(results: Results, folder: Path, *, earlier: Results | None = None) -> Path:
    """Writes ``report.html`` and ``charts/*.svg`` and ``*.png`` into the folder; returns the former.

    The page needs nothing beside it. ``earlier`` is a run to compare with.
    """
    sections = [_section(results, scenario) for scenario in results.scenarios]
    drawn = folder / CHARTS
    drawn.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for chart in section.charts:
            chart.write(drawn)
    found = None if earlier is None else comparison.compare(earlier, results)
    page = folder / PAGE
    page.write_text(render(results, sections, earlier, found), encoding="utf-8")
    return page


def render(results: Results, sections: list[Section], earlier: Results | None, found: Comparison | None) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html.jinja").render(
        results=results,
        sections=sections,
        overview=overview.table(results),
        earlier=earlier,
        comparison=found,
        differences=[] if found is None else tables.differences(results, found),
        caveats=caveats.of(results),
        environment=list(_facts(results.environment)),
        plan=_flat(results.plan),
        peers=[(_HEADED.get(name, name), group) for name, group in settings.read().items()],
        style=style_sheet() + _resource("page.css"),
        join=shlex.join,
        least_noise=f"{comparison.LEAST_NOISE:.0%}",
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _section(results: Results, scenario: ScenarioRecord) -> Section:
    return Section(
        scenario.name,
        scenario.title,
        _about(scenario),
        verdict.sentences(results, scenario),
        list(_tables(results, scenario)),
        tables.invalid(results, scenario),
        charts.of_scenario(results, scenario),
        list(_commands(results, scenario)),
    )


def _tables(results: Results, scenario: ScenarioRecord) -> Iterator[Table]:
    """The summary, the published ratios where they belong, and the loads."""
    found = list(tables.of_scenario(results, scenario))
    ratios = published.table(results, scenario) if scenario.headline else None
    yield from found[:1]
    yield from [] if ratios is None else [ratios]
    yield from found[1:]


def _about(scenario: ScenarioRecord) -> str:
    sizes = ", ".join(
        f"{size:,} bytes" if len(scenario.request_bytes) == 1 else f"{call}: {size:,} bytes"
        for call, size in scenario.request_bytes.items()
    )
    timing = scenario.definition.get("timing", {})
    lasted = ", ".join(
        words
        for key, words in (
            ("rounds", f"{timing.get('rounds')} rounds"),
            ("duration_seconds", f"{timing.get('duration_seconds')} s each"),
            ("warm_up_seconds", f"after {timing.get('warm_up_seconds')} s of warm-up"),
        )
        if key in timing
    )
    return "; ".join(part for part in (f"a request has {sizes}" if sizes else "", lasted) if part)


def _commands(results: Results, scenario: ScenarioRecord) -> Iterator[tuple[str, str]]:
    """Of the first round: those of the others differ in the names of temporary files alone."""
    for row in summary.rows(results):
        if row.scenario == scenario.name:
            first = row.points[0]
            what = f"{row.subject}, {row.setting.value}, {wording.load(row.load)}"
            yield what if row.call == "call" else f"{what}, {row.call}", shlex.join(first.command)


def _facts(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in _flat(environment):
        if key != "command":
            yield key, f"{int(value) / 2**30:.1f} GiB" if key.endswith("memory_bytes") and value.isdigit() else value


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested values as lines of ``outer: inner``."""
    found: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{before}{key.replace('_', ' ')}" if not key.endswith("_bytes") else f"{before}{key}"
        if isinstance(value, Mapping):
            found += _flat(value, f"{name}: ")
        elif isinstance(value, list | tuple):
            found.append((name, "; ".join(_one(each) for each in value)))
        else:
            found.append((name, "not known" if value is None else str(value)))
    return found


def _one(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_one(inner)}" for key, inner in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
