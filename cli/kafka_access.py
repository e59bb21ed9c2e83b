"""What commands ask a Kafka."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from cli.errors import CommandFailed
from stores.kafka import client_options

__all__ = [
    "Offsets",
    "admin_opened",
    "committed_offsets",
    "consumer_opened",
    "end_offsets",
    "places_of",
]

Offsets = dict[tuple[str, int], int]
"""(topic, partition) → the offset after the last record that matters."""


@asynccontextmanager
async def admin_opened(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client.

    Raises:
        CommandFailed: Kafka cannot be reached.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=10_000, **client_options(bootstrap)
    )
    try:
        try:
            await admin.start()
        except KafkaConnectionError as error:
            raise CommandFailed(f"Kafka at {bootstrap} cannot be reached") from error
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def consumer_opened(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that belongs to no group and commits nothing.

    Raises:
        CommandFailed: Kafka cannot be reached.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **client_options(bootstrap),
    )
    try:
        try:
            await consumer.start()
        except KafkaConnectionError as error:
            raise CommandFailed(f"Kafka at {bootstrap} cannot be reached") from error
        # Its coordinator's task has to run once: stopped before, aiokafka 0.14 awaits a task that
        # was cancelled before its first line, and our caller would seem to be cancelled.
        await asyncio.sleep(0)
        yield consumer
    finally:
        await consumer.stop()


async def places_of(admin: AIOKafkaAdminClient, names: Iterable[str]) -> list[TopicPartition]:
    """Every partition of the topics; of topics that do not exist, none."""
    # Not asked of a consumer: it learns the partitions only of what it is subscribed to.
    return sorted(
        TopicPartition(topic["topic"], partition["partition"])
        for topic in await admin.describe_topics(list(names))
        for partition in topic["partitions"]
    )


async def end_offsets(admin: AIOKafkaAdminClient, bootstrap: str, names: Iterable[str]) -> Offsets:
    """Where each partition of the topics ends now."""
    places = await places_of(admin, names)
    async with consumer_opened(bootstrap) as consumer:
        ends = await consumer.end_offsets(places)
    return {(place.topic, place.partition): int(end) for place, end in ends.items()}


async def committed_offsets(admin: AIOKafkaAdminClient, group: str) -> Offsets:
    """Where the group goes on in each partition; partitions that it never committed are absent."""
    offsets = await admin.list_consumer_group_offsets(group)
    return {
        (place.topic, place.partition): int(committed.offset)
        for place, committed in offsets.items()
        if committed.offset >= 0
    }
