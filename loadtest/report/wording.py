"""Numbers and names as people read them."""

from loadtest.results import Limit, Load, Mode, Setting
from measuring.spread import Spread

SETTINGS = {
    Setting.APART: "Server and client on cores of their own",
    Setting.SHARED: "The whole machine: server and client share all cores",
    Setting.REMOTE: "A server that was running already",
}
LIMITS = {
    Limit.SERVER: "server",
    Limit.CLIENT: "load generator",
    Limit.BOTH: "both",
    Limit.RATE: "none: rate kept",
    Limit.NEITHER: "waiting",
    Limit.UNKNOWN: "unknown",
}
#: Nothing is known.
NOTHING = "–"


def number(value: float) -> str:
    """Three significant digits, and no fewer than the whole ones: ``0.0123``, ``1.23``, ``12.3``, ``1,234``."""
    if value == 0:
        return "0"
    size = abs(value)
    for least, digits in ((99.95, 0), (9.995, 1), (0.9995, 2), (0.09995, 3)):
        if size >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3g}"


def spread(found: Spread | None, scale: float = 1.0) -> str:
    """``median (least–most)``; the median alone when all read the same."""
    if found is None:
        return NOTHING
    median, least, most = (number(value * scale) for value in (found.median, found.least, found.most))
    return median if least == most else f"{median} ({least}–{most})"


def median(found: Spread | None, scale: float = 1.0) -> str:
    """The median alone."""
    return NOTHING if found is None else number(found.median * scale)


def load(given: Load) -> str:
    """How hard, in a few words."""
    concurrency = given.concurrency or 0
    match given.mode:
        case Mode.CEILING:
            return f"h2load, {given.connections} × {concurrency // given.connections}"
        case Mode.CLOSED:
            return f"{concurrency:,} caller{'s' if concurrency > 1 else ''}"
        case _:
            what = f"{given.fraction:.0%} of its ceiling" if given.fraction else f"{given.rate or 0:,.0f} calls/s"
            return f"{what}, ghz" if given.mode is Mode.OPEN else what


def percent(part: float) -> str:
    """A signed change: ``+4%``, ``−12%``."""
    return f"{part:+.0%}".replace("-", "−")


def ratio(value: float) -> str:
    """A factor: two significant digits below ten, whole above."""
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def codes(errors: dict[str, int]) -> str:
    """Failed calls by status code."""
    return ", ".join(f"{count:,} {code}" for code, count in errors.items()) or "0"
