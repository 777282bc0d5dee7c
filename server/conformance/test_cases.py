"""The corpus: each case against both servers, which must answer as it says and alike to the byte."""

import re
from collections.abc import Iterable

import grpc
import pytest

from server.conformance.call import Answer, unary
from server.conformance.conftest import Pair
from server.conformance.corpus import Case, Step, load

COMPRESSIONS = {None: None, "gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}


@pytest.mark.parametrize("case", load(), ids=str)
def test_case(case: Case, pair: Pair) -> None:
    request = case.body()
    answers = {}
    for kind, server in pair.items():
        with server.channel() as channel:
            take(channel, case.before)
            answers[kind] = unary(
                channel, case.method, request, metadata=case.metadata, compression=COMPRESSIONS[case.compression]
            )
            take(channel, case.after)
    for answer in answers.values():
        as_expected(case, answer)
    python, rust = answers["python"], answers["rust"]
    if case.transport is None:
        assert python == rust
    else:
        assert python.code == rust.code


def take(channel: grpc.Channel, steps: Iterable[Step]) -> None:
    """Makes the calls around a case."""
    for step in steps:
        assert unary(channel, step.method, step.body()).code == step.code


def as_expected(case: Case, answer: Answer) -> None:
    """Fails when an answer is not what the case says."""
    assert answer.code == case.code, answer
    if case.message is not None:
        assert answer.message == case.message
    if case.message_like is not None:
        assert re.fullmatch(case.message_like, answer.message), answer.message
    if case.response is not None:
        expected = case.expected_response()
        assert type(expected).FromString(answer.body) == expected
    if case.transport is None:
        check_detail(case, answer)


def check_detail(case: Case, answer: Answer) -> None:
    """Fails when the google.rpc message is not the one that the case names."""
    detail = answer.detail()
    if case.field is not None:
        assert detail is not None
        name, message = detail
        (violation,) = message.field_violations
        assert (name, violation.field) == ("BadRequest", case.field)
        # The field and the problem make the message; bytes that are no message have no field.
        problem = answer.message.removeprefix(f"{case.field}: ") if case.field else answer.message
        assert problem.endswith(violation.description)
        assert violation.description
    elif case.resource is not None:
        assert detail is not None
        name, message = detail
        assert name == "ResourceInfo"
        assert {"type": message.resource_type, "name": message.resource_name} == case.resource
        assert message.description == answer.message
    elif case.precondition is not None:
        assert detail is not None
        name, message = detail
        (violation,) = message.violations
        assert name == "PreconditionFailure"
        assert {"type": violation.type, "subject": violation.subject} == case.precondition
        assert violation.description == answer.message
    else:
        assert detail is None
