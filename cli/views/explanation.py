"""An explanation on the terminal: what each event is still worth, and what it moved."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.terminal import cell, plain
from cli.views.words import bar, day, evidence_line, item_name, staleness
from schemas.explanation_views import EventEvidenceView, ExplanationView

__all__ = ["render_explanation"]

_DAY_S = 86_400.0
_MOVERS = 3


def render_explanation(view: ExplanationView, *, most: int = 20) -> RenderableType:
    """How evidence fades, then events, newest first, then items with what moved towards them."""
    about = Table.grid(padding=(0, 2))
    about.add_row("  evidence", Text(evidence_line(view.evidence)))
    about.add_row("  counts half after", Text(_half_lives(view)))
    about.add_row("  persona", Text(plain(view.persona or "none")))
    parts: list[RenderableType] = [Text(plain(view.user_id), style="bold"), about]
    if not view.known:
        parts.append(Text("  nothing is known about this user"))
    if view.events:
        parts.append(_events(view, most))
    if view.items:
        parts.append(_items(view))
    return Group(*parts, *staleness(view.stale_because))


def _half_lives(view: ExplanationView) -> str:
    told = f"{view.half_life_s / _DAY_S:g} d, and {view.half_rank:g} later events"
    if (view.half_life_s, view.half_rank) == (view.policy_half_life_s, view.policy_half_rank):
        return told
    in_force = f"{view.policy_half_life_s / _DAY_S:g} d and {view.policy_half_rank:g} events"
    return f"{told}; in force: {in_force}"


def _events(view: ExplanationView, most: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  event")
    table.add_column("", no_wrap=True)
    table.add_column("weight", justify="right")
    table.add_column("now worth", justify="right")
    table.add_column("of all", no_wrap=True)
    table.add_column("on", no_wrap=True)
    for event in view.events[:most]:
        table.add_row(
            Text(f"  {_about(event)}"),
            cell(event.action),
            f"{event.weight:+.2f}",
            f"{event.worth:+.2f}" if event.counts else "waits",
            bar(event.share),
            day(event.at),
        )
    if len(view.events) > most:
        table.add_row(Text(f"  and {len(view.events) - most} older"))
    return table


def _items(view: ExplanationView) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  near them", no_wrap=True)
    table.add_column("score", justify="right")
    table.add_column("moved by")
    for item in view.items:
        moved = (
            f"{_about(view.events[one.event])} {one.part:+.2f}" for one in item.moved_by[:_MOVERS]
        )
        table.add_row(Text(f"  {item_name(item)}"), f"{item.score:+.2f}", Text(", ".join(moved)))
    return table


def _about(event: EventEvidenceView) -> str:
    return "a text" if event.item is None else item_name(event.item)
