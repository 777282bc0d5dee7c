"""Documents with a place for figures: what stands between two markers has one source and is written by a program."""


class MarkerError(ValueError):
    """A document has no such place."""


def filled(text: str, begin: str, end: str, between: str) -> str:
    """The document with ``between``, and an empty line before and after, in place of what stood between the two markers.

    Raises MarkerError when it lacks one of them.
    """
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise MarkerError(f"expected the lines {begin!r} and {end!r}, with figures between them")
    return f"{before}{begin}\n\n{between}\n\n{end}{after}"
