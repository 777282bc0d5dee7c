"""What the command line asks for, and what is measured for it."""

import re
import subprocess
from pathlib import Path

import pytest

from loadtest import command_line, ours, selection
from loadtest.dialects import FERRULE
from loadtest.record import Record
from loadtest.results import Setting
from loadtest.scenario import ScenarioError
from loadtest.servers import ROOT
from loadtest.subjects import Kind, Launch, Subject


def never() -> str | None:
    raise AssertionError("not to be asked")


def peer(name: str, **changes: object) -> Subject:
    values: dict[str, object] = {"kinds": frozenset({Kind.K_MEANS}), "launch": lambda *_: Launch(("true",)), **changes}
    return Subject(name, name.upper(), "peer", FERRULE, **values)  # type: ignore[arg-type]  # of whatever a test changes


@pytest.mark.parametrize(("given", "seconds"), [("90s", 90.0), ("60m", 3600.0), ("1.5h", 5400.0)])
def test_budget(given: str, seconds: float) -> None:
    assert command_line.read(["--budget", given]).budget == seconds


@pytest.mark.parametrize(
    "wrong",
    [
        ["--budget", "5"], ["--budget", "0m"], ["--rounds", "0"], ["--rounds", "1.5"], ["--seconds", "nan"],
        ["--target", "host"], ["--target", ":80"], ["--target", "host:0"], ["--target", "host:99999"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_flags_end_the_program(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.read(wrong)
    assert "expected" in capsys.readouterr().err


def test_a_run_that_is_kept_lies_where_git_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ignored(folder: Path) -> bool:
        return subprocess.run(["git", "check-ignore", "-q", str(folder / "x")], cwd=ROOT, check=False).returncode == 0

    # Not the name of a run that was kept.
    monkeypatch.setattr("measuring.provenance.machine_name", lambda: "no-machine-3-cores")
    kept = command_line.read(["--keep"]).results
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-[a-z0-9-]+-\d+-cores", kept.name)
    if (ROOT / ".git").exists():
        assert not ignored(kept)
        assert ignored(command_line.read([]).results)
    monkeypatch.setattr(command_line, "_RESULTS", tmp_path)
    monkeypatch.setattr(command_line, "ROOT", tmp_path)
    command_line.read(["--keep"]).results.mkdir()
    with pytest.raises(SystemExit):
        command_line.read(["--keep"])
    assert "is there already" in capsys.readouterr().err


def test_all_scenarios_unless_some_are_named() -> None:
    every = [each.name for each in selection.scenarios(command_line.read([]))]
    assert every[0] == "kmeans-100x2"
    assert len(every) > 10
    assert [each.name for each in selection.scenarios(command_line.read(["--quick"]))] == ["kmeans-100x2"]
    named = command_line.read(["health", "--scenario", "echo", "health"])
    assert [each.name for each in selection.scenarios(named)] == ["health", "echo"]
    with pytest.raises(ScenarioError, match="no scenario nothing; there are kmeans-100x2, "):
        selection.scenarios(command_line.read(["nothing"]))


def test_a_target_is_the_only_subject_and_is_not_started() -> None:
    arguments, record = command_line.read(["--target", "db.example:50051"]), Record()
    (target,) = selection.subjects(arguments, [], record, lambda _: None)
    assert target.name == "target"
    assert record.subjects[0].role == "target"
    assert selection.settings(arguments) == [Setting.REMOTE]


def test_who_can_not_be_started_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    subjects = (
        peer("good"),
        peer("bad", missing=lambda: "no compiler"),
        peer("other", kinds=frozenset(), missing=never),
    )
    monkeypatch.setattr(ours, "everyone", lambda: subjects)
    arguments, record = command_line.read(["kmeans-100x2"]), Record()
    able = selection.subjects(arguments, selection.scenarios(arguments), record, lambda _: None)
    assert [each.name for each in able] == ["good"]
    assert [(each.name, each.left_out) for each in record.subjects] == [("good", None), ("bad", "no compiler")]
    assert record.notes == ["BAD was left out: no compiler"]


def test_a_plan_installs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "everyone", lambda: (peer("slow", missing=never),))
    arguments = command_line.read(["--plan"])
    assert len(selection.subjects(arguments, selection.scenarios(arguments), Record(), lambda _: None)) == 1


def test_an_unknown_subject_is_an_error() -> None:
    with pytest.raises(ScenarioError, match="no subject nobody; there are rust, python"):
        selection.subjects(command_line.read(["--subject", "nobody"]), [], Record(), lambda _: None)
