"""Load tests: scenarios as data, load generators side by side, answers checked meanwhile.

What to measure: ``scenario`` (files), ``subjects`` (servers; ``ours``, ``peers``), ``dialects`` and ``questions`` (requests and right
answers, by ``oracle``), ``plan`` (what fits a budget), ``selection`` and ``command_line`` (what was asked for).

Measuring: ``runner`` carries a plan out on a ``stage``; ``ghz``, ``ceiling`` (h2load) and ``pacer`` are the load generators, ``processes``
watches CPU time and memory, ``answers`` asks meanwhile, ``schedule`` finds when ghz's calls were due, ``validity`` says what the
limit was and what is no result.

What came of it: ``points`` and ``record`` make ``results`` (a JSON file); ``summary`` has figures over rounds, verdicts and the knee;
``terminal`` and ``report`` show them. ``payloads`` is for engineers with their own ghz. ``python -m loadtest`` is the command.
"""
