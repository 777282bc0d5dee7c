"""The order of rounds."""

from collections.abc import Iterator, Sequence


def orders(names: Sequence[str], rounds: int) -> Iterator[tuple[int, Sequence[str]]]:
    """The subjects in the order of each round, which turns round every time: none always comes first."""
    for number in range(1, rounds + 1):
        yield number, names if number % 2 else names[::-1]
