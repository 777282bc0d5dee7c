"""How gRPC itself spreads calls over servers and tries again.

The format: https://github.com/grpc/grpc/blob/master/doc/service_config.md, retries by proposal A6, health checks by A17.
"""

import json
from typing import Any

#: The calls that change nothing, or the same thing when made twice. A fit is not among them, nor what loads and unloads.
IDEMPOTENT = (
    ("ferrule.v1.PredictionService", "Predict"),
    ("ferrule.v1.ModelService", "ListModels"),
    ("ferrule.v1.ModelService", "GetModel"),
    ("grpc.health.v1.Health", "Check"),
)

_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    # Nothing else: an overloaded server is not helped by more calls, and says itself when to come back.
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def service_config(*, several: bool) -> str:
    """The channel's service config as JSON: idempotent calls are tried again.

    With ``several`` servers, or a name that may stand for several, calls go to each in turn, except to those that report
    NOT_SERVING, as one does that is shutting down.
    """
    config: dict[str, Any] = {
        "methodConfig": [
            {"name": [{"service": service, "method": method} for service, method in IDEMPOTENT], "retryPolicy": _RETRY}
        ],
        # When half of the calls fail, retries only add to it.
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
    }
    if several:
        config["loadBalancingConfig"] = [{"round_robin": {}}]
        config["healthCheckConfig"] = {"serviceName": ""}
    return json.dumps(config)
