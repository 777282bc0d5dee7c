"""What a small Predict costs beyond its answer: both servers against the ceilings of their transports.

``cases`` says what is compared, ``targets`` which ratio is held against what, ``subjects`` is what is started: our
servers, echoes that answer nothing, and what people write otherwise (``loadtest.peer_servers``). ``engine_alone`` calls the engine without
any transport, ``h2load`` drives, ``rounds`` puts them together; ``latency`` and ``footprint`` are
measured beside; ``report`` prints. ``python -m loadtest.transport`` is the
command; ``make bench-transport`` builds what it needs first.
"""
