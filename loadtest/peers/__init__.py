"""What people would use otherwise, measured beside our servers at the settings that their makers recommend.

- ``catalogue``: the peers, how each is started and what it can be asked.
- ``settings.toml``: how they are set, with the reason and the source of each setting; ``settings`` reads it.
- ``environments``: virtual environments of their own, made on demand from ``requirements``.
- ``open_inference``: the Open Inference Protocol, which MLServer speaks.

The programs themselves are in ``loadtest.peer_servers``.
"""

from .catalogue import SUBJECTS, echo
from .environments import environment

__all__ = ["SUBJECTS", "echo", "environment"]
