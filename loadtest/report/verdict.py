"""The verdict of a scenario in a sentence, and what was the limit while it was found."""

from collections.abc import Mapping, Sequence

from loadtest import summary
from loadtest.results import Limit, Results, ScenarioRecord
from loadtest.summary import Row, Verdict

from . import wording

_SIDES = {
    Limit.SERVER: "the server was the limit",
    Limit.CLIENT: "the load generator was the limit, so calls a second say little",
    Limit.BOTH: "server and load generator had no CPU time left",
    Limit.NEITHER: "neither side was busy: waiting was the limit",
    Limit.RATE: "the offered rate was kept",
    Limit.UNKNOWN: "what was the limit is not known",
}

#: A smaller part of failed calls changes no figure.
_WORTH_SAYING = 0.001


def sentences(results: Results, scenario: ScenarioRecord) -> list[str]:
    """A sentence for each of our servers, and one on the limits; empty when nothing can be compared."""
    labels = {subject.name: subject.label for subject in results.subjects}
    roles = {subject.name: subject.role for subject in results.subjects}
    verdicts = summary.verdicts(results, scenario.name)
    held = summary.comparable([row for row in summary.rows(results) if row.scenario == scenario.name])
    found = []
    ours = [row for row in held if roles.get(row.subject) == "ours"]
    for row in ours or held:
        begun = f"{labels[row.subject]}: {_figure(row)}"
        compared = ", ".join(_against(row.subject, verdicts, roles, labels))
        found.append(f"{begun}: {compared}." if compared else f"{begun}.")
    if held:
        found.append(_limits(held, labels))
    if failed := [row for row in held if row.error_rate >= _WORTH_SAYING]:
        parts = ", ".join(f"{row.error_rate:.1%} of {labels[row.subject]}'s" for row in failed)
        found.append(f"Failed calls, whose CPU counts too: {parts}.")
    return found


def _figure(row: Row) -> str:
    """CPU time; where it is not known, as when other calls run beside, throughput."""
    if row.server_cpu is not None:
        return f"{wording.median(row.server_cpu)} µs of CPU a call"
    if row.requests_per_second is not None:
        return f"{wording.spread(row.requests_per_second)} calls/s; what a call costs is not known"
    return "nothing is known, as its runs are invalid"


def _against(
    subject: str, verdicts: Sequence[Verdict], roles: Mapping[str, str], labels: Mapping[str, str]
) -> list[str]:
    """First the best of the peers, then the other of ours, then those peers that are furthest behind."""
    cheaper = {each.other: each for each in verdicts if each.subject == subject}
    dearer = {each.subject: each for each in verdicts if each.other == subject}
    peers = sorted((name for name in cheaper if roles.get(name) == "peer"), key=lambda name: cheaper[name].cpu_ratio)
    ours = [name for name in cheaper if roles.get(name) == "ours"]
    said = [f"{_times(each, 'more')} than {labels[name]}" for name, each in dearer.items() if roles.get(name) == "peer"]
    # The best peer first; the others say how far the field reaches.
    said += [f"{_times(cheaper[name], 'less')} than {labels[name]}" for name in (*peers, *ours)]
    return said


def _times(verdict: Verdict, word: str) -> str:
    between = f"{wording.ratio(verdict.least)}–{wording.ratio(verdict.most)}"
    if verdict.least <= 1 <= verdict.most:
        return f"{wording.ratio(verdict.cpu_ratio)}× ({between}: no difference beyond the noise) {word}"
    return f"{wording.ratio(verdict.cpu_ratio)}× ({between}) {word}"


def _limits(held: Sequence[Row], labels: Mapping[str, str]) -> str:
    groups: dict[Limit, list[str]] = {}
    for row in held:
        groups.setdefault(row.limit, []).append(labels[row.subject])
    where = wording.load(held[0].load)
    if len(groups) == 1:
        return f"Under this load ({where}) {_SIDES[held[0].limit]} for all of them."
    said = "; ".join(f"for {', '.join(names)} {_SIDES[limit]}" for limit, names in groups.items())
    return f"Under this load ({where}): {said}."
