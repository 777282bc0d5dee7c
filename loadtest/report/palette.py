"""What everything looks like, in light and in dark.

Charts are drawn in the light colours. In the page each of them stands as a CSS variable of its name, so that one drawing
serves both. Subjects differ by colour, marker and dash, so that no two depend on colour alone; the colours follow Okabe and
Ito's palette (https://jfly.uni-koeln.de/color/), the paler ones darkened to 3:1 against the paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Colour:
    """A colour of the page."""

    light: str
    dark: str


COLOURS: Mapping[str, Colour] = {
    "paper": Colour("#ffffff", "#14181d"),
    "ink": Colour("#1c2127", "#e4e8ec"),
    "quiet": Colour("#59636e", "#9aa4ae"),
    "rule": Colour("#d3d9df", "#343c45"),
    "shade": Colour("#f3f5f7", "#1d232a"),
    "link": Colour("#0a5db8", "#6db3f2"),
    "bad": Colour("#b3261e", "#ff8a80"),
    "good": Colour("#1b6e3c", "#6fd08c"),
    "vermillion": Colour("#d0540a", "#f2813a"),
    "blue": Colour("#006bb4", "#4da6e8"),
    "green": Colour("#008a63", "#2fc497"),
    "sky": Colour("#2b93cc", "#8fd0f5"),
    "pink": Colour("#b8528f", "#e08fc0"),
    "amber": Colour("#b37700", "#f0b429"),
    "slate": Colour("#4b5560", "#b6bfc8"),
    "fog": Colour("#808a94", "#7f8993"),
    # Percentiles, from the middle of all calls to the slowest: dark to light in print, light to dark on dark paper.
    "p1": Colour("#6090bf", "#5f82a3"),
    "p2": Colour("#4a7fb0", "#7fa3c4"),
    "p3": Colour("#2f659a", "#9fbedd"),
    "p4": Colour("#1b4a7a", "#c3d9ee"),
    "p5": Colour("#0e2a4d", "#eaf3fb"),
}


def light(name: str) -> str:
    """What charts are drawn in."""
    return COLOURS[name].light


@dataclass(frozen=True)
class Look:
    """How a subject is drawn."""

    colour: str
    """A name of ``COLOURS``."""
    marker: str
    """matplotlib's."""
    dash: Any
    """matplotlib's line style."""


#: Subjects that the project knows; others take what is left.
_KNOWN = {
    "rust": Look("vermillion", "o", "-"),
    "python": Look("blue", "s", "-"),
    "sklearn": Look("green", "^", (0, (5, 1.5))),
    "sklearn-asyncio": Look("sky", "v", (0, (5, 1.5))),
    "mlserver": Look("pink", "D", (0, (2, 1.2))),
    "onnxruntime": Look("amber", "P", (0, (5, 1.5, 1, 1.5))),
    "core": Look("slate", "X", (0, (3, 1, 1, 1, 1, 1))),
    "echo-rust": Look("fog", ">", (0, (1, 1))),
    "echo-python": Look("fog", "<", (0, (1, 1.6))),
}
_SPARE = [
    Look(colour, marker, "-")
    for colour, marker in zip(("vermillion", "blue", "green", "pink", "amber"), "hp*d8", strict=True)
]


def looks(subjects: Sequence[str]) -> dict[str, Look]:
    """A look for each subject."""
    others = [name for name in subjects if name not in _KNOWN]
    return {name: _KNOWN.get(name) or _SPARE[others.index(name) % len(_SPARE)] for name in subjects}


def style_sheet() -> str:
    """The colours as CSS variables; printed pages are light."""

    def block(dark: bool) -> str:
        return " ".join(f"--{name}: {colour.dark if dark else colour.light};" for name, colour in COLOURS.items())

    return (
        f":root {{ color-scheme: light dark; {block(False)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {block(True)} }} }}\n"
    )
