"""A consumer group's place in the topics, read and set from outside of the group."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    CommitFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalGenerationError,
    KafkaConnectionError,
    KafkaError,
    UnknownMemberIdError,
)

from stores.kafka import client_options
from streams.ownership import Place
from streams.topics import TopicsUnavailable

__all__ = ["GroupAtWork", "KafkaView", "commit_for", "kafka_opened"]


class GroupAtWork(RuntimeError):
    """Workers are members of the group, and only they may say where it goes on."""


class KafkaView:
    """What can be asked of a Kafka without joining a group."""

    def __init__(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        """Not for callers: use `kafka_opened`."""
        self._admin = admin
        self._consumer = consumer

    async def cluster(self) -> str:
        """The cluster's id, which no other has."""
        described = await self._admin.describe_cluster()
        return str(described["cluster_id"])

    async def committed(self, group: str) -> dict[Place, int]:
        """Next offsets of the group; places where it never committed are absent."""
        try:
            found = await self._admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            # The broker makes its offsets topic when the first group asks for it.
            return {}
        return {
            (place.topic, place.partition): int(one.offset)
            for place, one in found.items()
            if one.offset >= 0
        }

    async def members(self, group: str) -> int:
        """How many workers the group has now."""
        try:
            answers = await self._admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            return 0
        return sum(
            len(found["members"]) for answer in answers for found in answer.to_object()["groups"]
        )

    async def places(self, topics: Iterable[str]) -> list[Place]:
        """Every partition of those topics that exist."""
        described = await self._admin.describe_topics(list(topics))
        return sorted(
            (topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        )

    async def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The offset that the next record will get."""
        return self._found(await self._consumer.end_offsets([TopicPartition(*p) for p in places]))

    async def beginnings(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first offset that is still there, or the end of an empty partition."""
        asked = [TopicPartition(*place) for place in places]
        return self._found(await self._consumer.beginning_offsets(asked))

    async def at_time(self, places: Iterable[Place], moment_ms: int) -> dict[Place, int]:
        """The first offset whose record came in at that moment or later, else the end."""
        asked = [TopicPartition(*place) for place in places]
        found = await self._consumer.offsets_for_times(dict.fromkeys(asked, moment_ms))
        ends = await self._consumer.end_offsets(asked)
        return {
            (place.topic, place.partition): ends[place] if one is None else int(one.offset)
            for place, one in found.items()
        }

    @staticmethod
    def _found(offsets: Mapping[TopicPartition, int]) -> dict[Place, int]:
        return {(place.topic, place.partition): int(one) for place, one in offsets.items()}


@asynccontextmanager
async def kafka_opened(bootstrap: str) -> AsyncIterator[KafkaView]:
    """Connect.

    Raises:
        TopicsUnavailable: no broker answers.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=10_000, **client_options(bootstrap)
    )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, **client_options(bootstrap)
    )
    try:
        try:
            await admin.start()
            await consumer.start()
        except KafkaConnectionError as error:
            raise TopicsUnavailable(f"Kafka at {bootstrap} cannot be reached") from error
        yield KafkaView(admin, consumer)
    finally:
        await consumer.stop()
        await admin.close()


async def commit_for(bootstrap: str, group: str, offsets: Mapping[Place, int]) -> None:
    """Say where a group goes on that has no members now.

    Raises:
        GroupAtWork: it has members.
        TopicsUnavailable: Kafka does not answer, or refused.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        **client_options(bootstrap),
    )
    try:
        await consumer.start()
        places = {TopicPartition(*place): offset for place, offset in offsets.items()}
        consumer.assign(list(places))
        await consumer.commit(
            {place: OffsetAndMetadata(offset, "") for place, offset in places.items()}
        )
    except (CommitFailedError, UnknownMemberIdError, IllegalGenerationError) as error:
        raise GroupAtWork(f"workers of group {group} are running: stop them first") from error
    except KafkaError as error:
        raise TopicsUnavailable(f"Kafka at {bootstrap}: {error}") from error
    finally:
        await consumer.stop()
