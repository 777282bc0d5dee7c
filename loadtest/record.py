"""What was measured so far; kept when a run is stopped."""

from dataclasses import dataclass, field

from .results import Answers, Point, ScenarioRecord, Start, SubjectRecord


@dataclass
class Record:
    """Grows while a plan is carried out."""

    subjects: list[SubjectRecord] = field(default_factory=list)
    scenarios: list[ScenarioRecord] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    commands: dict[str, dict[tuple[str, ...], None]] = field(default_factory=dict)
    """The command lines of each subject, each once."""
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
