"""What a reader must know before the figures."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator

from loadtest import summary
from loadtest.results import Limit, Mode, Results, Setting

from .comparison import LEAST_NOISE, relative_spread


def of(results: Results) -> list[str]:
    """Each a sentence or two."""
    return list(_all(results))


def most_important(results: Results) -> list[str]:
    """What the run lacks or got wrong, the machine, and the load generator's limit."""
    return [*_failures(results), *_machine(results), *itertools.islice(_generator(results), 1), *results.notes]


def _all(results: Results) -> Iterator[str]:
    yield from _failures(results)
    yield from _machine(results)
    yield from _generator(results)
    yield from _noise(results)
    yield from _remarks(results)
    yield (
        "Closed loop: each caller waits for its answer before it calls again, so latency there is little more than callers "
        "divided by throughput. How long calls take is what the open loop shows: there a clock starts the calls, and time "
        "runs from when each was due."
    )
    yield from results.notes


def _failures(results: Results) -> Iterator[str]:
    if not results.complete:
        yield "This run was stopped or gave something up: what was planned and is missing was not measured."
    if wrong := sum(each.wrong for each in results.answers):
        yield f"{wrong:,} answers were wrong: the figures of those servers are not of the work that was asked for."
        yield from (f"{each.subject} in {each.scenario}: {each.first_wrong}" for each in results.answers if each.wrong)


def _machine(results: Results) -> Iterator[str]:
    settings = {point.setting for point in results.points}
    machine = results.environment.get("machine")
    cores = machine.get("cores") if isinstance(machine, dict) else None
    if settings & {Setting.APART, Setting.SHARED}:
        yield (
            f"Server and load generator run on one machine of {cores or 'unknown many'} cores, over its loopback interface: "
            "no network is measured. Caches, memory and clock rate are shared even where cores are not, so figures compare "
            "servers with each other here, and do not carry over to other machines."
        )


def _generator(results: Results) -> Iterator[str]:
    ghz = [point for point in results.points if point.load.mode is Mode.CLOSED]
    saturated = [point for point in ghz if point.limit is Limit.CLIENT]
    if saturated:
        most = max(point.requests_per_second for point in saturated)
        subjects = {point.subject for point in saturated}
        labels = ", ".join(subject.label for subject in results.subjects if subject.name in subjects)
        yield (
            f"ghz was itself the limit in {len(saturated):,} of {len(ghz):,} closed-loop runs, at up to {most:,.0f} calls/s "
            f"({labels}): there fast servers look alike, and the runs are marked invalid. Their ceilings are h2load's, and "
            "server CPU a call decides."
        )
    invalid = [point for point in results.points if point.invalid]
    if invalid:
        yield f"{len(invalid):,} of {len(results.points):,} runs are invalid; each is listed with the reason."


def _noise(results: Results) -> Iterator[str]:
    rows = [row for row in summary.rows(results) if len(row.valid) > 1]
    spreads = [relative_spread(row.requests_per_second) for row in rows if row.requests_per_second]
    if not spreads:
        yield "Every load was measured in one round only: nothing is known of the noise."
        return
    ordered = sorted(spreads)
    yield (
        f"Noise: half of the loads repeat within {ordered[len(ordered) // 2]:.0%} of their median over the rounds, the worst "
        f"within {ordered[-1]:.0%}. Differences of less than {LEAST_NOISE:.0%} mean nothing, even where ranges do not overlap."
    )


def _remarks(results: Results) -> Iterator[str]:
    """What was said of single runs, each once."""
    counts = Counter(re.sub(r"\d[\d,.]*\d|\d", "…", remark) for point in results.points for remark in point.remarks)
    for remark, count in counts.most_common():
        yield f"{count:,} of {len(results.points):,} runs: {remark}."
