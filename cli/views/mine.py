"""What is kept of a person, on the terminal, for that person."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from cli.terminal import plain
from schemas.privacy_views import MineView, OwnKindView

__all__ = ["render_mine"]

_SAID = {True: "you allowed it", False: "you withdrew it", None: "you said nothing about it"}


def render_mine(mine: MineView) -> RenderableType:
    """Kind by kind, then what was worked out."""
    if not mine.known:
        return Text(f"Nothing is kept about {plain(mine.user_id)}.")
    parts: list[RenderableType] = [
        Text(f"What is kept about {plain(mine.user_id)}", style="bold"),
        *(line for kind in mine.kinds for line in _kind(kind)),
    ]
    if mine.inferred:
        parts += [Text(), Text("Worked out, not stated", style="bold")]
        for one in mine.inferred:
            rests = " and ".join(one.rests_on) or "nothing that is kept"
            parts.append(Text(f"  {one.what}: {plain(one.text)} (from your {rests})"))
        parts.append(
            Text("  To change or remove these, change or remove what they were worked out from.")
        )
    return Group(*parts)


def _kind(kind: OwnKindView) -> Iterator[Text]:
    seen_by = ", ".join(kind.purposes) or "nothing"
    kept = "while among the latest" if kind.kept_days is None else f"for {kind.kept_days:g} days"
    yield Text()
    yield Text(f"{kind.data_type.capitalize()}", style="bold")
    yield Text(f"  {_SAID[kind.consent]}; kept {kept}; seen by {seen_by}")
    for line in kind.lines:
        until = "" if line.kept_until is None else f", until {line.kept_until[:10]}"
        yield Text(f"  {plain(line.text)} ({line.at[:10]}{until})")
    if kind.more:
        yield Text(f"  and {kind.more:,} more; `strata export` gives them all")
    if not kind.lines:
        yield Text("  nothing")
