"""Figures as files, and as parts of a page."""

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .palette import COLOURS, light

#: In inches; a point is 1/72 of one. So wide that text keeps its size on a phone, and two stand side by side elsewhere.
WIDTH = 5.6
_PNG_DOTS_PER_INCH = 160
_PNG_COLOURS = 64
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Chart:
    """A drawing, and what it says in words."""

    name: str
    """Of its files, and of its parts in the page; unique."""
    title: str
    caption: str
    """How to read it."""
    figure: Figure

    def inline(self) -> str:
        """As an ``<svg>`` of a page whose style sheet is the palette's: colours are variables, ids are unique."""
        root = ET.fromstring(self._svg())  # noqa: S314 - it was made here
        for metadata in root.findall(f"{{{_SVG}}}metadata"):
            root.remove(metadata)
        _name_parts(root, self.name)
        for element in root.iter():
            if style := element.get("style"):
                element.set("style", _themed(style))
        root.attrib.pop("width", None)
        root.attrib.pop("height", None)
        root.set("role", "img")
        root.set("aria-label", f"{self.title}. {self.caption}")
        ET.register_namespace("", _SVG)
        return ET.tostring(root, encoding="unicode")

    def write(self, folder: Path) -> None:
        """``NAME.svg`` and ``NAME.png``, on light paper: they are for documents that have no style sheet of ours."""
        (folder / f"{self.name}.svg").write_text(self._svg(paper=True), encoding="utf-8")
        drawn = io.BytesIO()
        with settings():
            self.figure.savefig(drawn, format="png", dpi=_PNG_DOTS_PER_INCH, facecolor=light("paper"))
        # Charts have few colours: so a file takes a third.
        few = Image.open(drawn).convert("RGB").quantize(_PNG_COLOURS)
        few.save(folder / f"{self.name}.png", optimize=True)

    def _svg(self, *, paper: bool = False) -> str:
        written = io.StringIO()
        with settings():
            # No date: the same results make the same file.
            self.figure.savefig(
                written,
                format="svg",
                metadata={"Date": None, "Creator": None},
                facecolor=light("paper") if paper else "none",
            )
        return re.sub(r"(font: [^;\"]*?px )[^;\"]*", rf"\1{_FONTS}", written.getvalue())


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib's settings for everything drawn here."""
    ink, quiet, rule = light("ink"), light("quiet"), light("rule")
    with mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "ferrule",
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "text.color": ink,
            "axes.edgecolor": quiet,
            "axes.facecolor": "none",
            "axes.labelcolor": ink,
            "axes.labelsize": 10,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": rule,
            "grid.linewidth": 0.7,
            "xtick.color": quiet,
            "ytick.color": quiet,
            "xtick.labelcolor": ink,
            "ytick.labelcolor": ink,
            "xtick.minor.visible": False,
            "ytick.minor.visible": False,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "lines.linewidth": 1.8,
            "lines.markersize": 6,
            "errorbar.capsize": 2.5,
        }
    ):
        yield


def canvas(height: float) -> tuple[Figure, Axes]:
    """An empty chart; to be used within ``settings``."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def _themed(style: str) -> str:
    for name, colour in COLOURS.items():
        style = re.sub(f"{colour.light}\\b", f"var(--{name})", style)
    return style


def _name_parts(root: ET.Element, name: str) -> None:
    """Keeps the ids that are referred to, with the chart's name before them."""
    wanted: set[str] = set()
    for element in root.iter():
        if target := element.attrib.pop(_XLINK, None):
            wanted.add(target[1:])
            element.set("href", f"#{name}-{target[1:]}")
        for key, value in element.attrib.items():
            if found := re.findall(r"url\(#([^)]+)\)", value):
                wanted.update(found)
                element.set(key, re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", value))
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in wanted:
            element.set("id", f"{name}-{identity}")
