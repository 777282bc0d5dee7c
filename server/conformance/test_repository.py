"""One repository, many workers, two servers: what is published, unloaded or damaged, and who sees it when."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.conformance.call import Answer, ask, eventually, request_type, response_type, unary
from server.conformance.conftest import KINDS, Start
from server.conformance.load import predict, short_fit
from server.conformance.process import Server

#: New connections, so that the system spreads them over the workers: all on one of two has a chance of 2^-15.
CONNECTIONS = 16


def on_every_worker(server: Server, method: str, request: Any) -> list[Answer]:
    """Asks over many new connections, so that every worker is asked."""
    answers = []
    for _ in range(CONNECTIONS):
        with server.channel() as channel:
            answers.append(unary(channel, method, request.SerializeToString()))
    return answers


def publish(server: Server, model: str = "m") -> int:
    """Publishes a version."""
    with server.channel() as channel:
        return int(ask(channel, "FitPredict", short_fit(model)).report.version)


def states(server: Server, model: str = "m") -> dict[int, str]:
    """The states of a model's versions, as the listing of one worker shows them; none of a model that it does not know."""
    with server.channel() as channel:
        listed = ask(channel, "ListModels", request_type("ListModels")())
    found = next((one for one in listed.models if one.name == model), None)
    if found is None:
        return {}
    names = found.versions[0].DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number
    return {one.version: names[one.state].name.removeprefix("MODEL_STATE_") for one in found.versions}


def version(answer: Answer) -> int:
    """The version that answered a Predict."""
    assert answer.code == "OK", answer
    return int(response_type("Predict").FromString(answer.body).version)


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_request_on_every_worker_sees_what_was_published(start: Start, kind: str) -> None:
    server = start(kind)
    for expected in range(1, 6):
        assert publish(server) == expected
        answers = on_every_worker(server, "Predict", predict("m"))
        assert [version(answer) for answer in answers] == [expected] * CONNECTIONS


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_request_on_every_worker_sees_what_was_unloaded(start: Start, kind: str) -> None:
    server = start(kind)
    publish(server)
    publish(server)
    with server.channel() as channel:
        ask(channel, "UnloadModel", request_type("UnloadModel")(model="m", version=2))
        assert {version(answer) for answer in on_every_worker(server, "Predict", predict("m"))} == {1}
        refused = on_every_worker(server, "Predict", predict("m", 2))
        assert {answer.code for answer in refused} == {"FAILED_PRECONDITION"}
        ask(channel, "LoadModel", request_type("LoadModel")(model="m", version=2))
        assert {version(answer) for answer in on_every_worker(server, "Predict", predict("m"))} == {2}


@pytest.mark.parametrize(("here", "there"), [KINDS, KINDS[::-1]])
def test_the_other_server_sees_what_was_published(start: Start, here: str, there: str) -> None:
    settings = {"models_poll_interval": "200ms"}
    publisher, other = start(here, settings=settings), start(there, settings=settings)
    for expected in range(1, 4):
        assert publish(publisher) == expected
        by_number = on_every_worker(other, "Predict", predict("m", expected))
        assert [version(answer) for answer in by_number] == [expected] * CONNECTIONS
        eventually(
            "the newest version answers at the other server, on every worker",
            10,
            lambda: {version(answer) for answer in on_every_worker(other, "Predict", predict("m"))} == {expected},  # noqa: B023 - called before the next turn
        )
    # And the other way round: numbers go on where they were.
    assert publish(other) == 4


@pytest.mark.parametrize(("here", "there"), [KINDS, KINDS[::-1]])
def test_unloading_here_changes_nothing_there(start: Start, here: str, there: str) -> None:
    settings = {"models_poll_interval": "50ms"}
    one, other = start(here, settings=settings), start(there, settings=settings)
    publish(one)
    eventually("the other server sees the model", 10, lambda: states(other) == {1: "AVAILABLE"})
    with one.channel() as channel:
        ask(channel, "UnloadModel", request_type("UnloadModel")(model="m"))
    assert states(one) == {1: "UNLOADED"}
    # A version that follows shows that the other server has looked at the disk since.
    publish(one)
    both = {1: "AVAILABLE", 2: "AVAILABLE"}
    eventually(
        "every worker of the other server sees the next version",
        10,
        lambda: all(states(other) == both for _ in range(CONNECTIONS)),
    )
    assert {version(answer) for answer in on_every_worker(other, "Predict", predict("m", 1))} == {1}
    assert states(one) == {1: "UNLOADED", 2: "AVAILABLE"}


