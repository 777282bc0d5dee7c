"""The contract as the official compiler reads it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from google.protobuf import descriptor_pb2

from server.conformance.process import ROOT

PROTO = ROOT / "proto"
REFLECTION = "grpc/reflection/v1/reflection.proto"


def files() -> list[str]:
    """Every proto file of the repository, as imports name it."""
    found = sorted(path.relative_to(PROTO).as_posix() for path in PROTO.rglob("*.proto"))
    assert "ferrule/v1/ferrule.proto" in found
    return found


@cache
def compiled() -> descriptor_pb2.FileDescriptorSet:
    """Every proto file and what they import, with comments; reflection also as v1alpha, which differs in its name."""
    with tempfile.TemporaryDirectory() as folder:
        alpha = Path(folder) / "grpc/reflection/v1alpha/reflection.proto"
        alpha.parent.mkdir(parents=True)
        text = (PROTO / REFLECTION).read_text()
        alpha.write_text(text.replace("package grpc.reflection.v1;", "package grpc.reflection.v1alpha;"))
        output = Path(folder) / "contract.binpb"
        protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO}", f"--proto_path={folder}"]
        options = ["--include_imports", "--include_source_info", f"--descriptor_set_out={output}"]
        subprocess.run(
            [*protoc, *options, *files(), alpha.relative_to(folder).as_posix()],
            check=True,
            timeout=60,
        )
        return descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())


def uncommented(file: descriptor_pb2.FileDescriptorProto) -> Iterator[str]:
    """The full names of the elements of a file that have no comment."""
    commented = {
        tuple(location.path)
        for location in file.source_code_info.location
        if location.leading_comments.strip() or location.trailing_comments.strip()
    }
    # The numbers are those of the fields in descriptor.proto.
    if (12,) not in commented:
        yield file.name
    for path, name in elements(file):
        if path not in commented:
            yield name


def elements(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Every element of a file with its path in the descriptor."""
    for i, service in enumerate(file.service):
        yield (6, i), f"{file.package}.{service.name}"
        for j, method in enumerate(service.method):
            yield (6, i, 2, j), f"{file.package}.{service.name}.{method.name}"
    for i, enum in enumerate(file.enum_type):
        yield from of_enum(enum, (5, i), file.package)
    for i, message in enumerate(file.message_type):
        yield from of_message(message, (4, i), file.package)


def of_message(
    message: descriptor_pb2.DescriptorProto, path: tuple[int, ...], scope: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    """A message and what is in it; entries of maps and the oneofs of optional fields are the compiler's own."""
    if message.options.map_entry:
        return
    name = f"{scope}.{message.name}"
    yield path, name
    for i, field in enumerate(message.field):
        yield (*path, 2, i), f"{name}.{field.name}"
    implied = {field.oneof_index for field in message.field if field.proto3_optional}
    for i, oneof in enumerate(message.oneof_decl):
        if i not in implied:
            yield (*path, 8, i), f"{name}.{oneof.name}"
    for i, enum in enumerate(message.enum_type):
        yield from of_enum(enum, (*path, 4, i), name)
    for i, nested in enumerate(message.nested_type):
        yield from of_message(nested, (*path, 3, i), name)


def of_enum(
    enum: descriptor_pb2.EnumDescriptorProto, path: tuple[int, ...], scope: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    """An enum and its values."""
    yield path, f"{scope}.{enum.name}"
    for i, value in enumerate(enum.value):
        yield (*path, 2, i), f"{scope}.{enum.name}.{value.name}"


def shared_types(file: descriptor_pb2.FileDescriptorProto) -> list[str]:
    """Request and response types that more than one RPC has, or that one has as both."""
    used = [
        type_name
        for service in file.service
        for method in service.method
        for type_name in (method.input_type, method.output_type)
    ]
    return sorted({name for name in used if used.count(name) > 1})


def unnamed_zeros(file: descriptor_pb2.FileDescriptorProto) -> list[str]:
    """Zero values of enums that are not ``..._UNSPECIFIED``."""

    def enums(messages: Iterator[descriptor_pb2.DescriptorProto]) -> Iterator[descriptor_pb2.EnumDescriptorProto]:
        for message in messages:
            yield from message.enum_type
            yield from enums(iter(message.nested_type))

    every = [*file.enum_type, *enums(iter(file.message_type))]
    return [
        value.name
        for enum in every
        for value in enum.value
        if value.number == 0 and not value.name.endswith("_UNSPECIFIED")
    ]
