"""How far a consumer group is, asked of the broker and not of a worker."""

from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from schemas import topics

__all__ = ["Offsets", "read_offsets"]

GROUP_TOPICS = (*topics.USER_TOPICS, topics.ITEMS, topics.PROFILE_UPDATES)


@dataclass(frozen=True, slots=True)
class Offsets:
    """By (topic, partition).

    Attributes:
        ends: Of all topics.
        committed: Of the topics that the group reads, where anything was committed.
    """

    ends: dict[tuple[str, int], int]
    committed: dict[tuple[str, int], int]

    @property
    def behind(self) -> dict[tuple[str, int], tuple[int, int]]:
        """(committed, end) where the two differ; nothing committed counts as 0."""
        return {
            place: (self.committed.get(place, 0), end)
            for place, end in self.ends.items()
            if place[0] in GROUP_TOPICS and self.committed.get(place, 0) != end
        }


async def read_offsets(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str
) -> Offsets:
    """Of a group, as the broker has them.

    Args:
        consumer: Without a group; only asked, never assigned.
    """
    described = await admin.describe_topics(
        [*GROUP_TOPICS, topics.ITEM_VECTORS, topics.PERSONAS, topics.DEAD_LETTERS]
    )
    places = [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]
    ends = await consumer.end_offsets(places)
    try:
        committed = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        # The broker makes its offsets topic when the first group asks for it.
        committed = {}
    return Offsets(
        {(place.topic, place.partition): end for place, end in ends.items()},
        {
            (place.topic, place.partition): found.offset
            for place, found in committed.items()
            if found.offset >= 0
        },
    )
