"""The messages of the contract, in a pool of their own.

protobuf refuses two definitions of one name in a pool. Nothing here enters the default pool, so this package can be
imported beside anybody's generated stubs of the same contract.
"""

from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

#: The contract and the standard messages that travel beside it.
POOL = descriptor_pool.DescriptorPool()
for _file in descriptor_pb2.FileDescriptorSet.FromString(
    resources.files(__package__).joinpath("ferrule.binpb").read_bytes()
).file:
    POOL.Add(_file)


# The classes are made at run time, from the descriptors; type checkers can't see their fields.
def _message(name: str) -> Any:
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


Matrix = _message("ferrule.v1.Matrix")
Csr = _message("ferrule.v1.Csr")
Labels = _message("ferrule.v1.Labels")
PredictRequest = _message("ferrule.v1.PredictRequest")
PredictResponse = _message("ferrule.v1.PredictResponse")
FitData = _message("ferrule.v1.FitData")
FitPredictRequest = _message("ferrule.v1.FitPredictRequest")
FitPredictResponse = _message("ferrule.v1.FitPredictResponse")
ListModelsRequest = _message("ferrule.v1.ListModelsRequest")
ListModelsResponse = _message("ferrule.v1.ListModelsResponse")
GetModelRequest = _message("ferrule.v1.GetModelRequest")
GetModelResponse = _message("ferrule.v1.GetModelResponse")
LoadModelRequest = _message("ferrule.v1.LoadModelRequest")
LoadModelResponse = _message("ferrule.v1.LoadModelResponse")
UnloadModelRequest = _message("ferrule.v1.UnloadModelRequest")
UnloadModelResponse = _message("ferrule.v1.UnloadModelResponse")
HealthCheckRequest = _message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = _message("grpc.health.v1.HealthCheckResponse")
RpcStatus = _message("google.rpc.Status")
BadRequest = _message("google.rpc.BadRequest")
RetryInfo = _message("google.rpc.RetryInfo")
PreconditionFailure = _message("google.rpc.PreconditionFailure")
ResourceInfo = _message("google.rpc.ResourceInfo")
