"""What the client adds to a call of one row: ``python -m clients.python.benches.one_row [--rounds N] [--calls N]``.

One Rust server of this machine answers both sides: the client, which encodes an array and decodes labels, and a bare
grpcio channel, which sends the same bytes, prepared, and leaves the answer unread. Rounds of both alternate, so that
both see the same noise; the ratio is the median of those of neighbouring rounds, and the exit status says whether it
is at most 1.3. What else runs on the machine costs the side more that computes more: measure on a quiet one.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import grpc
import numpy as np
from ferrule_client import Client, KMeans, messages

from server.conformance.process import running

LIMIT = 1.3


def seconds_per_call(call: Callable[[], object], calls: int) -> float:
    """The mean over some calls, one after the other."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls


def alternate(first: Callable[[], object], second: Callable[[], object], rounds: int, calls: int) -> list[list[float]]:
    """Seconds per call of both, round by round."""
    sides = [first, second]
    times: list[list[float]] = [[], []]
    for turn in range(rounds + 1):
        # Who goes first alternates too.
        for side in (0, 1) if turn % 2 else (1, 0):
            taken = seconds_per_call(sides[side], calls)
            # The first round warms up.
            if turn:
                times[side].append(taken)
    return times


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="The cost of a one-row call beside a bare grpcio call.")
    parser.add_argument("--rounds", type=int, default=200, help="rounds of each side (default 200)")
    parser.add_argument("--calls", type=int, default=100, help="calls in a round (default 100)")
    options = parser.parse_args()

    row = np.random.default_rng(0).normal(size=(1, 4))
    request = messages.PredictRequest(model="blobs", outputs=[1])
    request.input.rows, request.input.columns, request.input.float64 = 1, 4, row.tobytes()
    prepared = request.SerializeToString()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running("rust", folder, folder, workers=1))
        client = stack.enter_context(Client(server.address))
        channel = stack.enter_context(grpc.insecure_channel(server.address))
        method: Callable[..., bytes] = channel.unary_unary("/ferrule.v1.PredictionService/Predict")
        rows = np.random.default_rng(1).normal(size=(300, 4))
        client.fit_predict(rows, model="blobs", algorithm=KMeans(n_clusters=3))
        bare, ours = alternate(
            lambda: method(prepared, timeout=10),
            lambda: client.predict("blobs", row),
            options.rounds,
            options.calls,
        )
    for name, times in (("bare grpcio", bare), ("ferrule_client", ours)):
        print(f"{name:15} median {median(times) * 1e6:6.1f} µs, fastest round {min(times) * 1e6:6.1f} µs")  # noqa: T201 (its output)
    ratio = median(our / their for our, their in zip(ours, bare, strict=True))
    print(f"ratio           {ratio:.2f} (at most {LIMIT})")  # noqa: T201 (its output)
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
