"""The programs of the peers: what people would serve the same models with.

They run in environments of their own (see ``loadtest.peers``), so nothing here imports the load test.

- ``grpcio_server``: plain grpcio, sync or asyncio, around any of the models of ``models``; ``messages`` has the handlers.
- ``mlserver_server``: MLServer with its scikit-learn runtime.
- ``export``: turns a model's arrays (``estimators``) into the file that a peer loads.
"""
