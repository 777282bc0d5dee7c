"""Plans: which points there are, and how a budget is kept."""

import dataclasses
from typing import Any

import pytest

from loadtest import plan, scenario
from loadtest.dialects import FERRULE
from loadtest.plan import THINNINGS, Choice, Cores
from loadtest.results import Load, Mode, Setting
from loadtest.scenario import Scenario
from loadtest.subjects import Kind, Launch, Subject
from loadtest.tests.test_scenario import VALID, without

BOTH = [Setting.APART, Setting.SHARED]
SWEEP = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]


def subject(name: str, *kinds: Kind) -> Subject:
    return Subject(name, name, "ours", FERRULE, frozenset(kinds or Kind), lambda *_: Launch(("true",)))


SUBJECTS = [subject("a"), subject("b"), subject("c", Kind.HEALTH)]


def headline(**more: Any) -> Scenario:
    document = {**VALID, "headline": True, "closed": {"connections": 8, "concurrency": SWEEP}, **more}
    return scenario.from_document("headline", document)


def other(name: str = "other") -> Scenario:
    return scenario.from_document(name, VALID)


def test_without_a_budget_all_is_measured_as_the_file_says() -> None:
    made = plan.make([headline(), other()], SUBJECTS, BOTH, Choice())
    assert [(part.scenario.name, part.setting) for part in made.parts] == [
        ("headline", Setting.APART),
        ("headline", Setting.SHARED),
        ("other", Setting.APART),
    ]
    first = made.parts[0]
    assert [each.name for each in first.subjects] == ["a", "b"]
    assert first.loads[0] == Load(Mode.CEILING, 2, 8)
    assert [load.concurrency for load in first.loads if load.mode is Mode.CLOSED] == SWEEP
    assert first.loads[1] == Load(Mode.CLOSED, 2, 2), "never more connections than callers"
    assert first.loads[-5:] == (
        Load(Mode.PACED, 2, fraction=0.3),
        Load(Mode.PACED, 2, fraction=0.5),
        Load(Mode.PACED, 2, rate=100.0),
        Load(Mode.OPEN, 2, fraction=0.3),
        Load(Mode.OPEN, 2, fraction=0.5),
    )
    assert not [load for load in made.parts[2].loads if load.mode is Mode.OPEN], "ghz offers rates in headlines alone"
    assert first.scenario.timing == headline().timing
    assert {load.mode for load in made.parts[1].loads} == {Mode.CEILING, Mode.CLOSED}
    assert made.notes == ()


def test_a_running_server_is_not_given_ceilings() -> None:
    (part,) = plan.make([headline()], SUBJECTS[:1], [Setting.REMOTE], Choice()).parts
    assert {load.mode for load in part.loads} == {Mode.CLOSED, Mode.PACED, Mode.OPEN}


def test_without_a_pacer_ghz_alone_offers_rates() -> None:
    (part,) = plan.make([other()], SUBJECTS, [Setting.APART], Choice(pacer=False)).parts
    assert part.loads[-3:] == (
        Load(Mode.OPEN, 2, fraction=0.3),
        Load(Mode.OPEN, 2, fraction=0.5),
        Load(Mode.OPEN, 2, rate=100.0),
    )


def test_the_command_line_goes_before_the_file() -> None:
    (part,) = plan.make([other()], SUBJECTS, [Setting.APART], Choice(rounds=7, duration_seconds=2.5)).parts
    assert (part.scenario.timing.rounds, part.scenario.timing.duration_seconds) == (7, 2.5)


def test_scenarios_that_nobody_can_answer_are_noted() -> None:
    made = plan.make([headline(), other()], [SUBJECTS[2]], BOTH, Choice(budget_seconds=60.0))
    assert made.parts == ()
    assert "scenario headline was left out: none of the subjects can answer it" in made.notes


def test_a_scenario_may_name_its_subjects() -> None:
    chosen = scenario.from_document("x", without(subjects=["b"]))
    (part,) = plan.make([chosen], SUBJECTS, [Setting.APART], Choice()).parts
    assert [each.name for each in part.subjects] == ["b"]


@pytest.mark.parametrize("minutes", [3, 6, 10, 20, 40, 60, 120])
def test_a_budget_is_kept_and_rounds_stay(minutes: int) -> None:
    long = {"warm_up_seconds": 1, "duration_seconds": 10, "rounds": 5}
    scenarios = [headline(timing=long), *(dataclasses.replace(other(f"o{n}"), headline=False) for n in range(8))]
    made = plan.make(scenarios, SUBJECTS, BOTH, Choice(budget_seconds=60.0 * minutes))
    assert made.seconds <= 60.0 * minutes * 1.02
    assert made.parts[0].scenario.name == "headline"
    assert {part.scenario.timing.rounds for part in made.parts} == {3}
    assert all(part.scenario.timing.duration_seconds >= plan.SHORTEST_SECONDS for part in made.parts)


def test_more_time_brings_more_points_then_longer_runs() -> None:
    plans = [plan.make([headline()], SUBJECTS, BOTH, Choice(budget_seconds=60.0 * each)) for each in (1.2, 3, 6, 30)]
    points = [sum(len(part.loads) for part in made.parts) for made in plans]
    assert points == sorted(points)
    assert points[0] < points[-1]
    assert plans[-1].parts[0].scenario.timing.duration_seconds == 2 * VALID["timing"]["duration_seconds"]


def test_whole_scenarios_are_left_out_last_and_named() -> None:
    made = plan.make([headline(), other("first"), other("second")], SUBJECTS, BOTH, Choice(budget_seconds=75.0))
    assert "scenario second was left out to keep to the budget" in made.notes
    assert {part.scenario.name for part in made.parts} <= {"headline", "first"}


def test_a_budget_that_is_too_small_is_said() -> None:
    made = plan.make([headline()], SUBJECTS, BOTH, Choice(budget_seconds=5.0))
    assert "the budget is too small: what is planned takes longer" in made.notes
    assert len(made.parts) == 1
    assert made.parts[0].scenario.timing.duration_seconds == plan.SHORTEST_SECONDS


def test_quick_is_one_point_of_each_mode() -> None:
    choice = Choice(budget_seconds=105.0, thinning=len(THINNINGS) - 1)
    (part,) = plan.make([headline()], SUBJECTS, BOTH, choice).parts
    assert [load.mode for load in part.loads] == [Mode.CEILING, Mode.CLOSED, Mode.PACED]
    assert part.loads[1].concurrency == 64


@pytest.mark.parametrize(
    ("most", "kept"), [(None, (1, 2, 3, 4, 5)), (5, (1, 2, 3, 4, 5)), (3, (1, 3, 5)), (2, (1, 5)), (1, (3,))]
)
def test_thinned(most: int | None, kept: tuple[int, ...]) -> None:
    assert plan.thinned([1, 2, 3, 4, 5], most) == kept


@pytest.mark.parametrize(
    ("available", "split"),
    [([0], None), ([1, 0], Cores((0,), (1,))), ([0, 2, 4], Cores((0,), (2, 4))), ([0, 1, 2, 3], Cores((0, 1), (2, 3)))],
)
def test_cores_are_split(available: list[int], split: Cores | None) -> None:
    assert Cores.split(available) == split
