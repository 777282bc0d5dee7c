"""Cases as data: the files in cases/ read into requests and expectations.

A case is a table ``[[case]]`` with

- ``name``: what it shows;
- ``method``: as in ``Predict``, or a whole path;
- the request, one of
  - ``request``: the message's fields, with generators (below),
  - ``raw``: the bytes in hex;
  and after it ``drop`` cuts so many bytes off the end and ``append`` adds bytes: hex, or a list of hex and ``repeat``s;
- ``metadata``: pairs of name and value; ``compression``: ``"gzip"`` or ``"deflate"``;
- ``code``: the status, ``OK`` when left out;
- ``message`` (exact) or ``message_like`` (a regular expression);
- the detail, one of ``field`` (BadRequest), ``resource`` (ResourceInfo: type, name), ``precondition``
  (PreconditionFailure: type, subject); an error that has none of them comes without details;
- ``response``: the fields of the message that is answered, exactly;
- ``before`` and ``after``: calls around it, as tables of ``method``, ``request`` and ``code``, so that each case stands
  alone and leaves the fixture models as they were;
- ``transport``: why the transport itself answers. Then the servers agree on the code and not on the rest.

Generators stand for large or odd values:

- ``{ repeat = v, times = n }``: v, n times: a list, a string, or doubles in a field of bytes;
- ``{ numbered = "f{}", times = n }``: f0, f1, ...;
- ``{ cycle = [...], times = n }``: the first n of the list over and over;
- ``{ count_to = n, step = s }``: 0, s, 2 s, ... n s; s is 1 when left out;
- ``{ spread = n, seed = s }``: n numbers that look random and are always the same;
- ``{ hex = "..." }`` and ``{ zeros = n }``: bytes; a list of numbers in a field of bytes: little-endian doubles;
- ``{ float32 = [...] }``, ``{ uint32 = [...] }`` and ``{ uint64 = [...] }``: other little-endian numbers in a field of bytes.
"""

import random
import struct
import tomllib
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from server.conformance.call import UNARY, request_type, response_type

CASES = Path(__file__).parent / "cases"

#: Types of numbers in a field of bytes, as the module struct calls them.
NUMBERS = {"float64": "d", "float32": "f", "uint32": "I", "uint64": "Q"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A call before or after a case."""

    method: str
    request: dict[str, Any] = field(default_factory=dict)
    code: str = "OK"

    def body(self) -> bytes:
        """The bytes of the request."""
        return encoded(self.method, self.request)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request and what is expected of both servers."""

    name: str
    method: str
    topic: str
    request: dict[str, Any] = field(default_factory=dict)
    raw: str | None = None
    drop: int = 0
    append: str | list[Any] = ""
    metadata: tuple[tuple[str, str], ...] = ()
    compression: str | None = None
    code: str = "OK"
    message: str | None = None
    message_like: str | None = None
    field: str | None = None
    resource: dict[str, str] | None = None
    precondition: dict[str, str] | None = None
    response: dict[str, Any] | None = None
    transport: str | None = None
    before: tuple["Step", ...] = ()
    after: tuple["Step", ...] = ()

    def __str__(self) -> str:
        return f"{self.topic}: {self.name}"

    def body(self) -> bytes:
        """The bytes of the request."""
        whole = bytes.fromhex(self.raw) if self.raw is not None else encoded(self.method, self.request)
        appended = [self.append] if isinstance(self.append, str) else self.append
        return whole[: len(whole) - self.drop] + b"".join(map(plain_bytes, appended))

    def expected_response(self) -> Any:
        """The message that ``response`` describes."""
        message = response_type(self.method)()
        fill(message, self.response or {})
        return message


def load() -> list[Case]:
    """Every case of every file, in order."""
    cases = []
    for file in sorted(CASES.glob("*.toml")):
        for table in tomllib.loads(file.read_text())["case"]:
            table["metadata"] = tuple(map(tuple, table.get("metadata", ())))
            for around in ("before", "after"):
                table[around] = tuple(Step(**step) for step in table.get(around, ()))
            cases.append(Case(topic=file.stem, **table))
    return cases


def encoded(method: str, table: dict[str, Any]) -> bytes:
    """The request of a method; one that is not there takes no bytes."""
    if method not in UNARY:
        return b""
    message = request_type(method)()
    fill(message, table)
    return bytes(message.SerializeToString(deterministic=True))


def fill(message: Any, table: dict[str, Any]) -> None:
    """Sets the fields of a message from a table with generators."""
    for name, value in table.items():
        descriptor = message.DESCRIPTOR.fields_by_name[name]
        if descriptor.is_repeated:
            for item in expanded(value):
                if descriptor.message_type:
                    fill(getattr(message, name).add(), item)
                else:
                    getattr(message, name).append(scalar(descriptor, item))
        elif descriptor.message_type:
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value)
        else:
            setattr(message, name, scalar(descriptor, value))


def scalar(descriptor: FieldDescriptor, value: Any) -> Any:
    """A value for one field that is not a message."""
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        if isinstance(value, dict) and "hex" in value:
            return bytes.fromhex(value["hex"])
        if isinstance(value, dict) and "zeros" in value:
            return bytes(value["zeros"])
        kind, numbers = "float64", value
        if isinstance(value, dict) and value.keys() <= NUMBERS.keys():
            ((kind, numbers),) = value.items()
        numbers = expanded(numbers)
        return struct.pack(f"<{len(numbers)}{NUMBERS[kind]}", *numbers)
    if descriptor.enum_type is not None and isinstance(value, str):
        return descriptor.enum_type.values_by_name[value].number
    if descriptor.type == FieldDescriptor.TYPE_STRING and isinstance(value, dict):
        return "".join(expanded(value))
    return value


def plain_bytes(value: Any) -> bytes:
    """Bytes in hex, also from a generator."""
    return bytes.fromhex(value if isinstance(value, str) else "".join(expanded(value)))


def expanded(value: Any) -> list[Any]:
    """A list, also from a generator."""
    match value:
        case {"repeat": item, "times": times}:
            return [item] * times
        case {"numbered": template, "times": times}:
            return [template.format(number) for number in range(times)]
        case {"cycle": items, "times": times}:
            return list(islice(cycle(items), times))
        case {"count_to": last}:
            step = value.get("step", 1)
            return list(range(0, last * step + 1, step))
        case {"spread": count, "seed": seed}:
            source = random.Random(seed)
            return [source.uniform(-10.0, 10.0) for _ in range(count)]
        case list():
            return value
    raise ValueError(f"no list and no generator: {value!r}")
