"""Workers that die, servers that stop, and what each process has in memory."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from ferrule_server.supervisor import cores
from grpc_health.v1 import health_pb2

from server.python.tests.conftest import (
    FIT_PREDICT,
    PATIENCE,
    PREDICT,
    Messages,
    Serve,
    begun,
    eventually,
    health,
    is_running,
)


def test_a_killed_worker_is_replaced_under_load(serve: Serve) -> None:
    server = serve()
    messages = Messages(server.address)
    server.call(FIT_PREDICT, messages.small_fit("points"))
    request = messages.prediction("points", [2.0])
    expected = server.call(PREDICT, request)
    over, answers, failures = threading.Event(), [0], []

    def load() -> None:
        while not over.is_set():
            try:
                assert server.call(PREDICT, request) == expected
                answers[0] += 1
            except grpc.RpcError as error:
                failures.append(error.code())

    loads = [threading.Thread(target=load) for _ in range(4)]
    for thread in loads:
        thread.start()
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(set(server.workers()) - {before[0]}) == 2, "a new worker")
    (new,) = set(server.workers()) - set(before)
    # Ready when it has loaded grpcio and listens.
    eventually(lambda: "cygrpc" in Path(f"/proc/{new}/maps").read_text(), "the new worker to start")
    seen = answers[0]
    eventually(lambda: answers[0] > seen + 50, "answers")
    over.set()
    for thread in loads:
        thread.join()
    # Only calls that the dead worker had are lost, and those may be tried again.
    assert set(failures) <= {grpc.StatusCode.UNAVAILABLE}
    assert before[1] in server.workers()
    (line,) = [line for line in server.log_lines() if line["level"] == "ERROR"]
    assert f"worker 0 (pid {before[0]}) ended with signal SIGKILL" in line["message"]
    assert server.stop() == 0


def test_a_killed_worker_gives_back_its_share_of_the_limits(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1", limits_max_fits_in_flight="1")
    messages = Messages(server.address)
    running = begun(server, messages, 200)
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    assert isinstance(running.exception(), grpc.RpcError)

    refusals = []

    def fits_again() -> bool:
        try:
            return bool(server.call(FIT_PREDICT, messages.small_fit()))
        except grpc.RpcError as error:
            refusals.append(error.code())
            return False

    eventually(fits_again, "a fit on the new worker")
    assert set(refusals) <= {grpc.StatusCode.UNAVAILABLE}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_lets_a_running_fit_finish(serve: Serve, number: int) -> None:
    server = serve("--port", "0", "--workers", "2", limits_max_fits_in_flight="1")
    messages = Messages(server.address)
    running = begun(server, messages, 2)
    server.process.send_signal(number)
    answer = messages.FitPredictResponse.FromString(running.result())
    assert len(answer.prediction.labels.integers.values) == 20_000
    assert server.process.wait(PATIENCE) == 0
    assert server.log_lines()[-1]["message"] == "drained"


def test_a_drain_tells_health_first_and_answers_for_its_delay(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1", server_drain_delay="1s")
    watching = health(server.channel()).Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
    server.process.send_signal(signal.SIGTERM)
    assert next(watching).status == health_pb2.HealthCheckResponse.NOT_SERVING
    # Still there for callers that have not noticed, also over new connections.
    assert server.call("/ferrule.v1.ModelService/ListModels") == b""
    with pytest.raises(grpc.RpcError) as ended:
        next(watching)
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    assert ended.value.details() == "the server is shutting down"
    assert server.process.wait(PATIENCE) == 0


def test_a_drain_that_takes_too_long_cancels_what_runs(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "1", limits_max_fits_in_flight="1", server_drain_timeout="300ms")
    messages = Messages(server.address)
    running = begun(server, messages, 200)
    assert server.stop() == 0
    error = running.exception()
    assert isinstance(error, grpc.RpcError)
    assert error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_a_second_signal_ends_everything_at_once(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "2", limits_max_fits_in_flight="1")
    messages = Messages(server.address)
    running = begun(server, messages, 200)
    workers = server.workers()
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: "draining" in server.log(), "the drain to begin")
    assert not running.done()
    assert server.stop(signal.SIGINT) == 128 + signal.SIGINT
    assert not any(is_running(worker) for worker in workers)


def test_workers_drain_when_their_parent_dies(serve: Serve) -> None:
    server = serve()
    workers = server.workers()
    server.process.kill()
    server.process.wait()
    eventually(lambda: not any(is_running(worker) for worker in workers), "the workers to end")


def test_a_signal_before_the_workers_are_ready_ends_the_start(start: Serve) -> None:
    server = start()
    eventually(server.workers, "a worker")
    assert server.stop() == 0
    assert server.process.stdout is not None
    assert server.process.stdout.read() == b""


def test_ctrl_c_in_a_terminal_reaches_workers_too_and_still_drains(serve: Serve) -> None:
    server = serve("--port", "0", "--workers", "2", limits_max_fits_in_flight="1")
    messages = Messages(server.address)
    running = begun(server, messages, 2)
    for worker in server.workers():
        os.kill(worker, signal.SIGINT)
    server.process.send_signal(signal.SIGINT)
    assert running.result()
    assert server.process.wait(PATIENCE) == 0


def test_the_parent_has_no_grpc_and_no_process_has_numpy(serve: Serve) -> None:
    server = serve()
    parent = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "ferrule/_core" in parent
    assert "cygrpc" not in parent
    for worker in server.workers():
        maps = Path(f"/proc/{worker}/maps").read_text()
        assert "ferrule/_core" in maps
        assert "cygrpc" in maps
        assert "numpy" not in maps
        assert "sklearn" not in maps
        assert "google/_upb" not in maps


def test_a_worker_imports_grpcio_and_the_compiled_module_only() -> None:
    program = """
import sys
import ferrule_server.worker, ferrule_server.handlers, ferrule_server.drain
roots = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
print(*sorted(roots))
"""
    shown = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    roots = set(shown.stdout.split())
    assert {"ferrule", "ferrule_server", "grpc"} <= roots
    assert not roots & {"numpy", "sklearn", "scipy", "google"}, roots


def test_workers_are_pinned_only_where_each_has_a_core() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    assert cores(1) == [None]
    assert cores(len(allowed) + 1) == [None] * (len(allowed) + 1)
    if len(allowed) > 1:
        assert cores(len(allowed)) == allowed


def test_a_pinned_worker_fits_on_all_cores(serve: Serve) -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("needs two cores")
    server = serve("--port", "0", "--workers", str(len(allowed)))
    masks = []
    for worker in server.workers():
        assert len(os.sched_getaffinity(worker)) == 1
        tasks = [int(task.name) for task in Path(f"/proc/{worker}/task").iterdir()]
        names = {task: Path(f"/proc/{worker}/task/{task}/comm").read_text() for task in tasks}
        engine = [os.sched_getaffinity(task) for task, name in names.items() if name.startswith("ferrule-fit")]
        assert engine
        assert all(mask == allowed for mask in engine)
        masks.append(os.sched_getaffinity(worker))
    assert set.union(*masks) == allowed
