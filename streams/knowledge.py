"""What every worker knows whole: item vectors, item names, and the personas in force."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from profiles.catalogue import ItemCatalogue
from profiles.nextitem.itemspace import ItemSpace
from profiles.personas import Centroids
from profiles.ports import Vector
from schemas.announcements import (
    ItemVector,
    PersonaAnnouncement,
    decode_item_vector,
    decode_personas_announced,
)
from stores.kafka import client_options
from streams.learners import places_of
from streams.version_topics import FIRST_TOPICS, VersionTopics

__all__ = ["ITEMS_MARK", "PERSONAS_MARK", "Knowledge", "KnowledgeReader"]

_log = structlog.get_logger(__name__)

ITEMS_MARK: Final = "items:"
PERSONAS_MARK: Final = "personas:"
_NO_PERSONAS: Final = Centroids(0, {})
_RECORDS_PER_POLL: Final = 2_000


class Knowledge:
    """Item vectors and personas as far as they have been read.

    An item's place depends on its tenant's item space. A new version is announced
    together with centroids in it, but has to be loaded first (`streams.spaces`); until
    then the old ones stay in force, and then both switch in one step.

    Args:
        initial: The space of every tenant before any was learned, version 0.

    Attributes:
        catalogue: Places of all described items, each in its tenant's space.
    """

    def __init__(self, initial: ItemSpace) -> None:
        self.catalogue = ItemCatalogue(initial.dimension)
        self._initial = initial
        self._spaces: dict[str, ItemSpace] = {}
        self._vectors: dict[str, dict[int, Vector]] = {}
        self._texts: dict[int, tuple[str, ...]] = {}
        # Item → (partition, offset) of the record that last changed its vector, and
        # whether it had one before.
        self._changed: dict[int, tuple[int, int, bool]] = {}
        self._described: dict[str, dict[int, None]] = {}
        self._next_offsets: dict[int, int] = {}
        self._centroids: dict[str, Centroids] = {}
        self._order: dict[str, tuple[int, int]] = {}
        self._pending: dict[str, PersonaAnnouncement] = {}

    def learn_item(self, item: ItemVector, *, partition: int, offset: int) -> None:
        """Take in one announcement; a repeated vector changes nothing."""
        self.learn_items([(item, partition, offset)])

    def learn_items(self, announced: Iterable[tuple[ItemVector, int, int]]) -> None:
        """As `learn_item`, of (item, partition, offset); placing many at once is far cheaper."""
        fresh: dict[str, dict[int, Vector]] = {}
        for item, partition, offset in announced:
            vector = np.frombuffer(item.vector, "<f4").astype(np.float32)
            own = self._vectors.setdefault(item.tenant, {})
            known = own.get(item.item)
            if known is None or not np.array_equal(known, vector):
                own[item.item] = fresh.setdefault(item.tenant, {})[item.item] = vector
                self._changed[item.item] = (partition, offset, known is not None)
            title = (item.title,) if item.title else (item.item_id,)
            self._texts[item.item] = (*title, *item.subjects)
            self._described.setdefault(item.tenant, {})[item.item] = None
            self._next_offsets[partition] = offset + 1
        for tenant, vectors in fresh.items():
            places = places_of(self._space(tenant), vectors)
            for key, place in zip(vectors, places, strict=True):
                self.catalogue.put(key, place)

    def learn_personas(self, announced: PersonaAnnouncement) -> None:
        """Take in a tenant's centroids, unless a later leader or version is known.

        Centroids in a space that is not in force wait for `switch`.
        """
        order = (announced.token, announced.version)
        if order <= self._order.get(announced.tenant, (-1, -1)):
            return
        self._order[announced.tenant] = order
        if announced.space == self.centroids(announced.tenant).space:
            self._pending.pop(announced.tenant, None)
            self._enforce(announced)
        else:
            self._pending[announced.tenant] = announced

    def pending(self) -> list[PersonaAnnouncement]:
        """What waits for its item space to be loaded."""
        return list(self._pending.values())

    async def switch(self, announced: PersonaAnnouncement, space: ItemSpace) -> bool:
        """Put a loaded space and the centroids in it in force, together.

        False, and nothing has changed, if something newer was announced meanwhile.
        """
        own = dict(self._vectors.get(announced.tenant, {}))
        places = await asyncio.to_thread(places_of, space, own)
        if self._pending.get(announced.tenant) is not announced:
            return False
        del self._pending[announced.tenant]
        self._spaces[announced.tenant] = space
        for item, place in zip(own, places, strict=True):
            self.catalogue.put(item, place)
        for item, vector in self._vectors.get(announced.tenant, {}).items():
            if vector is not own.get(item):
                # It was described while the others were being placed.
                self.catalogue.put(item, space.place(item, vector))
        self._enforce(announced)
        return True

    @property
    def personas(self) -> int:
        """In force, of all tenants."""
        return sum(len(centroids) for centroids in list(self._centroids.values()))

    def centroids(self, tenant: str) -> Centroids:
        return self._centroids.get(tenant, _NO_PERSONAS)

    def texts(self, item: int) -> tuple[str, ...]:
        """Title (or id) and subjects of an item; empty if it is not described."""
        return self._texts.get(item, ())

    def has_described(self, tenant: str) -> bool:
        """Whether `take_described` would tell of any."""
        return bool(self._described.get(tenant))

    def take_described(self, tenant: str) -> list[int]:
        """Items that were announced since this was asked last; for one asker."""
        return list(self._described.pop(tenant, {}))

    def marks(self) -> dict[str, int]:
        """How far everything is in force, as bookmarks of a control point."""
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

    def _space(self, tenant: str) -> ItemSpace:
        return self._spaces.get(tenant, self._initial)

    def _enforce(self, announced: PersonaAnnouncement) -> None:
        self._centroids[announced.tenant] = Centroids(
            announced.version,
            {
                persona: np.frombuffer(centroid, "<f4").astype(np.float32)
                for persona, centroid in announced.centroids.items()
            },
            space=announced.space,
        )


class KnowledgeReader:
    """Reads the announcement topics whole, from their beginning, without a group."""

    def __init__(
        self, knowledge: Knowledge, *, bootstrap: str, names: VersionTopics = FIRST_TOPICS
    ) -> None:
        self._knowledge = knowledge
        self._names = names
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            **client_options(bootstrap),
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
        for topic in (self._names.item_vectors, self._names.personas):
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
            if place.topic == self._names.personas:
                for record in records:
                    if record.value is not None:
                        self._knowledge.learn_personas(decode_personas_announced(record.value))
            else:
                self._knowledge.learn_items(
                    (decode_item_vector(record.value), place.partition, record.offset)
                    for record in records
                    if record.value is not None
                )
        if fetched:
            self.changed.set()
