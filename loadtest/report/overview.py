"""All scenarios and servers in one table: what a call costs each, and how many times as much as it costs ours."""

from collections.abc import Mapping, Sequence

from loadtest import summary
from loadtest.results import Results, ScenarioRecord
from loadtest.summary import Row, Verdict

from . import wording
from .tables import Line, Table
from .wording import NOTHING

#: Servers that answer something of use, those first that others are held against.
_ROLES = ("ours", "target", "peer")
#: A smaller part of calls that failed, whose CPU time counts too, changes no figure that is shown.
_WORTH_SAYING = 0.01


def table(results: Results) -> Table | None:
    """A line for each scenario; none when nothing can be compared."""
    labels = {subject.name: subject.label for subject in results.subjects}
    ordered = sorted(
        (each for each in results.subjects if each.role in _ROLES), key=lambda each: _ROLES.index(each.role)
    )
    held = {scenario.name: _held(results, scenario) for scenario in results.scenarios}
    names = [each.name for each in ordered if any(each.name in rows for rows in held.values())]
    if not names:
        return None
    lines = []
    for scenario in results.scenarios:
        rows = held[scenario.name]
        beside = _beside(names[0], summary.verdicts(results, scenario.name))
        if any(name in rows for name in names):
            lines.append(Line((scenario.title, *(_cell(rows.get(name), beside.get(name, "")) for name in names))))
    return Table(
        "CPU time of the server for each call, µs",
        ("Scenario", *(labels[name] for name in names)),
        tuple(lines),
        note=f"Median over the rounds, under the load that all are held against each other by. Small: how many times the {labels[names[0]]}'s; "
        "“≈” where the rounds differ by more. Calls a second where other calls run beside, so that CPU time is not known.",
    )


def _held(results: Results, scenario: ScenarioRecord) -> Mapping[str, Row]:
    rows = [row for row in summary.rows(results) if row.scenario == scenario.name]
    return {row.subject: row for row in summary.comparable(rows)}


def _beside(base: str, verdicts: Sequence[Verdict]) -> Mapping[str, str]:
    """How many times the base's CPU time each of the others uses."""
    found = {}
    for each in verdicts:
        if base in (each.subject, each.other):
            even = "≈ " if each.least <= 1 <= each.most else ""
            dearer = each.subject == base
            times = each.cpu_ratio if dearer else 1 / each.cpu_ratio
            found[each.other if dearer else each.subject] = f"{even}{wording.ratio(times)}×"
    return found


def _cell(row: Row | None, beside: str) -> str:
    if row is None:
        return NOTHING
    if row.server_cpu is None:
        throughput = row.requests_per_second
        return "invalid" if throughput is None else f"{wording.median(throughput)}\ncalls/s"
    failed = f"{row.error_rate:.0%} failed" if row.error_rate >= _WORTH_SAYING else ""
    small = ", ".join(filter(None, (beside, failed)))
    return "\n".join(filter(None, (wording.median(row.server_cpu), small)))
