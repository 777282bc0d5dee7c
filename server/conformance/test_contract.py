"""The contract keeps its own rules, and both servers serve it as it is written."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2

from server.conformance import contract
from server.conformance.conftest import KINDS, Pair

OURS = [file for file in contract.compiled().file if file.package.startswith("ferrule.")]


@pytest.mark.parametrize("name", contract.files())
def test_every_element_is_commented(name: str) -> None:
    (file,) = [file for file in contract.compiled().file if file.name == name]
    assert list(contract.uncommented(file)) == []


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_no_two_rpcs_share_a_type(file: descriptor_pb2.FileDescriptorProto) -> None:
    assert contract.shared_types(file) == []


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_zero_is_unspecified(file: descriptor_pb2.FileDescriptorProto) -> None:
    assert contract.unnamed_zeros(file) == []


def test_the_rules_find_what_breaks_them() -> None:
    broken = descriptor_pb2.FileDescriptorProto(name="broken.proto", package="p")
    message = broken.message_type.add(name="M")
    message.field.add(name="f")
    message.oneof_decl.add(name="o")
    message.enum_type.add(name="E").value.add(name="E_NONE", number=0)
    service = broken.service.add(name="S")
    for name in ("A", "B"):
        service.method.add(name=name, input_type=".p.M", output_type=f".p.{name}Response")
    assert set(contract.uncommented(broken)) == {
        "broken.proto", "p.M", "p.M.f", "p.M.o", "p.M.E", "p.M.E.E_NONE", "p.S", "p.S.A", "p.S.B",
    }  # fmt: skip
    assert contract.shared_types(broken) == [".p.M"]
    assert contract.unnamed_zeros(broken) == ["E_NONE"]


SERVED = [file for file in contract.compiled().file if file.service]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize("kind", KINDS)
def test_reflection_serves_the_contract_as_compiled(pair: Pair, kind: str, version: str) -> None:
    expected = {file.name: without_comments(file) for file in contract.compiled().file}
    with pair[kind].channel() as channel:
        ask = Reflection(channel, version)
        services = {f"{file.package}.{service.name}" for file in SERVED for service in file.service}
        assert set(ask.services()) == services
        seen: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        for service in sorted(services):
            for file in ask.files(service):
                seen[file.name] = without_comments(file)
        for name in list(seen):
            for imported in seen[name].dependency:
                if imported not in seen:
                    seen |= {file.name: without_comments(file) for file in ask.files_named(imported)}
    for name, file in seen.items():
        assert file == expected[name], name
    # Everything that the services need, so that a tool without proto files can call them.
    needed = {name for file in SERVED for name in (file.name, *file.dependency)}
    assert needed <= set(seen)


def without_comments(file: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """The file as it is but for its comments and for defaults that compilers may leave out."""
    bare = descriptor_pb2.FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("source_code_info")
    return bare


class Reflection:
    """A conversation with the reflection service."""

    def __init__(self, channel: grpc.Channel, version: str) -> None:
        # The messages of v1 and v1alpha have the same bytes.
        self.converse = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )

    def answer(self, **question: Any) -> reflection_pb2.ServerReflectionResponse:
        """The one answer to one question."""
        questions: Iterator[reflection_pb2.ServerReflectionRequest] = iter(
            [reflection_pb2.ServerReflectionRequest(**question)]
        )
        (answered,) = self.converse(questions, timeout=30, wait_for_ready=True)
        assert isinstance(answered, reflection_pb2.ServerReflectionResponse)
        return answered

    def services(self) -> list[str]:
        """The names of all services."""
        return [service.name for service in self.answer(list_services="*").list_services_response.service]

    def files(self, symbol: str) -> list[descriptor_pb2.FileDescriptorProto]:
        """The file that defines a name, and perhaps what it imports."""
        return self._files(self.answer(file_containing_symbol=symbol))

    def files_named(self, name: str) -> list[descriptor_pb2.FileDescriptorProto]:
        """The file of a name, and perhaps what it imports."""
        return self._files(self.answer(file_by_filename=name))

    def _files(self, answered: reflection_pb2.ServerReflectionResponse) -> list[descriptor_pb2.FileDescriptorProto]:
        encoded = answered.file_descriptor_response.file_descriptor_proto
        assert encoded, answered
        return [descriptor_pb2.FileDescriptorProto.FromString(file) for file in encoded]
