"""The demo over anybody's files: no truth to compare with, so the busiest user is shown."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from cli.demo.scenes import heading
from cli.demo.stage import Stage, counted_events
from cli.errors import CommandFailed
from cli.event_files import InvalidLine, OutgoingEvent, lines_of, outgoing
from cli.terminal import cell, plain
from cli.views.population import render_personas, render_statistics
from cli.views.profile import render_profile
from cli.views.ranking import render_ranking
from schemas.decoded import (
    Attributes,
    Document,
    Interaction,
    Item,
    ItemRetired,
    Preference,
)

__all__ = ["play_files"]

_MOST_SHOWN = 20


class _Reader:
    """Valid events of files, with a count of who they are about.

    Attributes:
        users: Events per (tenant, user), repeats included.
        distinct: Events that statistics count, per tenant, by the hash of their id.
    """

    def __init__(self, notes: Console) -> None:
        self._notes = notes
        self.users: Counter[tuple[str, str]] = Counter()
        self.distinct: defaultdict[str, set[int]] = defaultdict(set)
        self.invalid = 0

    def events(self, path: Path) -> Iterator[OutgoingEvent]:
        for line in lines_of(path):
            event = outgoing(line, now_ms=time.time_ns() // 1_000_000)
            if isinstance(event, InvalidLine):
                self.invalid += 1
                if self.invalid <= _MOST_SHOWN:
                    self._notes.print(cell(f"  {event}"))
                continue
            match event.event:
                case Item() | ItemRetired():
                    pass
                case Interaction() | Preference() | Document() | Attributes() as counted:
                    self.users[counted.tenant, counted.user_id] += 1
                    self.distinct[counted.tenant].add(hash((counted.user_id, counted.event_id)))
                case about:
                    self.users[about.tenant, about.user_id] += 1
            yield event


async def play_files(stage: Stage, out: Console, *, items: Path, events: Sequence[Path]) -> None:
    """Send the files, then show the busiest user and everybody.

    Raises:
        CommandFailed: no event in the files, one cannot be read, or the stream did not drain.
    """
    reader = _Reader(stage.notes)
    heading(out, "Events from files")
    for path in (items, *events):
        lines = sum(1 for _ in lines_of(path))
        await stage.send_events(plain(path.name), reader.events(path), total=lines)
    if reader.invalid:
        out.print(f"  left out {reader.invalid:,} invalid lines")
    if not reader.users:
        raise CommandFailed("there is no valid event of any user in the files")
    (tenant, user_id), _ = reader.users.most_common(1)[0]
    stage.tenant, stage.due = tenant, len(reader.distinct[tenant])
    statistics = await stage.settled()
    out.print(
        f"  {reader.users.total():,} events of users sent; {stage.due:,} different ones of tenant "
        f"{plain(tenant)}, {counted_events(statistics):,} counted"
    )

    heading(out, "The busiest user")
    out.print(render_profile(await stage.lookup.profile(tenant, user_id), most=5))
    heading(out, "What to offer them, and why")
    out.print(render_ranking(await stage.lookup.rank(tenant, user_id, limit=5)))
    heading(out, "Personas")
    out.print(render_personas(await stage.lookup.exact.personas(tenant)))
    heading(out, "Everybody")
    out.print(render_statistics(statistics))
