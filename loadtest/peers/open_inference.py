"""The dialect of the Open Inference Protocol, which MLServer speaks.

Its messages are compiled when they are needed, into a pool of their own: other definitions of the package ``inference``
may be in the same process.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from loadtest.subjects import Dialect, Rows

from .environments import STORE

_PROTO = Path(__file__).with_suffix(".proto")
#: The descriptor set that ghz reads; ``make_protoset`` writes it.
PROTOSET = STORE / "open-inference.binpb"
#: The one output of MLServer's scikit-learn runtime: what ``predict`` returned. Integers of NumPy.
_TYPES = {"INT32": "<i4", "INT64": "<i8"}


def make_protoset() -> None:
    """Writes ``PROTOSET``."""
    STORE.mkdir(parents=True, exist_ok=True)
    beside = PROTOSET.with_suffix(".part")
    beside.write_bytes(_compiled())
    beside.replace(PROTOSET)


@cache
def _compiled() -> bytes:
    """The descriptor set."""
    import tempfile

    from grpc_tools import protoc  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory(prefix="ferrule-protoset-") as folder:
        out = Path(folder, "set")
        status = protoc.main(
            ["protoc", f"--proto_path={_PROTO.parent}", f"--descriptor_set_out={out}", str(_PROTO.name)]
        )
        if status != 0:
            raise RuntimeError(f"protoc ended with status {status} on {_PROTO}")
        return out.read_bytes()


@cache
def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"inference.{name}"))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(_compiled()).file:
        pool.Add(file)
    return pool


def encode(model: str, version: int, rows: Rows) -> bytes:  # noqa: ARG001 - MLServer's models have no numbers
    """A request for the labels of float64 rows, as raw contents: what clients send, and what costs MLServer least."""
    rows = rows.astype("<f8")
    request = _message("ModelInferRequest")(model_name=model, raw_input_contents=[rows.tobytes()])
    request.inputs.add(name="rows", datatype="FP64", shape=rows.shape)
    return bytes(request.SerializeToString())


def labels(response: bytes) -> npt.NDArray[np.int64]:
    """The labels in an answer. Raises ValueError when it has none."""
    answer = _message("ModelInferResponse").FromString(response)
    if len(answer.outputs) != 1 or answer.outputs[0].datatype not in _TYPES:
        raise ValueError(f"expected one output of integers, got {[output.datatype for output in answer.outputs]}")
    if len(answer.raw_output_contents) != 1:
        raise ValueError(f"expected one raw output, got {len(answer.raw_output_contents)}")
    return np.frombuffer(answer.raw_output_contents[0], _TYPES[answer.outputs[0].datatype]).astype(np.int64)


OPEN_INFERENCE = Dialect("oip", "inference.GRPCInferenceService/ModelInfer", encode, labels, protoset=PROTOSET)
