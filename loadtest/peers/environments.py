"""The peers' own environments: one for each file of ``requirements``, and where they are kept."""

from pathlib import Path

from loadtest.servers import ROOT
from measuring.environments import Environment

#: git does not see it, and ``make clean`` removes it.
STORE = ROOT / ".tools" / "peers"
_REQUIREMENTS = Path(__file__).with_name("requirements")


def environment(name: str) -> Environment:
    """That of a file of requirements, by its name without the ending."""
    return Environment(name, _REQUIREMENTS / f"{name}.txt", STORE)
