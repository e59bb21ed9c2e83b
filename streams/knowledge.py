"""What every worker knows whole: item vectors, item names, and the personas in force."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from profiles.catalogue import ItemCatalogue
from profiles.personas import Centroids
from schemas import topics
from schemas.announcements import (
    ItemVector,
    PersonaAnnouncement,
    decode_item_vector,
    decode_personas_announced,
)

__all__ = ["ITEMS_MARK", "PERSONAS_MARK", "Knowledge", "KnowledgeReader"]

_log = structlog.get_logger(__name__)

ITEMS_MARK: Final = "items:"
PERSONAS_MARK: Final = "personas:"
_NO_PERSONAS: Final = Centroids(0, {})
_RECORDS_PER_POLL: Final = 2_000


class Knowledge:
    """Item vectors and personas as far as they have been read.

    Attributes:
        catalogue: Vectors of all described items.
    """

    def __init__(self, dimension: int) -> None:
        self.catalogue = ItemCatalogue(dimension)
        self._texts: dict[int, tuple[str, ...]] = {}
        # Item → (partition, offset) of the record that last changed its vector, and
        # whether it had one before.
        self._changed: dict[int, tuple[int, int, bool]] = {}
        self._next_offsets: dict[int, int] = {}
        self._centroids: dict[str, Centroids] = {}
        self._persona_order: dict[str, tuple[int, int]] = {}

    def learn_item(self, item: ItemVector, *, partition: int, offset: int) -> None:
        """Take in one announcement; a repeated vector changes nothing."""
        vector = np.frombuffer(item.vector, "<f4")
        known = self.catalogue.vector(item.item)
        if known is None or not np.array_equal(known, vector):
            self.catalogue.put(item.item, vector.astype(np.float32))
            self._changed[item.item] = (partition, offset, known is not None)
        title = (item.title,) if item.title else (item.item_id,)
        self._texts[item.item] = (*title, *item.subjects)
        self._next_offsets[partition] = offset + 1

    def learn_personas(self, announced: PersonaAnnouncement) -> None:
        """Take in a tenant's centroids, unless a later leader or version is known."""
        order = (announced.token, announced.version)
        if order <= self._persona_order.get(announced.tenant, (-1, -1)):
            return
        self._persona_order[announced.tenant] = order
        self._centroids[announced.tenant] = Centroids(
            announced.version,
            {
                persona: np.frombuffer(centroid, "<f4").astype(np.float32)
                for persona, centroid in announced.centroids.items()
            },
        )

    def centroids(self, tenant: str) -> Centroids:
        return self._centroids.get(tenant, _NO_PERSONAS)

    def texts(self, item: int) -> tuple[str, ...]:
        """Title (or id) and subjects of an item; empty if it is not described."""
        return self._texts.get(item, ())

    def marks(self) -> dict[str, int]:
        """How far everything has been read, as bookmarks of a control point."""
        marks = {
            f"{ITEMS_MARK}{partition}": offset for partition, offset in self._next_offsets.items()
        }
        for tenant, centroids in self._centroids.items():
            marks[f"{PERSONAS_MARK}{tenant}"] = centroids.version
        return marks

    def revised_since(self, marks: Mapping[str, int]) -> Iterator[int]:
        """Items that had a vector before and got another one after `marks`."""
        for item, (partition, offset, revised) in self._changed.items():
            if revised and offset >= marks.get(f"{ITEMS_MARK}{partition}", 0):
                yield item


class KnowledgeReader:
    """Reads the announcement topics whole, from their beginning, without a group."""

    def __init__(self, knowledge: Knowledge, *, bootstrap: str) -> None:
        self._knowledge = knowledge
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 << 20,
        )
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Read up to the present end of the topics."""
        await self._consumer.start()
        places: list[TopicPartition] = []
        for topic in (topics.ITEM_VECTORS, topics.PERSONAS):
            partitions = self._consumer.partitions_for_topic(topic)
            if not partitions:
                await self._consumer._client.force_metadata_update()  # noqa: SLF001 - aiokafka has no public way
                partitions = self._consumer.partitions_for_topic(topic) or set()
            places.extend(TopicPartition(topic, partition) for partition in sorted(partitions))
        self._consumer.assign(places)
        await self._consumer.seek_to_beginning(*places)
        ends = await self._consumer.end_offsets(places)
        while any([await self._consumer.position(place) < ends[place] for place in places]):
            await self._read()
        _log.info("announcements read", items=len(self._knowledge.catalogue))

    async def stop(self) -> None:
        await self._consumer.stop()

    async def follow(self) -> None:
        """Keep reading until cancelled."""
        while True:
            try:
                await self._read()
            except KafkaError as error:
                _log.warning("announcements cannot be read, trying again", error=repr(error))
                await asyncio.sleep(0.5)

    async def _read(self) -> None:
        fetched = await self._consumer.getmany(timeout_ms=500, max_records=_RECORDS_PER_POLL)
        for place, records in fetched.items():
            for record in records:
                if record.value is None:
                    continue
                if place.topic == topics.PERSONAS:
                    self._knowledge.learn_personas(decode_personas_announced(record.value))
                else:
                    self._knowledge.learn_item(
                        decode_item_vector(record.value),
                        partition=place.partition,
                        offset=record.offset,
                    )
        if fetched:
            self.changed.set()
