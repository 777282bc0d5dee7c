"""How fast the core is beside the libraries that people use instead: ``python -m rust_core.benchmarks``.

``works`` says what is done and which ratio is wanted, ``growth`` the same over growing sizes; ``data`` makes the rows.
``peers`` has every library's settings, ``environments`` installs what is missing, ``recipes`` turns settings into calls.
``work_process`` is the process that a subject runs in, ``subjects`` starts and asks it, ``rounds`` lets all take turns.
``answers`` judges what came out, ``judgement`` whether a ratio is met, ``roofline`` what the machine could do at best.
``serving`` asks both servers over gRPC. ``report`` prints, ``plots`` draws, ``document`` writes docs/benchmarks.md.
``native/`` is a small Rust workspace of its own: linfa as a subject, and the ceilings of the machine.
"""
