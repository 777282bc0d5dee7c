"""What all measurements have in common: spreads, and places for figures in documents."""

import pytest

from measuring.document import MarkerError, filled
from measuring.spread import Spread


@pytest.mark.parametrize(
    ("values", "spread"),
    [([3.0], Spread(3.0, 3.0, 3.0)), ([9.0, None, 1.0, 2.0], Spread(2.0, 1.0, 9.0)), ([None], None), ([], None)],
)
def test_spread(values: list[float | None], spread: Spread | None) -> None:
    assert Spread.of(values) == spread


def test_spread_in_words() -> None:
    assert Spread(2000.0, 1000.0, 3000.0).text(",.1f", 1e-3) == "2.0 (1.0–3.0)"
    assert Spread(2.01, 2.0, 2.04).text(".1f") == "2.0"


def test_what_is_between_markers_is_replaced() -> None:
    once = filled("before <!-- a --> old <!-- z --> after", "<!-- a -->", "<!-- z -->", "new")
    assert once == "before <!-- a -->\n\nnew\n\n<!-- z --> after"
    assert filled(once, "<!-- a -->", "<!-- z -->", "new") == once


@pytest.mark.parametrize("text", ["", "<!-- a -->", "<!-- z -->", "<!-- z --> <!-- a -->"])
def test_a_document_without_both_markers_is_refused(text: str) -> None:
    with pytest.raises(MarkerError, match="<!-- a -->"):
        filled(text, "<!-- a -->", "<!-- z -->", "new")
