"""The Python gRPC server of Ferrule: `python -m ferrule_server serve`.

- `__main__`: the command line.
- `app`, `listener`, `supervisor`: the parent process, which never imports grpc.
- `worker`, `lanes`, `handlers`, `conversation`, `status`, `drain`: a worker process.
- `balance`: how connections spread over the workers.
- `orders`: what the parent tells a worker.
- `healthcheck`: the client side of a health check.
- `logs`: Python's log lines, written by the engine.
"""
