"""What a small Predict costs beyond its answer: both servers against the ceilings of their transports.

``subjects`` is what is started (our servers, echoes that answer nothing, and what people write otherwise), ``peers`` the
Python ones among them, ``h2load`` drives them, ``targets`` says which ratio is held against what, ``rounds`` puts them
together. ``python -m loadtest.transport`` is the command, ``make bench-transport`` builds what it needs first.
"""
