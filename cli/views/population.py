"""Personas and statistics on the terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.terminal import plain
from cli.views.words import advantage_line, bar, day, item_name, labels_line, staleness
from schemas.views import (
    ItemTrendView,
    PersonasView,
    PersonaView,
    PopularItemView,
    SilencedView,
    StatisticsView,
)

__all__ = ["render_persona", "render_personas", "render_statistics", "render_trend"]


def render_personas(personas: PersonasView) -> RenderableType:
    """All personas that are large enough to be shown."""
    declared = _declared(personas)
    if personas.version is None:
        return Group(
            Text("no personas have been published yet"),
            *declared,
            *staleness(personas.stale_because),
        )
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for column in ("persona", "members", "", "predicts", "likes more than everyone does"):
        table.add_column(column, justify="right" if column == "members" else "left")
    for persona in personas.personas:
        table.add_row(
            Text(plain(persona.id)),
            str(persona.size),
            f"{bar(persona.share)} {persona.share:4.0%}",
            advantage_line(persona.advantage),
            Text(labels_line(label.text for label in persona.labels)),
        )
    apart = f", silhouette {personas.silhouette:.2f}" if personas.silhouette is not None else ""
    hidden = (
        f"; {personas.hidden} with fewer than {personas.minimum_size} members not shown"
        if personas.hidden
        else ""
    )
    title = Text(
        f"{len(personas.personas)} personas of {personas.users} users{apart}{hidden}",
        style="bold",
    )
    return Group(title, table, *declared, *staleness(personas.stale_because))


def _declared(personas: PersonasView) -> list[RenderableType]:
    if not (personas.declared or personas.declared_hidden):
        return []
    hidden = (
        f"; {personas.declared_hidden} with fewer than {personas.minimum_size} members not shown"
        if personas.declared_hidden
        else ""
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for column in ("declared", "members", "", "title"):
        table.add_column(column, justify="right" if column == "members" else "left")
    for persona in personas.declared:
        table.add_row(
            Text(plain(persona.id)),
            str(persona.size),
            f"{bar(persona.share)} {persona.share:4.0%}",
            Text(plain(persona.title or "")),
        )
    return [Text(f"{len(personas.declared)} declared personas{hidden}", style="bold"), table]


def render_persona(persona: PersonaView) -> RenderableType:
    """One persona: what sets it apart, and what is popular in it."""
    title = Text(
        f"{plain(persona.id)}: {persona.size} members, {persona.share:.0%} of users", style="bold"
    )
    if persona.title is not None:
        about = Text(f"  {plain(persona.title)}: {plain(persona.description or '')}")
        return Group(title, about, _popular(persona.popular), *staleness(persona.stale_because))
    title.append(f", predicts {advantage_line(persona.advantage)}", style="not bold")
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("likes more than everyone does")
    table.add_column("z", justify="right")
    table.add_column("positive", justify="right")
    for label in persona.labels:
        table.add_row(Text(plain(label.text)), f"{label.score:.1f}", str(label.count))
    return Group(title, table, _popular(persona.popular), *staleness(persona.stale_because))


def render_statistics(statistics: StatisticsView) -> RenderableType:
    """Counts, what is popular, what rises, what people stated."""
    norms = [
        Text(
            f"  norm {plain(norm.id)} ({plain(norm.kind)}, {plain(norm.declared_by)}, since "
            f"{plain(norm.since)}): {plain(norm.reason)}"
        )
        for norm in statistics.norms
    ]
    if not statistics.published:
        return Group(
            Text("no statistics have been published yet"),
            *norms,
            *staleness(statistics.stale_because),
        )
    whose = f"persona {plain(statistics.persona)}" if statistics.persona else "everybody"
    parts: list[RenderableType] = [
        Text(
            f"{whose}: {statistics.users:,} users, {statistics.directed:,} with a direction, "
            f"up to {day(statistics.as_of)}",
            style="bold",
        )
    ]
    for kind, by_action in statistics.events.items():
        counts = ", ".join(
            f"{plain(action)} {count:,}"
            for action, count in sorted(by_action.items(), key=lambda pair: -pair[1])
        )
        parts.append(Text(f"  {plain(kind)}: {counts}"))
    if statistics.popular:
        parts.append(_popular(statistics.popular))
    parts.extend(
        render_trend(window, rising) for window, rising in statistics.trends.items() if rising
    )
    for name, values in statistics.attributes.items():
        stated = ", ".join(f"{plain(str(value.value))} {value.users}" for value in values[:6])
        parts.append(Text(f"  {plain(name)}: {stated}"))
    if statistics.silenced is not None:
        parts.append(_silenced(statistics.silenced))
    return Group(*parts, *norms, *staleness(statistics.stale_because))


def _silenced(found: SilencedView) -> Table:
    """The alarm, and the personas behind it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column(f"  the average silences {found.share:.0%} of {found.users:,} users")
    table.add_column("members", justify="right")
    table.add_column(plain(found.satisfaction), justify="right")
    table.add_column("protected", justify="right")
    table.add_column("turned round", justify="right")
    for persona in found.personas:
        mark = "silenced" if persona.silenced else "heard"
        table.add_row(
            Text(f"  {plain(persona.persona)} {mark}"),
            f"{persona.size:,}",
            f"{persona.satisfaction:.2f}",
            f"{persona.protected:.2f}",
            f"{persona.reversed:,}",
        )
    return table


def render_trend(window: str, rising: Sequence[ItemTrendView], *, most: int = 5) -> Table:
    """What rises within a window."""
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column(f"  rising within {plain(window)}")
    table.add_column("now", justify="right")
    table.add_column("before", justify="right")
    table.add_column("sigmas", justify="right")
    for item in rising[:most]:
        table.add_row(
            Text(f"  {item_name(item)}"), str(item.recent), str(item.before), f"{item.score:+.1f}"
        )
    return table


def _popular(popular: Sequence[PopularItemView], *, most: int = 10) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  popular")
    table.add_column("score", justify="right")
    table.add_column("likes", justify="right")
    table.add_column("dislikes", justify="right")
    for item in popular[:most]:
        table.add_row(
            Text(f"  {item_name(item)}"),
            f"{item.score:.2f}",
            str(item.positive),
            str(item.negative),
        )
    return table
