"""Whether a subject answers right: a client of our own asks a sample before, during and after the load.

Load generators see statuses, not answers; an error that is counted as a success would make a server look fast.
"""

import threading
from types import TracebackType
from typing import Any, Literal, Self

import grpc

from .questions import Questions
from .results import Answers

#: Seconds between two questions during the load: seldom, as they share the load generator's cores.
_PERIOD = 0.25
_TIMEOUT = 30.0


class Inquirer:
    """A connection to a subject at ``address``. Use it in a ``with`` block."""

    def __init__(self, address: str, questions: Questions) -> None:
        self._questions = questions
        self._channel = grpc.insecure_channel(address, (("grpc.max_receive_message_length", -1),))
        self._call: Any = self._channel.unary_unary(questions.path, request_serializer=None, response_deserializer=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._channel.close()

    def first_answer(self, timeout: float = _TIMEOUT) -> str | None:
        """What is wrong with the first answer, in words; waits until the server takes connections."""
        return self._ask(0, timeout, wait=True)[1]

    def ask_all(self, scenario: str, subject: str, when: Literal["before", "after"]) -> Answers:
        """Asks the whole sample, one after the other."""
        tally = _Tally()
        for number in range(len(self._questions.sample)):
            tally.add(*self._ask(number, _TIMEOUT))
        return tally.answers(scenario, subject, when)

    def ask_meanwhile(self) -> "Meanwhile":
        """Asks one now and then, from a thread, while the ``with`` block runs."""
        return Meanwhile(self)

    def _ask(self, number: int, timeout: float, *, wait: bool = False) -> tuple[bool, str | None]:
        """Whether there was an answer, and what is wrong."""
        question = self._questions.sample[number % len(self._questions.sample)]
        try:
            answer = self._call(question.request, timeout=timeout, wait_for_ready=wait)
        except grpc.RpcError as error:
            failed: Any = error
            return False, f"{failed.code().name}: {failed.details()}"
        return True, question.wrong(answer)


class Meanwhile:
    """Questions beside the load."""

    def __init__(self, inquirer: Inquirer) -> None:
        self._inquirer = inquirer
        self._tally = _Tally()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def answers(self, scenario: str, subject: str) -> Answers:
        """What came of it."""
        return self._tally.answers(scenario, subject, "during")

    def _run(self) -> None:
        number = 0
        while not self._stopped.wait(_PERIOD):
            number += 1
            self._tally.add(*self._inquirer._ask(number, _TIMEOUT))


class _Tally:
    def __init__(self) -> None:
        self.checked = self.wrong = self.failed = 0
        self.first: str | None = None

    def add(self, answered: bool, problem: str | None) -> None:
        self.checked += answered
        self.failed += not answered
        self.wrong += answered and problem is not None
        self.first = self.first or problem

    def answers(self, scenario: str, subject: str, when: Literal["before", "during", "after"]) -> Answers:
        return Answers(scenario, subject, when, self.checked, self.wrong, self.failed, self.first)


def merged(answers: "list[Answers]") -> list[Answers]:
    """One for each scenario, subject and time, in the order of their first."""
    kept: dict[tuple[str, str, str], list[Answers]] = {}
    for each in answers:
        kept.setdefault((each.scenario, each.subject, each.when), []).append(each)
    return [
        Answers(
            scenario,
            subject,
            several[0].when,
            sum(each.checked for each in several),
            sum(each.wrong for each in several),
            sum(each.failed for each in several),
            next((each.first_wrong for each in several if each.first_wrong), None),
        )
        for (scenario, subject, _), several in kept.items()
    ]
