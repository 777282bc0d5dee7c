"""CPU time and memory of processes, as the kernel counts them."""

import os
import subprocess
import sys

import pytest

from loadtest import processes
from loadtest.processes import ServerGoneError, Tree, Watch

BUSY = "import time\nwhile time.process_time() < 0.6: pass"


def test_a_process_is_run_to_its_end_and_its_cpu_time_counted() -> None:
    ended = processes.run((sys.executable, "-c", f"import sys; {BUSY}\nprint('out'); sys.exit('err')"))
    assert (ended.status, ended.stdout, ended.stderr) == (1, "out\n", "err\n")
    assert ended.cpu_seconds >= 0.6
    assert ended.wall_seconds > 0


def test_a_process_that_takes_too_long_is_killed() -> None:
    assert processes.run((sys.executable, "-c", "import time; time.sleep(300)"), timeout=0.2).status == -9


def test_it_runs_on_the_cores_that_it_is_given() -> None:
    core = min(os.sched_getaffinity(0))
    ended = processes.run((sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"), cores=(core,))
    assert ended.stdout.split() == [str(core)]


def test_a_server_whose_process_ends_is_noticed() -> None:
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE) as process:
        tree = Tree(process.pid)
        tree.check()
        process.communicate(b"\n")
    with pytest.raises(ServerGoneError, match=f"process {process.pid} ended"):
        tree.check()


def test_a_watch_sees_the_load_generator_and_the_server() -> None:
    with Watch(Tree(os.getpid()), seconds=60.0) as watch:
        processes.run((sys.executable, "-c", BUSY), watch=watch)
    assert watch.client_cores > 0
    assert watch.server_cores is not None
    assert watch.others_cores is not None
    assert (watch.peak_rss or 0) > 1_000_000


def test_a_watch_without_a_server_knows_the_load_generator_alone() -> None:
    with Watch(None, seconds=60.0) as watch:
        processes.run((sys.executable, "-c", BUSY), watch=watch)
    assert watch.client_cores > 0
    assert (watch.server_cores, watch.others_cores, watch.peak_rss) == (None, None, None)
