"""A worker process: grpcio's synchronous server in front of the engine. `python -m ferrule_server.worker DESCRIPTOR`."""

import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from ferrule._core import Board, Config, Engine

from ferrule_server import logs
from ferrule_server.orders import Orders, Report

if TYPE_CHECKING:
    import grpc

# Published to clients as "keepalive of at least 30 s"; a little less, as clocks and networks differ.
_MIN_PING_INTERVAL_MS = 25_000
_HANDSHAKE_TIMEOUT_MS = 20_000
# A quiet peer is asked whether it is there, as the Rust server asks: one that vanished must not keep its threads.
_PING_INTERVAL_MS = 60_000
_PING_TIMEOUT_MS = 20_000
_MAX_METADATA_BYTES = 16_384


def main() -> None:
    """Serves until the parent's end of the channel closes, or SIGTERM. Does not return."""
    # Ctrl-C reaches the whole foreground process group; the parent says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=int(sys.argv[1]))
    # Ends the wait for the parent, as its death would.
    signal.signal(signal.SIGTERM, lambda *_: channel.shutdown(socket.SHUT_RD))
    orders = Orders.receive(channel)
    # Leaves at once at the end: every call has ended by then, and what may remain in other threads is nobody's.
    os._exit(0 if orders is None else serve(orders, channel))


def serve(orders: Orders, channel: socket.socket) -> int:
    """Follows the orders; returns the exit status."""
    config = Config.from_toml(orders.settings)
    logs.start(config)
    try:
        # The engine's threads start here and keep all cores; what starts later stays on the worker's own.
        engine = Engine.start(config, Board.attach(orders.board), orders.worker)
        if orders.core is not None:
            os.sched_setaffinity(0, {orders.core})
        server = listen(engine, config, orders.address)
    except (OSError, RuntimeError) as error:
        Report(problem=str(error)).send(channel)
        return 1
    engine.serve()
    Report().send(channel)

    while channel.recv(4096):
        pass

    from ferrule_server.drain import drain

    drain(engine, server, config)
    return 0


def listen(engine: Engine, config: Config, address: str) -> "grpc.Server":
    """Starts grpcio's server on an address that other workers share."""
    # grpcio 1.85's new listener: slower on one pinned core in a trial, no difference seen with a worker on each core.
    # To be looked at again with each upgrade. The core's own log is left out, as it is not JSON.
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc

    from ferrule_server.handlers import Router
    from ferrule_server.lanes import Lanes

    lanes = Lanes(config)
    server = grpc.server(
        lanes.refusal,
        handlers=[Router(engine, lanes, config.max_message_bytes)],
        options=(
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", config.max_message_bytes),
            # Identity only, as in the Rust server: no message grows while it is read.
            ("grpc.compression_enabled_algorithms_bitset", 1),
            ("grpc.max_concurrent_streams", lanes.streams_on_a_connection),
            # Else streams count until Python has freed their calls, and a client that keeps the limit is refused now and then.
            ("grpc.http.overload_protection", 0),
            ("grpc.keepalive_time_ms", _PING_INTERVAL_MS),
            ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
            ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_INTERVAL_MS),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.server_handshake_timeout_ms", _HANDSHAKE_TIMEOUT_MS),
            # Equal, as between them the core refuses at random.
            ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
        ),
    )
    server.add_insecure_port(address)
    server.start()
    return server


if __name__ == "__main__":
    main()
