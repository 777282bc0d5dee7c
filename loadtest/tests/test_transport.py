"""Ratios and their bounds, what h2load says, and the subjects' answers."""

import os
from pathlib import Path

import pytest

from loadtest import h2load
from loadtest.h2load import H2load, H2loadError, Load
from loadtest.transport.subjects import Subject
from loadtest.transport.targets import Figures, Target

ROUNDS = [
    {"a": Figures(100.0, 10.0), "b": Figures(50.0, 4.0), "c": Figures(1.0, 1.0)},
    {"a": Figures(100.0, 30.0), "b": Figures(25.0, 4.0), "c": Figures(1.0, 1.0)},
    {"a": Figures(100.0, 20.0), "b": Figures(20.0, 4.0), "c": Figures(1.0, 1.0)},
]
SUBJECT = Subject("fake", "a fake", (), "/service/Method", b"question", b"answer")
SAID = """
finished in 2.01s, 12.50 req/s, 1.00KB/s
requests: 27 total, 91 started, 25 done, 23 succeeded, 2 failed, 2 errored, 0 timeout
"""


def test_a_ratio_is_taken_round_by_round() -> None:
    target = Target("a against b and c", "a", ("b", "c"), 4.0)
    assert target.ratio(ROUNDS) == (4.0, 2.0, 6.0)
    assert target.met(4.0)
    assert not target.met(4.01)


def test_a_ratio_may_have_to_be_large() -> None:
    target = Target("a against b", "a", ("b",), 4.0, at_least=True, figure="requests_per_second")
    assert target.ratio(ROUNDS) == (4.0, 2.0, 5.0)
    assert target.met(4.0)
    assert not target.met(3.99)


@pytest.fixture
def program(tmp_path: Path) -> H2load:
    """A program in h2load's place, which keeps its command line and the body that it should send."""
    script = tmp_path / "h2load"
    script.write_text(
        f"""#!/bin/sh
echo "$@" > {tmp_path}/arguments
for each in "$@"; do
    case $each in --data=*) cp "${{each#--data=}}" {tmp_path}/body ;; esac
done
cat <<END
{SAID}
END
"""
    )
    script.chmod(0o755)
    return H2load(str(script), "fake")


def test_h2load_sends_one_grpc_message_and_its_counts_are_read(program: H2load, tmp_path: Path) -> None:
    run = program.run("127.0.0.1:1", SUBJECT, Load(3, 5), 0.25, cores=(min(os.sched_getaffinity(0)),))
    assert (run.requests, run.failed, run.seconds) == (23, 2, 2.01)
    assert (tmp_path / "body").read_bytes() == b"\0\0\0\0\x08question"
    arguments = (tmp_path / "arguments").read_text()
    assert "--clients=3 --max-concurrent-streams=5 --duration=250ms" in arguments
    assert arguments.rstrip().endswith("http://127.0.0.1:1/service/Method")


def test_output_that_is_not_understood_is_an_error(tmp_path: Path) -> None:
    script = tmp_path / "h2load"
    script.write_text("#!/bin/sh\necho nonsense\n")
    script.chmod(0o755)
    with pytest.raises(H2loadError, match="nonsense"):
        H2load(str(script), "fake").run("127.0.0.1:1", SUBJECT, Load(1, 1), 0.1, cores=(min(os.sched_getaffinity(0)),))


def test_a_missing_h2load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(H2loadError, match="nghttp2-client"):
        h2load.find()
