"""Numbers of versions."""

#: The largest that the contract has.
_MOST = 2**32 - 1


def checked_version(version: int) -> int:
    """The version, if there can be one of that number. Raises ValueError otherwise."""
    if not 1 <= version <= _MOST:
        raise ValueError(f"version: expected 1 to {_MOST}, got {version}")
    return version
