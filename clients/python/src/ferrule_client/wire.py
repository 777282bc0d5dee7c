"""Length-delimited protobuf fields, assembled from parts without copying them.

A message with a large array would be copied three times on its way through a message object. Instead the small
fields are serialized as usual, and the large ones are appended by hand: protobuf's encoding allows fields in any
order, and one join at the end makes the only copy. See https://protobuf.dev/programming-guides/encoding.
"""

from functools import lru_cache
from typing import Any, TypeAlias

#: The pieces of a serialized message, in order.
Parts: TypeAlias = list[bytes | memoryview]

_LENGTH_DELIMITED = 2


def field(message: Any, name: str, parts: Parts) -> Parts:
    """The parts of field ``name`` (bytes, packed numbers or a message) of the class ``message``."""
    length = 0
    for part in parts:
        length += len(part) if isinstance(part, bytes) else part.nbytes
    return [head(message, name, length), *parts]


@lru_cache(maxsize=256)
def head(message: Any, name: str, length: int) -> bytes:
    """What stands before the ``length`` bytes of field ``name`` of the class ``message``."""
    return _varint(message.DESCRIPTOR.fields_by_name[name].number << 3 | _LENGTH_DELIMITED) + _varint(length)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
