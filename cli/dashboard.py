"""What the dashboard shows out of Kafka: the stream, dead letters, and what became of personas."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from cli.composition import Addresses
from cli.dashboard_versions import HostedVersions
from cli.errors import CommandFailed, WrongUse
from cli.hosting import Hosting
from cli.kafka_access import consumer_opened
from cli.letters import Letter as KeptLetter
from cli.letters import NoLettersYet, Position, find_letter, parse_position, read_letters
from cli.publishing import Publisher
from cli.republishing import WouldBeRefused, republished
from cli.settings import Settings
from lookup.dashboard import Dashboard
from lookup.dashboard.sources import (
    Letter,
    NotSent,
    PersonaPast,
    PlacedPersonas,
    Reached,
    SourceUnavailable,
)
from schemas import topics
from schemas.announcements import AnnouncementFormatError, decode_personas_announced
from schemas.persona_events import PersonaEvent
from schemas.wire import DEFAULT_TENANT

__all__ = ["KafkaFlow", "KafkaLetters", "KafkaPersonas", "dashboard_opened", "tenant_of"]

_REPORT: Final = "report.json"
_LARGEST_REPORT: Final = 32 << 20
_LOOKED_INTO: Final = 64
_KAFKA_AWAY: Final = "Kafka does not respond just now; try again in a moment"
_KEPT: Final = 1_000
_LETTERS_HELD_S: Final = 2.0
_PATIENCE_S: Final = 10.0


@asynccontextmanager
async def dashboard_opened(
    settings: Settings, addresses: Addresses, *, hosting: Hosting | None = None
) -> AsyncIterator[Dashboard]:
    """What pages are made of. Without a Kafka among the addresses, some say that there is none.

    Args:
        hosting: Follows versions; without it there are none to show.

    Raises:
        CommandFailed: Kafka is named and cannot be reached.
    """
    dashboard = Dashboard(
        report=lambda: _report(settings.report),
        now_ms=_now_ms,
    )
    bootstrap = addresses.kafka_bootstrap
    if not bootstrap:
        yield dashboard
        return
    async with AsyncExitStack() as opened:
        one = await opened.enter_async_context(consumer_opened(bootstrap))
        other = await opened.enter_async_context(consumer_opened(bootstrap))
        versions = (
            None
            if hosting is None
            else await opened.enter_async_context(
                HostedVersions.opened(hosting, settings, addresses)
            )
        )
        yield replace(
            dashboard,
            versions=versions,
            flow=KafkaFlow(one, partitions=settings.partitions),
            letters=KafkaLetters(bootstrap, partitions=settings.partitions),
            past=KafkaPersonas(other),
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _report(directory: Path) -> bytes | None:
    try:
        with (directory / _REPORT).open("rb") as file:
            return file.read(_LARGEST_REPORT)
    except OSError:
        return None


class KafkaFlow:
    """Ends of the topics beside what is taken in of them, by one consumer without a group."""

    def __init__(self, consumer: AIOKafkaConsumer, *, partitions: int) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._asking = asyncio.Lock()

    async def reached(self, taken: Mapping[tuple[str, int], int]) -> Reached:
        """How far everything has come, and since when the oldest record waits."""
        places = [
            TopicPartition(topic, partition)
            for topic in topics.USER_TOPICS
            for partition in range(self._partitions)
        ]
        try:
            async with asyncio.timeout(_PATIENCE_S), self._asking:
                firsts = await self._consumer.beginning_offsets(places)
                ends = await self._consumer.end_offsets(places)
                reached = {
                    (place.topic, place.partition): max(
                        taken.get((place.topic, place.partition), 0), int(firsts[place])
                    )
                    for place in places
                }
                oldest = await self._oldest(
                    {
                        place: reached[place.topic, place.partition]
                        for place in places
                        if reached[place.topic, place.partition] < ends[place]
                    }
                )
        except (KafkaError, TimeoutError) as error:
            raise SourceUnavailable(_KAFKA_AWAY) from error
        return Reached(
            at_ms=_now_ms(),
            ends={(place.topic, place.partition): int(ends[place]) for place in places},
            taken=reached,
            oldest_waiting_ms=oldest,
        )

    async def _oldest(self, waiting: Mapping[TopicPartition, int]) -> int | None:
        """When the first record arrived that waits; None if none could be read in time."""
        looked = dict(list(waiting.items())[:_LOOKED_INTO])
        if not looked:
            return None
        self._consumer.assign(list(looked))
        for place, offset in looked.items():
            self._consumer.seek(place, offset)
        fetched = await self._consumer.getmany(timeout_ms=300)
        # So that nothing more is fetched of them while nobody watches.
        self._consumer.pause(*looked)
        return min((records[0].timestamp for records in fetched.values() if records), default=None)


class KafkaLetters:
    """Dead letters, read whole: they are few where all is well."""

    def __init__(self, bootstrap: str, *, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._held: tuple[float, list[KeptLetter]] | None = None
        self._reading = asyncio.Lock()

    async def letters(self, tenant: str) -> Sequence[Letter]:
        async with self._reading:
            now_s = time.monotonic()
            if self._held is None or now_s - self._held[0] > _LETTERS_HELD_S:
                self._held = now_s, await self._read(None)
            held = self._held[1]
        found = [_letter(kept) for kept in reversed(held)]
        return [replace(letter, raw=b"") for letter in found if letter.tenant == tenant]

    async def letter(self, tenant: str, position: str) -> Letter | None:
        kept = await self._kept(tenant, position)
        return None if kept is None else _letter(kept)

    async def send_again(
        self, tenant: str, position: str, *, value: bytes | None, key_of_event: bool
    ) -> None:
        kept = await self._kept(tenant, position)
        if kept is None:
            raise NotSent(f"there is no dead letter of {position}")
        try:
            event = republished(kept, value=value, key_of_event=key_of_event)
        except WouldBeRefused as error:
            raise NotSent(error.why) from error
        if event.event.tenant != tenant:
            raise NotSent("the event names another tenant than this one")
        try:
            async with Publisher.opened(self._bootstrap, partitions=self._partitions) as publisher:
                await publisher.send(event)
        except CommandFailed as error:
            raise SourceUnavailable(_KAFKA_AWAY) from error

    async def _kept(self, tenant: str, position: str) -> KeptLetter | None:
        try:
            wanted = parse_position(position)
            kept = find_letter(await self._read(wanted), wanted)
        except (CommandFailed, WrongUse):
            return None
        return kept if tenant_of(kept) == tenant else None

    async def _read(self, wanted: Position | None) -> list[KeptLetter]:
        try:
            # A list needs the bytes, too: they say whose a letter is.
            return await read_letters(
                self._bootstrap, raw_of=lambda one: wanted is None or one == wanted
            )
        except NoLettersYet:
            return []
        except (CommandFailed, KafkaError) as error:
            raise SourceUnavailable(_KAFKA_AWAY) from error


def tenant_of(letter: KeptLetter) -> str:
    """Whose a letter is as far as it says; "default" where it cannot be read."""
    try:
        value = json.loads(letter.raw)
    except (ValueError, RecursionError):
        return DEFAULT_TENANT
    named = value.get("tenant") if isinstance(value, dict) else None
    return named if isinstance(named, str) and named else DEFAULT_TENANT


def _letter(kept: KeptLetter) -> Letter:
    return Letter(
        position=str(kept.position),
        tenant=tenant_of(kept),
        reason=kept.reason,
        detail=kept.detail,
        received_ms=kept.received_ms,
        key=kept.key,
        raw=kept.raw,
        kept=kept.kept,
        length=kept.length,
        sha256=kept.sha256,
    )


class KafkaPersonas:
    """What the topics of personas still hold, followed from where it was left off.

    Announced places are compacted away with time, so they go back days rather than years;
    births, splits, merges and ends are kept for ever.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._events: dict[str, PersonaEvent] = {}
        self._placed: dict[str, list[PlacedPersonas]] = {}
        self._reading = asyncio.Lock()

    async def past(self, tenant: str) -> PersonaPast:
        try:
            async with asyncio.timeout(_PATIENCE_S), self._reading:
                await self._follow()
        except (KafkaError, TimeoutError) as error:
            raise SourceUnavailable(_KAFKA_AWAY) from error
        events = [event for event in self._events.values() if event.tenant == tenant]
        return PersonaPast(tuple(events), tuple(self._placed.get(tenant, ())))

    async def _follow(self) -> None:
        """Read on to where the topics end now; what comes meanwhile is for the next time."""
        places = [TopicPartition(name, 0) for name in (topics.PERSONAS, topics.PERSONA_EVENTS)]
        if not self._consumer.assignment():
            # Once and for all: taken up anew, an assignment has been seen to fetch nothing.
            self._consumer.assign(places)
            await self._consumer.seek_to_beginning(*places)
        ends = await self._consumer.end_offsets(places)
        while any([await self._consumer.position(place) < ends[place] for place in places]):
            for place, records in (await self._consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    self._note(place.topic, record.value, record.timestamp)

    def _note(self, topic: str, value: bytes | None, at_ms: int) -> None:
        if value is None:
            return
        if topic == topics.PERSONA_EVENTS:
            try:
                event = PersonaEvent.model_validate_json(value)
            except ValidationError:
                # Of a later version; it is told by that one's dashboard.
                return
            # One that is told twice has one id.
            self._events[event.event_id] = event
            return
        try:
            told = decode_personas_announced(value)
        except AnnouncementFormatError:
            return
        placed = self._placed.setdefault(told.tenant, [])
        placed.append(
            PlacedPersonas(
                at_ms=at_ms,
                version=told.version,
                space=told.space,
                places={
                    name: np.frombuffer(place, "<f4") for name, place in told.centroids.items()
                },
            )
        )
        del placed[:-_KEPT]
