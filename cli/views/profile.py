"""A profile on the terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.terminal import cell, plain
from cli.views.words import (
    bar,
    day,
    declared_line,
    evidence_line,
    item_name,
    layers_line,
    persona_line,
    staleness,
)
from schemas.views import InterestView, ProfileView

__all__ = ["render_profile"]


def render_profile(profile: ProfileView, *, most: int = 10) -> RenderableType:
    """Who, how sure, what they like and dislike; `most` of each."""
    about = Table.grid(padding=(0, 2))
    if profile.known:
        totals = [
            f"{count} {plain(action)}"
            for by_action in profile.totals.values()
            for action, count in sorted(by_action.items(), key=lambda pair: -pair[1])
        ]
        rows = {
            "evidence": evidence_line(profile.evidence),
            "rests on": layers_line(profile.weights, profile.level),
            "persona": persona_line(profile.persona, profile.persona_absent),
            **({"declared": declared_line(profile.declared)} if profile.declared else {}),
            "events": ", ".join(totals) or "none",
        }
        if profile.attributes:
            stated = (f"{plain(k)} = {plain(str(v))}" for k, v in profile.attributes.items())
            rows["stated"] = ", ".join(stated)
    else:
        rows = {
            "evidence": "nothing is known about this user",
            "rests on": layers_line(profile.weights, profile.level),
        }
    for name, value in rows.items():
        about.add_row(f"  {name}", Text(value))
    parts: list[RenderableType] = [
        Text(f"{plain(profile.user_id)} (version {profile.version})", style="bold"),
        about,
    ]
    if profile.interests or profile.dislikes:
        parts.append(_interests(profile.interests[:most], profile.dislikes[:most]))
    if profile.waiting:
        parts.append(Text("  some events are about items that nobody has described yet"))
    if profile.popular and not profile.interests:
        titles = ", ".join(item_name(item) for item in profile.popular[:5])
        whose = "people like them" if profile.persona else "everybody"
        parts.append(Text(f"  popular with {whose}: {titles}"))
    return Group(*parts, *staleness(profile.stale_because))


def _interests(likes: Sequence[InterestView], dislikes: Sequence[InterestView]) -> Table:
    strongest = max(abs(interest.worth) for interest in (*likes, *dislikes))
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  item")
    table.add_column("worth", justify="right")
    table.add_column("")
    table.add_column("last")
    table.add_column("on")
    for interest in (*likes, *dislikes):
        table.add_row(
            Text(f"  {item_name(interest)}"),
            f"{interest.worth:+.2f}",
            bar(abs(interest.worth) / strongest),
            cell(interest.action),
            day(interest.at),
        )
    return table
