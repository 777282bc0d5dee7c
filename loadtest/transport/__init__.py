"""What a small Predict costs beyond its answer: both servers against the ceilings of their transports.

``cases`` says what is compared, ``targets`` which ratio is held against what, ``subjects`` is what is started: our
servers, echoes that answer nothing, and what people write otherwise (``loadtest.peer_servers``). ``h2load`` drives and
``rounds`` puts that together. Measured beside: ``latency``, ``counts`` (with ``profile``: where the instructions go), ``in_process`` and
``engine_alone`` (without a transport), ``footprint``, ``balance``. ``report`` makes each ``table`` from what was kept,
``document`` puts them into the documents. ``python -m loadtest.transport`` is the command; ``make bench-transport`` builds
what it needs first.
"""
