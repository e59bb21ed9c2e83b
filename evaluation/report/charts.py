"""The drawings of a report.

Layers differ by colour (Okabe & Ito 2008, told apart with every kind of colour vision), by marker
and by line, so that they can be told apart in black and white too. Equal results give equal bytes.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.report.advice import events_in_words, interval_in_words
from evaluation.report.document import Chart
from evaluation.report.results import CrossoverResult, GroupingResult, GroupResult, Point
from profiles.queries import Level

__all__ = ["crossover_chart", "gap_chart", "history_chart", "price_chart", "protection_chart"]

_BLACK: Final = "#000000"
_VERMILION: Final = "#D55E00"
_BLUE: Final = "#0072B2"


@dataclass(frozen=True, slots=True)
class _Look:
    colour: str
    marker: str
    line: str


_LOOKS: Final = {
    Level.GLOBAL: _Look(_BLUE, "o", ":"),
    Level.PERSONA: _Look("#E69F00", "s", "--"),
    Level.USER: _Look("#009E73", "^", "-."),
    Level.BLEND: _Look(_BLACK, "D", "-"),
}
_NO_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def history_chart(name: str, curve: Sequence[Point], *, metric: str) -> Chart:
    """Quality of each layer by how much a user has shown, with 95 % bands."""

    def draw(axes: Axes) -> None:
        places = [_place(point) for point in curve]
        for level, look in _LOOKS.items():
            bands = [point.quality[level] for point in curve]
            axes.fill_between(
                places,
                [band.low for band in bands],
                [band.high for band in bands],
                color=look.colour,
                alpha=0.10,
                linewidth=0,
            )
            axes.plot(
                places,
                [band.mean for band in bands],
                color=look.colour,
                marker=look.marker,
                linestyle=look.line,
                markersize=5,
                label=level.value,
            )
        _events_axis(axes, places[-1])
        axes.set_ylabel(metric)
        axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))

    first, last = curve[0], curve[-1]
    said = "; ".join(
        f"{level.value} from {first.quality[level].mean:.4f} to {last.quality[level].mean:.4f}"
        for level in _LOOKS
    )
    return Chart(
        name,
        f"Quality by length of history ({metric})",
        f"From {_span(first)} to {_span(last)}: {said}. The table below has every point.",
        _drawn(draw),
    )


def price_chart(name: str, curve: Sequence[Point], *, metric: str) -> Chart:
    """The precision-cost chart: what a layer keeps of a user against what it is worth.

    Some lengths of history are harder to predict than others, for every layer; so the gain over
    the global layer at the same length stands beside the quality itself.
    """

    def draw(axes: Axes, *, gain: bool) -> None:
        for level, look in _LOOKS.items():
            axes.plot(
                [point.held_bytes[level] for point in curve],
                [_worth(point, level, gain=gain) for point in curve],
                color=look.colour,
                marker=look.marker,
                linestyle=look.line,
                markersize=5,
                label=level.value,
            )
        most = max(max(point.held_bytes.values()) for point in curve)
        axes.set_xscale("symlog", linthresh=10)
        ticks = [tick for tick in (0, 10, 100, 1_000, 10_000, 100_000) if tick <= max(most, 10) * 3]
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlim(-2, max(most, 10) * 1.5)
        axes.set_xlabel("bytes kept of one user")
        axes.set_ylabel(f"{metric}, less the global layer's" if gain else metric)

    def draw_both(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        draw(left, gain=False)
        draw(right, gain=True)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, ncols=4, loc="outside upper center")

    last = curve[-1]
    said = "; ".join(
        f"{level.value} {last.held_bytes[level]:,.0f} bytes for {last.quality[level].mean:.4f}"
        for level in _LOOKS
    )
    return Chart(
        name,
        f"Precision and cost ({metric} against bytes kept of one user)",
        f"One point per length of history; left the quality, right what it is above the global "
        f"layer's. With {_span(last)}: {said}.",
        _drawn_figure(draw_both, height=3.6),
    )


def _worth(point: Point, level: Level, *, gain: bool) -> float:
    less = point.quality[Level.GLOBAL].mean if gain else 0.0
    return point.quality[level].mean - less


def crossover_chart(name: str, crossovers: Sequence[CrossoverResult]) -> Chart:
    """From how many events on each layer beats another, with its confidence set."""
    rows = list(reversed(crossovers))
    known = [
        number
        for one in rows
        for number in (one.events, one.earliest, one.latest)
        if number is not None
    ]
    never = max([*known, 1]) * 2.0

    def draw(axes: Axes) -> None:
        for row, one in enumerate(rows):
            if one.earliest is not None:
                end = never if one.latest is None else one.latest
                axes.plot([one.earliest, end], [row, row], color=_BLUE, linewidth=2)
            place = never if one.events is None else one.events
            hollow = one.latest is None
            axes.plot(
                [place],
                [row],
                color=_BLACK,
                marker="X" if one.events is None else "o",
                fillstyle="none" if hollow else "full",
                linestyle="none",
            )
        axes.set_yticks(
            range(len(rows)), [f"{one.challenger.value} beside {one.over.value}" for one in rows]
        )
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.axvline(never, color="#888888", linestyle=":")
        axes.text(never, len(rows) - 0.45, "never", ha="center", va="bottom", fontsize=9)
        _events_axis(axes, never)

    said = "; ".join(
        f"{one.challenger.value} beside {one.over.value}: {events_in_words(one)} "
        f"(95 %: {interval_in_words(one)}), {one.verdict.value}"
        for one in crossovers
    )
    return Chart(name, "From how many events on a layer pays", f"{said}.", _drawn(draw))


def gap_chart(name: str, groupings: Sequence[GroupingResult]) -> Chart | None:
    """How much worse the global layer predicts each group; None if none was compared."""
    rows = [
        (f"{grouping.name}: {group_name(group)}", group)
        for grouping in groupings
        for group in grouping.groups
        if group.worse is not None
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (row[1].worse.mean if row[1].worse else 0.0, row[0]))

    def draw(axes: Axes) -> None:
        for row, (_, group) in enumerate(rows):
            if group.worse is None:
                continue
            sure = group.q_value is not None and group.q_value <= 0.05
            colour = _VERMILION if sure else _BLUE
            axes.plot([group.worse.low, group.worse.high], [row, row], color=colour, linewidth=2)
            axes.plot(
                [group.worse.mean], [row], color=colour, marker="D" if sure else "o", markersize=5
            )
        axes.axvline(0.0, color=_BLACK, linewidth=1)
        axes.set_yticks(range(len(rows)), [_cut(name) for name, _ in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel("rest less group: to the right, the group is predicted worse")

    sure = [name for name, group in rows if group.q_value is not None and group.q_value <= 0.05]
    said = (
        f"{len(sure)} of {len(rows)} groups differ at a false discovery rate of 5 %"
        + (f": {'; '.join(sure)}" if sure else "")
        + ". Those are marked by diamonds."
    )
    return Chart(
        name, "How much worse the global layer predicts groups", said, _drawn(draw, rows=len(rows))
    )


def protection_chart(name: str, grouping: GroupingResult) -> Chart:
    """Satisfaction of each group under the plain and the protecting aggregation."""
    rows = list(reversed(grouping.groups))

    def draw(axes: Axes) -> None:
        for row, group in enumerate(rows):
            axes.plot(
                [group.satisfaction, group.protected], [row, row], color="#888888", linewidth=2
            )
        ranks = np.arange(len(rows))
        axes.plot(
            [group.satisfaction for group in rows],
            ranks,
            color=_BLUE,
            marker="o",
            linestyle="none",
            label="plain average",
        )
        axes.plot(
            [group.protected for group in rows],
            ranks,
            color=_VERMILION,
            marker="^",
            linestyle="none",
            label=f"at least {grouping.floor:.4f} of the weight each",
        )
        axes.set_yticks(ranks, [_cut(group_name(group)) for group in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(f"satisfaction ({grouping.satisfaction})")
        axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))

    said = "; ".join(
        f"{group_name(group)} {group.satisfaction:.4f}, protected {group.protected:.4f}"
        for group in grouping.groups
    )
    return Chart(
        name,
        f"What protecting minorities changes ({grouping.name})",
        f"{said}.",
        _drawn(draw, rows=len(rows)),
    )


def group_name(group: GroupResult) -> str:
    """A group's name, and what it likes."""
    return f"{group.group} ({', '.join(group.labels)})" if group.labels else group.group


