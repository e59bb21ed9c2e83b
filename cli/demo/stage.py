"""The demo's stage: what is sent into a running stack, and when it has taken effect."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from cli.errors import CommandFailed
from cli.event_files import InvalidLine, Line, OutgoingEvent, outgoing
from cli.processes import Everything
from cli.progress import sending_progress, waiting_progress
from cli.publishing import Publisher, until_effective
from lookup.queries import Lookup
from schemas.views import StatisticsView
from streams.learning import LearningOptions

__all__ = ["TENANT", "Stage", "counted_events"]

TENANT: Final = "default"
_LEARNED_ANEW: Final = 1.1
_QUIET_S: Final = 3.0
_PATIENCE_S: Final = 90.0
_POLL_S: Final = 0.25


@dataclass(slots=True)
class Stage:
    """A running stack with a publisher.

    Attributes:
        tenant: Whose answers tell that everything has come to rest.
        due: Events of its users, repeats apart, that the statistics must count before anything
            can have come to rest.
    """

    everything: Everything
    publisher: Publisher
    notes: Console
    tenant: str = TENANT
    due: int = 0

    @property
    def lookup(self) -> Lookup:
        return self.everything.lookup

    async def send(self, title: str, records: Sequence[dict[str, object]]) -> None:
        """Publish events made here, with a progress bar."""
        encode = msgspec.json.encode
        await self.send_events(
            title,
            (_checked(Line(Path(title), n, encode(record))) for n, record in enumerate(records, 1)),
            total=len(records),
        )
        self.due += sum(1 for record in records if "user_id" in record)

    async def send_events(self, title: str, events: Iterable[OutgoingEvent], *, total: int) -> None:
        with sending_progress(self.notes) as progress:
            task = progress.add_task(f"  {title}", total=total, events=0)
            for number, event in enumerate(events, 1):
                await self.publisher.send(event)
                if number % 256 == 0:
                    progress.update(task, completed=number, events=number)
                    # Worker and lookup run in this loop too.
                    await asyncio.sleep(0)
            await self.publisher.flush()
            progress.update(task, completed=total, events=total)

    async def effective(self) -> None:
        """Return when everything sent is folded, stored and counted.

        Raises:
            CommandFailed: the worker makes no progress.
        """
        stack = self.everything.stack
        with waiting_progress(self.notes) as progress:
            task = progress.add_task("  folding")
            await until_effective(
                stack.kafka_bootstrap,
                group=stack.group,
                next_offsets=self.publisher.next_offsets,
                left=lambda left: progress.update(
                    task, description=f"  folding: {left:,} records left"
                ),
            )

    async def settled(self) -> StatisticsView:
        """As `effective`, and the published personas and statistics have come to rest.

        Raises:
            CommandFailed: not every event was counted, or nothing comes to rest.
        """
        await self.effective()
        started = quiet_since = time.monotonic()
        before: tuple[object, ...] = ()
        with waiting_progress(self.notes) as progress:
            progress.add_task("  personas and statistics come to rest")
            while True:
                statistics = await self.lookup.exact.statistics(self.tenant)
                personas = await self.lookup.exact.personas(self.tenant)
                now = (statistics, personas.version, personas.users)
                # So many more events make the leader learn anew, if there are users enough.
                few = statistics.directed < LearningOptions().least_users
                learned = few or counted_events(statistics) < _LEARNED_ANEW * personas.sought_events
                if now != before:
                    before, quiet_since = now, time.monotonic()
                counted = counted_events(statistics)
                quiet_s = time.monotonic() - quiet_since
                # A repeat older than what is kept of a user is counted again.
                if counted >= self.due and learned and quiet_s >= _QUIET_S:
                    return statistics
                if counted < self.due and quiet_s > _PATIENCE_S:
                    raise CommandFailed(
                        f"the stream did not drain: {self.due:,} events were sent and "
                        f"{counted:,} counted"
                    )
                if time.monotonic() - started > 4 * _PATIENCE_S:
                    raise CommandFailed("personas and statistics do not come to rest")
                await asyncio.sleep(_POLL_S)


def counted_events(statistics: StatisticsView) -> int:
    """How many events of users the statistics have counted."""
    return sum(sum(by_action.values()) for by_action in statistics.events.values())


def _checked(line: Line) -> OutgoingEvent:
    event = outgoing(line, now_ms=time.time_ns() // 1_000_000)
    if isinstance(event, InvalidLine):
        raise CommandFailed(str(event))
    return event