def test_no_two_publications_have_one_number(start: Start) -> None:
    servers = [start(kind) for kind in KINDS]
    each = 6
    taken: list[int] = []

    def work(server: Server) -> None:
        taken.extend(publish(server) for _ in range(each))

    threads = [threading.Thread(target=work, args=(server,)) for server in servers for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, len(threads) * each + 1))


def flipped(at: float) -> Callable[[bytes], bytes]:
    """Inverts the bits of one byte, so far into the file as a fraction of it."""

    def damage(whole: bytes) -> bytes:
        position = int(at * (len(whole) - 1))
        return whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :]

    return damage


#: What happens to files.
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "the first byte": flipped(0.0),
    "a byte of the header": flipped(0.2),
    "a byte in the middle": flipped(0.5),
    "the last byte": flipped(1.0),
    "cut short": lambda whole: whole[:-1],
    "cut in half": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "a byte too much": lambda whole: whole + b"\0",
    "a header of nearly 2^64 bytes": lambda whole: b"\xff" * 8 + whole[8:],
    "a pickle": lambda whole: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "zeros": lambda whole: bytes(len(whole)),
}


def file_of(models: Path, number: int) -> Path:
    """The file of a version."""
    return models / "m" / str(number) / "model.safetensors"


def test_damaged_files_are_refused_and_the_version_before_serves_on(start: Start, tmp_path: Path) -> None:
    models = tmp_path / "models"
    healthy = len(DAMAGE) + 1
    publisher = start("rust", models)
    whole = b""
    for _ in range(healthy):
        number = publish(publisher)
        whole = file_of(models, number).read_bytes()
    # Version 1 stays as it is; every later one is replaced, as a disk or a copy would.
    for number, damage in enumerate(DAMAGE.values(), start=2):
        replacement = models / "m" / str(number) / "replacement"
        replacement.write_bytes(damage(whole))
        replacement.rename(file_of(models, number))

    servers = [start(kind, models) for kind in KINDS]
    for number, name in enumerate(DAMAGE, start=2):
        answers = [answer for server in servers for answer in on_every_worker(server, "Predict", predict("m", number))]
        assert len(set(answers)) == 1, name
        assert answers[0].code == "FAILED_PRECONDITION", name
        assert answers[0].message.startswith(f"m/{number} is damaged: "), name
        assert str(tmp_path) not in answers[0].message
        detail = answers[0].detail()
        assert detail is not None
        assert (detail[0], detail[1].violations[0].type) == ("PreconditionFailure", "MODEL_DAMAGED")
    for server in servers:
        # Asked for the newest, the newest that can answer does.
        assert {version(answer) for answer in on_every_worker(server, "Predict", predict("m"))} == {1}
        with server.channel() as channel:
            described = ask(channel, "GetModel", request_type("GetModel")(model="m"))
            assert described.version == 1
            # What was repaired answers again.
            file_of(models, 2).write_bytes(whole)
            loaded = ask(channel, "LoadModel", request_type("LoadModel")(model="m", version=2))
            assert loaded.model.name == "m"
            assert {version(answer) for answer in on_every_worker(server, "Predict", predict("m"))} == {2}
            refused = unary(channel, "LoadModel", request_type("LoadModel")(model="m", version=3).SerializeToString())
            assert refused.code == "FAILED_PRECONDITION"
        replacement = models / "m" / "2" / "replacement"
        replacement.write_bytes(b"")
        replacement.rename(file_of(models, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_version_is_listed_as_damaged(start: Start, tmp_path: Path, kind: str) -> None:
    models = tmp_path / "models"
    server = start(kind, models, settings={"models_poll_interval": "50ms"}, workers=1)
    publish(server)
    file_of(models, 1).write_bytes(b"")
    # The poll notices the change; whether the file is good shows when it is read.
    eventually(
        "the damage is noticed",
        10,
        lambda: on_every_worker(server, "Predict", predict("m", 1))[0].code == "FAILED_PRECONDITION",
    )
    eventually("it is listed", 10, lambda: states(server) == {1: "DAMAGED"})
    # It stays so over later looks at the disk.
    publish(server, "other")
    publish(server, "other")
    assert states(server) == {1: "DAMAGED"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_model_is_left_alone(start: Start, tmp_path: Path, kind: str) -> None:
    models = tmp_path / "models"
    for folder in ("m/01", "m/0", "m/-1", "m/one", "m/4294967296", "Upper/1", ".hidden/1", "m/.unfinished-1-2-3"):
        (models / folder).mkdir(parents=True)
    (models / "file").write_text("not a model")
    server = start(kind, models)
    with server.channel() as channel:
        assert not ask(channel, "ListModels", request_type("ListModels")()).models
    first = publish(server)
    assert states(server) == {first: "AVAILABLE"}
    assert (models / "file").read_text() == "not a model"
