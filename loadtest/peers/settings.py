"""``settings.toml``: how the peers are set, with the reason and the source of each setting."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("settings.toml")


@dataclass(frozen=True)
class Setting:
    """One setting of a peer, or of what several have in common."""

    value: Any
    """What a program is given, or the rule in words."""
    reason: str
    source: str
    """An address, or "measured"."""


@dataclass(frozen=True)
class Group:
    """The settings of one library or server."""

    about: str
    settings: Mapping[str, Setting]


def read() -> Mapping[str, Group]:
    """All groups by name. Raises TypeError or KeyError when an entry lacks its value, reason or source."""
    document = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {
        name: Group(table.pop("about"), {key: Setting(**entry) for key, entry in table.items()})
        for name, table in document.items()
    }
