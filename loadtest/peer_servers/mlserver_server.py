"""MLServer on a free port: ``python -m loadtest.peer_servers.mlserver_server FOLDER``.

Does what ``mlserver start FOLDER`` does, and also chooses the ports and says when the model answers.
"""

import asyncio
import json
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
from mlserver import MLServer
from mlserver.cli.serve import load_settings
from mlserver.grpc import dataplane_pb2, dataplane_pb2_grpc

_HOST = "127.0.0.1"
_PORTS = ("grpc_port", "http_port", "metrics_port")


async def serve(folder: Path) -> None:
    """Serves the models in the folder until SIGTERM."""
    settings_file = folder / "settings.json"
    settings = json.loads(settings_file.read_text())
    settings.update(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    settings_file.write_text(json.dumps(settings))
    read, models = await load_settings(str(folder))
    serving = asyncio.create_task(MLServer(read).start(models))
    await _answers(f"{_HOST}:{settings['grpc_port']}", [model.name for model in models], serving)
    sys.stdout.write(f"listening on {_HOST}:{settings['grpc_port']}\n")
    sys.stdout.flush()
    await serving


async def _answers(address: str, models: list[str], serving: "asyncio.Task[Any]") -> None:
    """Waits until every model is ready; returns also when serving has ended."""
    async with grpc.aio.insecure_channel(address) as channel:
        service = dataplane_pb2_grpc.GRPCInferenceServiceStub(channel)
        for model in models:
            while not serving.done():
                try:
                    ready = await service.ModelReady(dataplane_pb2.ModelReadyRequest(name=model), wait_for_ready=True)
                except grpc.aio.AioRpcError:  # not loaded yet
                    ready = None
                if ready is not None and ready.ready:
                    break
                await asyncio.sleep(0.01)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has now. MLServer can't be told to choose one itself and to say which."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((_HOST, 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
