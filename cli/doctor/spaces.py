"""How old the item spaces are that profiles stand in."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from cli.connecting import KafkaSite
from cli.doctor.findings import Finding, note, right
from cli.errors import CommandFailed
from cli.kafka_access import admin_opened, consumer_opened, places_of
from cli.terminal import plain
from schemas import topics
from schemas.announcements import (
    AnnouncementFormatError,
    PersonaAnnouncement,
    decode_personas_announced,
)

__all__ = ["Announced", "examine_spaces", "space_findings"]

_PATIENCE_S: Final = 15.0
_OLD_S: Final = 86_400.0
"""Spaces are learned anew after an hour, where anything happens (`streams/learning.py`)."""
_NAMED: Final = 5

Announced = tuple[int, PersonaAnnouncement]
"""When it came, in ms since the epoch, and what it says."""


async def examine_spaces(site: KafkaSite) -> AsyncIterator[Finding]:
    """Nothing where Kafka does not answer: that has been found already."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            announced = await _announced(site.kafka_bootstrap)
    except (CommandFailed, KafkaError, TimeoutError):
        return
    for finding in space_findings(announced, now_ms=time.time_ns() // 1_000_000):
        yield finding


def space_findings(announced: Iterable[Announced], *, now_ms: int) -> Iterator[Finding]:
    """One for all tenants.

    Args:
        announced: Oldest first. The topic is compacted, so a space may be older than the oldest
            announcement of it that is left, and never younger.
    """
    since: dict[str, tuple[int, int]] = {}
    for at_ms, told in announced:
        if told.tenant not in since or since[told.tenant][0] != told.space:
            since[told.tenant] = (told.space, at_ms)
    ages_s = {tenant: (now_ms - at_ms) / 1_000 for tenant, (space, at_ms) in since.items() if space}
    if not ages_s:
        yield right("item space", "none has been learned yet: profiles stand in that of the texts")
        return
    by_age = sorted(ages_s, key=lambda tenant: (-ages_s[tenant], tenant))
    shown = ", ".join(
        f"{plain(tenant)}: version {since[tenant][0]}, {_span(ages_s[tenant])} old"
        for tenant in by_age[:_NAMED]
    )
    more = f" and {len(by_age) - _NAMED} more" if len(by_age) > _NAMED else ""
    if ages_s[by_age[0]] > _OLD_S:
        yield note(
            "item space",
            f"{shown}{more}",
            "where events have come since, the log of the worker of partition 0 says why it was "
            "not learned anew",
        )
    else:
        yield right("item space", f"{shown}{more}")


def _span(seconds: float) -> str:
    for length_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


async def _announced(bootstrap: str) -> list[Announced]:
    async with admin_opened(bootstrap) as admin:
        places = await places_of(admin, [topics.PERSONAS])
    if not places:
        return []
    async with consumer_opened(bootstrap) as consumer:
        return [one async for one in _read(consumer, places)]


async def _read(
    consumer: AIOKafkaConsumer, places: list[TopicPartition]
) -> AsyncIterator[Announced]:
    """To where the topic ends now."""
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    ends = await consumer.end_offsets(places)
    while any([await consumer.position(place) < ends[place] for place in places]):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                try:
                    yield record.timestamp, decode_personas_announced(record.value or b"")
                except AnnouncementFormatError:
                    # Of a later version; whoever wrote it can tell its age.
                    continue
