"""Any model behind plain grpcio: ``python -m loadtest.peer_servers.grpcio_server --style sync --library core --model FILE``.

With several workers each is a process of its own; they share a port by SO_REUSEPORT, as grpc's example of
multiprocessing does, except that they are started afresh instead of forked.
"""

import argparse
import asyncio
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from . import messages
from .messages import Method
from .models import LIBRARIES

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_READY = "listening on "


def main() -> None:
    """Serves until SIGTERM."""
    arguments = _arguments()
    if arguments.workers > 1:
        _share(arguments.workers)
        return
    methods = messages.service(arguments.library, arguments.model) if arguments.library else messages.echo()
    if arguments.style == "asyncio":
        asyncio.run(_serve_asyncio(methods, arguments.port))
    else:
        _serve(methods, arguments.port, arguments.threads)


def _serve(methods: Mapping[str, Method], port: int, threads: int) -> None:
    # Before there are other threads, which inherit it: the signal waits for this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server = grpc.server(ThreadPoolExecutor(threads), handlers=[_handlers(methods, _blocking)], options=_options(port))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    _say(port)
    signal.sigwait({signal.SIGTERM})
    server.stop(None).wait()


async def _serve_asyncio(methods: Mapping[str, Method], port: int) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = grpc.aio.server(handlers=[_handlers(methods, _awaited)], options=_options(port))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    _say(port)
    await stopped.wait()
    await server.stop(None)


def _handlers(methods: Mapping[str, Method], face: Any) -> grpc.GenericRpcHandler:
    made = {
        name: grpc.unary_unary_rpc_method_handler(
            face(method), request_deserializer=method.deserialize, response_serializer=method.serialize
        )
        for name, method in methods.items()
    }
    return grpc.method_handlers_generic_handler(messages.SERVICE, made)


def _blocking(method: Method) -> Any:
    answer = method.answer
    return lambda request, _context: answer(request)


def _awaited(method: Method) -> Any:
    answer = method.answer

    async def here(request: Any, _context: Any) -> Any:
        return answer(request)

    async def elsewhere(request: Any, _context: Any) -> Any:
        return await asyncio.to_thread(answer, request)

    return elsewhere if method.takes_long else here


def _options(port: int) -> list[tuple[str, int]]:
    # A port of one's own is not shared: a second server on it would silently take half of the calls.
    return [("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES), ("grpc.so_reuseport", int(port != 0))]


def _say(port: int) -> None:
    sys.stdout.write(f"{_READY}127.0.0.1:{port}\n")
    sys.stdout.flush()


def _share(workers: int) -> None:
    """Starts the workers on one port, and says so when all listen."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with socket.socket() as reserved:
        # Bound and never listening: it keeps the port ours, and is handed no connection.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        again = (sys.executable, "-m", "loadtest.peer_servers.grpcio_server", *sys.argv[1:])
        # The last of equal flags counts.
        command = (*again, "--workers", "1", "--port", str(port))
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
        try:
            # A worker that fails ends its output.
            if all(worker.stdout is not None and worker.stdout.readline() for worker in started):
                _say(port)
                stopped.wait()
        finally:
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--style", choices=["sync", "asyncio"], default="sync")
    parser.add_argument("--library", choices=sorted(LIBRARIES), help="what computes; none for an echo of bytes")
    parser.add_argument("--model", type=Path, help="the file that it loads")
    parser.add_argument("--threads", type=int, default=4, help="threads that answer; sync only")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