def _cut(text: str) -> str:
    return text if len(text) <= 44 else text[:43] + "…"


def _span(point: Point) -> str:
    if point.last is None:
        return f"{point.first:,} or more events"
    if point.first == point.last:
        return f"{point.first:,} events"
    return f"{point.first:,} to {point.last:,} events"


def _place(point: Point) -> float:
    """Geometric middle of a step; the open one stands at one and a half times its start."""
    if point.last is None:
        return point.first * 1.5
    return float(np.sqrt((point.first + 1.0) * (point.last + 1.0)) - 1.0)


def _events_axis(axes: Axes, most: float) -> None:
    axes.set_xscale("symlog", linthresh=5, linscale=1.0)
    ticks = [tick for tick in (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000) if tick <= most]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(-0.3, max(most, 1.0) * 1.15)
    axes.set_xlabel("events of the user so far")


def _drawn(draw: Callable[[Axes], None], *, rows: int | None = None) -> str:
    height = 3.6 if rows is None else 1.2 + 0.28 * rows
    return _drawn_figure(lambda figure: draw(figure.add_subplot()), height=height)


def _drawn_figure(draw: Callable[[Figure], None], *, height: float) -> str:
    settings = mpl.rc_context(
        {
            # Text stays text: it can be read aloud, and has the reader's fonts.
            "svg.fonttype": "none",
            "svg.hashsalt": "strata",
            "text.parse_math": False,
            "font.family": "sans-serif",
            "font.size": 10.0,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#DDDDDD",
            "legend.frameon": False,
        }
    )
    with settings, warnings.catch_warnings():
        # Only the widths of letters are asked of the font here.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = Figure(figsize=(7.6, height), layout="constrained")
        draw(figure)
        out = StringIO()
        figure.savefig(out, format="svg", metadata=_NO_METADATA)
    return out.getvalue()
