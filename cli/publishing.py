"""Sending events to Kafka, and knowing when they have taken effect."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from cli.errors import CommandFailed
from cli.event_files import OutgoingEvent
from cli.kafka_access import Offsets, admin_opened, committed_offsets, end_offsets
from cli.tracing import carried_headers
from schemas import topics
from stores.kafka import client_options
from streams.partitions import partition_of

__all__ = ["Publisher", "until_effective"]

_IN_FLIGHT: Final = 20_000
_POLL_S: Final = 0.1
_SETTLED_S: Final = 1.5
"""Longer than a worker takes from one round of maintenance or publication to the next."""


class Publisher:
    """Sends events where their keys belong; every one of them is acknowledged.

    Attributes:
        sent: How many have been handed over.
        next_offsets: Per place, the offset after the last acknowledged record.
    """

    def __init__(self, producer: AIOKafkaProducer, *, partitions: int) -> None:
        """Not for callers: use `opened`."""
        self._producer = producer
        self._partitions = partitions
        self._in_flight: deque[asyncio.Future[Any]] = deque()
        # One command, one span: all that it sends goes on from there.
        self._carried = carried_headers()
        self.sent = 0
        self.next_offsets: Offsets = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, bootstrap: str, *, partitions: int) -> AsyncIterator["Publisher"]:
        """Connect; at the end everything handed over has been acknowledged.

        Raises:
            CommandFailed: Kafka cannot be reached, or refused a record.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            **client_options(bootstrap),
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=256 * 1024,
        )
        try:
            await producer.start()
        except KafkaConnectionError as error:
            await producer.stop()
            raise CommandFailed(f"Kafka at {bootstrap} cannot be reached") from error
        try:
            publisher = cls(producer, partitions=partitions)
            yield publisher
            await publisher.flush()
        except KafkaError as error:
            raise CommandFailed(f"Kafka at {bootstrap} refused a record: {error}") from error
        finally:
            await producer.stop()

    async def send(
        self,
        event: OutgoingEvent,
        *,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> None:
        """Hand one event over; waits only when too many are unacknowledged."""
        place = partition_of(event.key, self._partitions)
        self._in_flight.append(
            await self._producer.send(
                event.topic,
                event.value,
                key=event.key,
                partition=place,
                headers=[*headers, *self._carried],
            )
        )
        self.sent += 1
        if len(self._in_flight) >= _IN_FLIGHT:
            await self._acknowledged(_IN_FLIGHT // 2)

    async def flush(self) -> None:
        """Return when everything handed over has been acknowledged."""
        await self._acknowledged(len(self._in_flight))

    async def _acknowledged(self, number: int) -> None:
        for _ in range(number):
            stored = await self._in_flight.popleft()
            place = (stored.topic, stored.partition)
            self.next_offsets[place] = max(self.next_offsets.get(place, 0), stored.offset + 1)


async def until_effective(
    bootstrap: str,
    *,
    group: str,
    next_offsets: Mapping[tuple[str, int], int],
    left: Callable[[int], None] = lambda _: None,
    patience_s: float = 60.0,
) -> None:
    """Return when records before `next_offsets` have taken effect.

    That is: they are folded, stored and committed, the updates that this caused are counted
    and committed, and nothing more has followed from them for a moment (items that were
    described, personas that moved). Profiles show it then; published statistics and personas
    follow with the worker's next rounds, of which nothing outside tells.

    Args:
        left: Told how many records are not committed yet.
        patience_s: Without any progress for so long, nobody is working.

    Raises:
        CommandFailed: no progress.
    """
    async with admin_opened(bootstrap) as admin:
        committed = _Committed(admin, group, patience_s=patience_s)
        await committed.past(next_offsets, left)
        quiet_since, before = time.monotonic(), None
        while time.monotonic() - quiet_since < _SETTLED_S:
            ends = await end_offsets(admin, bootstrap, [topics.PROFILE_UPDATES])
            if ends != before:
                quiet_since, before = time.monotonic(), ends
            await committed.past(ends, left)
            await asyncio.sleep(_POLL_S)


class _Committed:
    def __init__(self, admin: AIOKafkaAdminClient, group: str, *, patience_s: float) -> None:
        self._admin = admin
        self._group = group
        self._patience_s = patience_s

    async def past(
        self, wanted: Mapping[tuple[str, int], int], left: Callable[[int], None]
    ) -> None:
        last, since = -1, time.monotonic()
        while behind := await self._behind(wanted):
            left(behind)
            if behind != last:
                last, since = behind, time.monotonic()
            elif time.monotonic() - since > self._patience_s:
                raise CommandFailed(
                    f"no worker of group {self._group} has taken anything in for "
                    f"{self._patience_s:g} s ({behind} records left): is one running? "
                    "`strata doctor` tells more"
                )
            await asyncio.sleep(_POLL_S)
        left(0)

    async def _behind(self, wanted: Mapping[tuple[str, int], int]) -> int:
        committed = await committed_offsets(self._admin, self._group)
        return sum(max(0, end - committed.get(place, 0)) for place, end in wanted.items())
