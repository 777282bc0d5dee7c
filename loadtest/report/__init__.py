"""The report of a run of the load test: one HTML file that works offline and prints, with its charts as SVG and PNG beside.

``python -m loadtest.report RESULTS.json --out DIR [--compare OLD.json]`` writes it.

Figures over rounds, verdicts and knees come from ``loadtest.summary``; here are:

- ``comparison``: what changed since an earlier run, and what of it is more than noise.
- ``charts`` (what is drawn; ``bars``, ``lines``), ``drawing`` (how figures become files), ``palette`` (what everything looks
  like), ``names``.
- ``page`` (what the page says), ``verdict``, ``caveats``, ``tables``, ``wording``; ``page.html.jinja`` and ``page.css``, which lay it out.
- ``published``: the ratios that such comparisons are published with, held against what was measured.
- ``headline``: what ``docs/benchmarks.md``, the README and the ``summary.md`` of a run quote.
"""

from .headline import write_summary
from .page import write

__all__ = ["write", "write_summary"]
