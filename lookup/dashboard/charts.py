"""Charts as SVG by pygal, stripped to what a strict Content-Security-Policy lets stand.

No style, script or inline attribute of style is left in them: colours, fonts and lines are the
page's stylesheet's, so that one drawing serves light and dark. Each chart is drawn twice, wide
and narrow, because text that is scaled down with a drawing cannot be read on a phone; the
stylesheet shows one of them.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.style import Style

from lookup.dashboard.persona_map import PersonaMap

__all__ = ["Bars", "Curve", "bars", "curves", "persona_bubbles", "rate_lines", "stacked_shares"]

# It finds pygal's plug-ins, of which none is used, and by a protocol that Python has given up:
# every import of anything else would warn of it.
sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, pygal.PluginImportFixer)]

_FONT_PX: Final = 13
_WIDE: Final = 1_080
_HALF: Final = 520
_NARROW: Final = 370
_STYLE: Final = Style(
    label_font_size=_FONT_PX,
    major_label_font_size=_FONT_PX,
    legend_font_size=_FONT_PX,
    value_font_size=_FONT_PX,
    value_label_font_size=_FONT_PX,
)
_KNOWN: Final[dict[str, Any]] = {
    "css": (),
    "js": (),
    "style": _STYLE,
    "show_legend": False,
    "margin": 10,
    "explicit_size": False,
}
_DROPPED: Final = frozenset({"defs", "style", "script"})
_ATTRIBUTES: Final = ("style", "id", "xmlns")


def _drawn(
    make: Callable[[int], Any],
    description: str,
    *,
    wide: int = _WIDE,
    finish: Callable[[ET.Element], None] = lambda _: None,
) -> Markup:
    """The chart in both widths, as images with a description."""
    variants = []
    for width, name in ((wide, "wide"), (_NARROW, "narrow")):
        root = make(width).render_tree()
        _strip(root)
        finish(root)
        root.set("class", f"chart {name}")
        root.set("role", "img")
        root.set("aria-label", description)
        variants.append(ET.tostring(root, encoding="unicode"))
    # Built by an XML library, which has escaped every text in it.
    return Markup("".join(variants))  # noqa: S704


def _strip(root: ET.Element) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            # Of a comment it is a function, whatever its type says.
            tag: object = child.tag
            foreign = not isinstance(tag, str) or tag in _DROPPED
            tooltip = "tooltip-overlay" in str(child.get("class"))
            if foreign or tooltip or (parent is root and child.tag == "title"):
                parent.remove(child)
        for name, value in list(parent.attrib.items()):
            if name in _ATTRIBUTES or not value:
                del parent.attrib[name]


@dataclass(frozen=True, slots=True)
class Bars:
    """One series of horizontal bars.

    Attributes:
        kind: Name of its colour in the stylesheet.
        values: One for each label; None for none.
        low, high: Ends of each interval; empty without.
    """

    name: str
    kind: str
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


def bars(
    labels: Sequence[str],
    series: Sequence[Bars],
    *,
    description: str,
    show: Callable[[float], str],
) -> Markup:
    """Horizontal bars, the first label on top, with intervals where there are any."""
    found = [
        number
        for one in series
        for number in (*one.values, *one.low, *one.high)
        if number is not None
    ]
    low, high = min([0.0, *found]), max([0.0, *found])
    high = low + _width(low, high)
    spare = (high - low) * 0.04

    def make(width: int) -> Any:  # noqa: ANN401 - pygal has no types
        chart = pygal.HorizontalBar(
            width=width,
            height=60 + len(labels) * (18 + 20 * len(series)),
            range=(low - spare * (low < 0), high + spare),
            value_formatter=show,
            truncate_label=18 if width == _NARROW else 40,
            y_labels=_ticks(low, high, 3 if width == _NARROW else 6),
            **_KNOWN,
        )
        # pygal draws the first one at the bottom.
        chart.x_labels = list(reversed(labels))
        for one in series:
            values = [
                None
                if value is None
                else {"value": value, "node": {"class": f"fill-{one.kind}"}} | interval
                for value, interval in zip(one.values, _intervals(one), strict=True)
            ]
            chart.add(one.name, list(reversed(values)))
        return chart

    return _drawn(make, description)


def _intervals(one: Bars) -> list[dict[str, Any]]:
    if not one.low:
        return [{} for _ in one.values]
    return [
        {} if low is None or high is None else {"ci": {"low": low, "high": high}}
        for low, high in zip(one.low, one.high, strict=True)
    ]


def stacked_shares(
    labels: Sequence[str], parts: Mapping[str, Sequence[float]], *, description: str
) -> Markup:
    """Shares of one whole per label, side by side; eight parts have a colour of their own."""

    def make(width: int) -> Any:  # noqa: ANN401
        chart = pygal.HorizontalStackedBar(
            width=width,
            height=50 + 34 * len(labels),
            range=(0, 1),
            y_labels=[0, 0.5, 1] if width == _NARROW else [0, 0.25, 0.5, 0.75, 1],
            value_formatter=lambda share: f"{share:.0%}",
            truncate_label=18 if width == _NARROW else 40,
            **_KNOWN,
        )
        chart.x_labels = list(reversed(labels))
        for number, (name, shares) in enumerate(parts.items()):
            kind = f"fill-part-{number % 8}"
            chart.add(
                name,
                [{"value": share, "node": {"class": kind}} for share in reversed(shares)],
            )
        return chart

    return _drawn(make, description)


def rate_lines(
    history: Sequence[tuple[float, float, float]], *, description: str, most_s: float = 180.0
) -> Markup:
    """Arriving and taken records per second over the last minutes."""
    top = max([4.0, *(rate for _, *two in history for rate in two)])

    def make(width: int) -> Any:  # noqa: ANN401
        narrow = width == _NARROW
        chart = pygal.XY(
            width=width,
            height=220,
            xrange=(-most_s, 0),
            range=(0, top * 1.05),
            x_labels=[-most_s, -most_s / 2, 0] if narrow else [-180, -120, -60, 0],
            y_labels=_ticks(0, top, 3),
            show_dots=False,
            x_value_formatter=lambda age_s: "now" if not age_s else f"{-age_s:.0f} s ago",
            value_formatter=lambda rate: f"{rate:,.0f}",
            **_KNOWN,
        )
        chart.add("arriving", [(age_s, arriving) for age_s, arriving, _ in history])
        chart.add("taken in", [(age_s, taken) for age_s, _, taken in history])
        return chart

    return _drawn(make, description)


def persona_bubbles(found: PersonaMap, *, labels: Mapping[str, str], description: str) -> Markup:
    """Personas as discs, area by members, with the way they came."""
    points = [point for one in found.personas for point in one.trail]
    spans = [(min(axis), max(axis)) for axis in zip(*points, strict=True)] or [(0.0, 0.0)] * 2
    largest = max((one.size for one in found.personas), default=1)

    def make(width: int) -> Any:  # noqa: ANN401
        narrow = width == _NARROW
        height = 300 if narrow else 460
        # Both axes have one scale, or nearness would mean nothing.
        scale = 1.6 * max(
            1e-6, (spans[0][1] - spans[0][0]) / width, (spans[1][1] - spans[1][0]) / height
        )
        xrange, yrange = (
            (middle - scale * length / 2, middle + scale * length / 2)
            for middle, length in zip(
                ((low + high) / 2 for low, high in spans), (width, height), strict=True
            )
        )
        chart = pygal.XY(
            width=width,
            height=height,
            xrange=xrange,
            range=yrange,
            show_x_labels=False,
            show_y_labels=False,
            show_y_guides=False,
            print_labels=True,
            stroke=True,
            # What a tooltip would say of the place means nothing to anybody.
            value_formatter=lambda _: "",
            x_value_formatter=lambda _: "",
            **_KNOWN,
        )
        for one in found.personas:
            chart.add(f"{one.id} before", list(one.trail), show_dots=False)
        for number, one in enumerate(found.personas):
            radius = (26 if narrow else 44) * math.sqrt(max(1, one.size) / max(1, largest))
            chart.add(
                one.id,
                [
                    {
                        "value": one.at,
                        "label": labels[one.id],
                        "node": {
                            "r": round(max(5.0, radius), 1),
                            "class": f"dot part-{number % 8}",
                        },
                    }
                ],
                stroke=False,
            )
        return chart

    return _drawn(make, description, finish=_centre_labels)


def _centre_labels(root: ET.Element) -> None:
    """Put each label onto its disc, where pygal puts it beside."""
    discs = [one for one in root.iter("circle") if "dot" in (one.get("class") or "").split()]
    texts = [one for one in root.iter("text") if one.get("class") == "label"]
    for disc, text in zip(discs, texts, strict=True):
        text.set("x", disc.get("cx") or "")
        text.set("y", str(float(disc.get("cy") or 0) + _FONT_PX / 3))


@dataclass(frozen=True, slots=True)
class Curve:
    """One layer: (x, y) points, and the one that stands for all of them."""

    name: str
    kind: str
    points: Sequence[tuple[float, float]]
    whole: tuple[float, float] | None = None


def curves(
    series: Sequence[Curve],
    *,
    description: str,
    show_x: Callable[[float], str],
    show_y: Callable[[float], str],
    logarithmic: bool = False,
    lines: bool = True,
) -> Markup:
    """Points, with lines through them unless told otherwise.

    Args:
        logarithmic: x on a logarithmic axis from 1 up.
    """
    scale: Callable[[float], float] = (
        (lambda x: math.log10(max(1.0, x))) if logarithmic else (lambda x: x)
    )
    back: Callable[[float], float] = (lambda x: 10**x) if logarithmic else (lambda x: x)
    xs = [scale(x) for one in series for x, _ in one.points] or [0.0]
    ys = [y for one in series for _, y in one.points] or [0.0]
    spare_x = _width(min(xs), max(xs)) * 0.05
    spare_y = _width(min(ys), max(ys), least=0.1) * 0.1

    def make(width: int) -> Any:  # noqa: ANN401
        narrow = width == _NARROW
        marks = (
            [float(power) for power in range(math.floor(min(xs)), math.ceil(max(xs)) + 1)]
            if logarithmic
            else _ticks(min(xs), max(xs), 3 if narrow else 6)
        )
        chart = pygal.XY(
            width=width,
            height=260 if narrow else 300,
            xrange=(min(xs) - spare_x, max(xs) + spare_x),
            range=(min(ys) - spare_y, max(ys) + spare_y),
            x_labels=marks,
            y_labels=_ticks(min(ys) - spare_y, max(ys) + spare_y, 4),
            x_value_formatter=lambda x: show_x(back(x)),
            value_formatter=show_y,
            dots_size=4,
            stroke=lines,
            **_KNOWN,
        )
        for one in series:
            marks_of = [((x, y), f"dot dot-{one.kind}", 4) for x, y in one.points]
            if one.whole is not None:
                marks_of.append((one.whole, f"dot whole dot-{one.kind}", 9))
            chart.add(
                one.name,
                [
                    {"value": (scale(x), y), "node": {"class": name, "r": size}}
                    for (x, y), name, size in marks_of
                ],
            )
        return chart

    return _drawn(make, description, wide=_HALF)


def _width(low: float, high: float, *, least: float = 1.0) -> float:
    """Length of a range, or `least` where there is as good as none: pygal divides by it."""
    return high - low if high - low > 1e-9 else least


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers within a range: 1, 2 or 5 times a power of ten apart."""
    width = (high - low or abs(high) or 1.0) / max(1, most)
    power = 10 ** math.floor(math.log10(width))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= width)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]
