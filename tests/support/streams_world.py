"""A worker's engines over in-memory stores and an in-memory log."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.nextitem.settings import Settings
from profiles.policy import Policy
from profiles.ports import CounterTable
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.pseudonyms import secret_of
from schemas import topics
from schemas.announcements import decode_item_vector, decode_personas_announced
from schemas.keys import record_key
from stores.connect import ProfileStores, RedisStores, open_profile_stores, open_redis
from streams.consents_first import ConsentsFirst
from streams.embedding import HashingEmbedder
from streams.erasing import Erasing, ErasingOptions
from streams.gate import Gate
from streams.items import ItemEngine
from streams.keeping import Keeping
from streams.knowledge import Knowledge
from streams.learners import LearnerSpec, initial_space
from streams.learning import Learning, LearningOptions
from streams.letters import LetterKeeping
from streams.memory import MemoryConsumer, MemoryLetterLog, MemorySender
from streams.merging import Merger
from streams.ownership import Ownerships
from streams.partitions import partition_of
from streams.personas import PersonaEngine, PersonaOptions
from streams.profiles import ProfileEngine
from streams.releasing import ReleaseOptions, Releaser
from streams.sealed import SealedSnapshots
from streams.seals import Seals
from streams.spaces import SpaceLoader
from streams.statistics import StatisticsEngine
from streams.storing import Storing
from streams.sweeping import Sweeper
from streams.watching import NOT_WATCHED, Watch
from streams.workshop import InlineWorkshop, Workshop

TEXT_DIMENSION = 16
LEARNER = LearnerSpec(next_item=Settings(text_dimension=TEXT_DIMENSION, taste_dimension=8))
DIMENSION = LEARNER.dimension
PARTITIONS = 2
NOW_MS = 1_700_000_000_000
SECRET = secret_of("of the tests")
AT_ONCE = LearningOptions(least_users=3, refresh_interval_s=0.0, busy=1.0)


class Killed(BaseException):
    """The process ends here; not an `Exception`, as SIGKILL is not."""


def no_seam(_: str) -> None:
    return


@dataclass
class World:
    """What outlives a worker: stores, logs and committed offsets."""

    profiles: ProfileStores
    redis: RedisStores
    consumer: MemoryConsumer = field(default_factory=MemoryConsumer)
    policy: Policy = field(default_factory=Policy)
    sent_updates: int = 0
    rewrites: int = 0

    @classmethod
    async def open(cls) -> Self:
        return cls(
            await open_profile_stores(
                "memory://",
                namespace="test",
                dimension=TEXT_DIMENSION,
                space_dimension=DIMENSION,
            ),
            await open_redis("memory://", namespace="test", partitions=PARTITIONS),
        )

    async def rewritten(self) -> None:
        """Called when the files of the stores are to be written anew."""
        self.rewrites += 1

    def publish(self, event: Mapping[str, object], *, received_ms: int = NOW_MS) -> None:
        """Append an event where a murmur2 producer would put it."""
        kind = str(event["type"])
        ident = event["item_id"] if kind in ("item", "item_retired") else event["user_id"]
        key = record_key(str(event.get("tenant", "default")), str(ident))
        self.append(topics.TOPIC_OF[kind], key, json.dumps(event).encode(), received_ms=received_ms)

    def append(
        self, topic: str, key: bytes, value: bytes | None, *, received_ms: int = NOW_MS
    ) -> None:
        partition = partition_of(key, PARTITIONS)
        self.consumer.log(topic, partition).append(key, value, timestamp_ms=received_ms)

    async def counters(self) -> dict[CounterTable, dict[bytes, int]]:
        """Every counter, summed over partitions."""
        total: dict[CounterTable, dict[bytes, int]] = {}
        for partition in range(PARTITIONS):
            tables = await self.redis.aggregates.tables(partition)
            found = await self.redis.aggregates.counters(partition, tables)
            for table, counters in zip(tables, found, strict=True):
                into = total.setdefault(table, {})
                for name, count in counters.items():
                    into[name] = into.get(name, 0) + count
        return {table: counters for table, counters in total.items() if counters}


class Engines:
    """One worker on a world; a second one on the same world is a restart or a rival."""

    def __init__(
        self,
        world: World,
        *,
        nonce: str = "one",
        seam: Callable[[str], None] = no_seam,
        options: LearningOptions | None = None,
        declared: DeclaredPersonas = NOTHING_DECLARED,
        watch: Watch = NOT_WATCHED,
        data_policy: DataPolicy = ANYTHING_GOES,
        now_ms: int = NOW_MS,
        workshop: Workshop | None = None,
        elapsed_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.world = world
        declared = declared.under(data_policy.version)
        self.sender = MemorySender()
        self.delivered = 0
        self.knowledge = Knowledge(initial_space(TEXT_DIMENSION, LEARNER))
        self.embedder = HashingEmbedder(TEXT_DIMENSION)
        self.ownerships = Ownerships(
            control=world.profiles.control,
            consumer=lambda: world.consumer,
            nonce=nonce,
            known=self.knowledge.marks,
            sync=world.profiles.flush,
        )
        seals = Seals(ownerships=self.ownerships, cache=world.redis.cache, nonce=nonce)
        gate = Gate(partitions=PARTITIONS)
        self.letters = LetterKeeping(
            sender=self.sender,
            log=MemoryLetterLog(world.consumer.logs),
            store=world.profiles.erasures,
            secret=SECRET,
            clock_ms=lambda: now_ms,
            partitions=PARTITIONS,
        )
        self.items = ItemEngine(
            store=world.profiles.items,
            embedder=self.embedder,
            emitter=self.letters,
            gate=gate,
            partitions=PARTITIONS,
            watch=watch,
        )
        self.erasing = Erasing(
            store=world.profiles.erasures,
            users=world.profiles.users,
            passages=world.profiles.passages,
            cache=world.redis.cache,
            aggregates=world.redis.aggregates,
            letters=self.letters,
            rewrite=world.rewritten,
            sync=world.profiles.flush,
            options=ErasingOptions(secret=SECRET, rewrite_after_s=0.0),
            clock_ms=lambda: NOW_MS,
            elapsed_s=lambda: 0.0,
        )
        storing = Storing(
            users=world.profiles.users,
            items=world.profiles.items,
            cache=world.redis.cache,
            ownerships=self.ownerships,
            seals=seals,
            emitter=self.letters,
            catalogue=self.knowledge.catalogue,
            centroids=self.knowledge.centroids,
            policy=world.policy,
            declared=declared,
            data_policy=data_policy,
            commit=world.consumer.commit_offsets,
            sync=world.profiles.flush,
            erasing=self.erasing,
            seam=seam,
        )
        self.profiles = ProfileEngine(
            users=world.profiles.users,
            ownerships=self.ownerships,
            gate=gate,
            catalogue=self.knowledge.catalogue,
            centroids=self.knowledge.centroids,
            policy=world.policy,
            data_policy=data_policy,
            epoch=lambda: world.consumer.epoch,
            erasing=self.erasing,
            watch=watch,
            seam=seam,
            storing=storing,
        )
        self.statistics = StatisticsEngine(
            users=world.profiles.users,
            aggregates=world.redis.aggregates,
            cache=world.redis.cache,
            ownerships=self.ownerships,
            seals=seals,
            catalogue=self.knowledge.catalogue,
            policy=world.policy,
            declared=declared,
            data_policy=data_policy,
            epoch=lambda: world.consumer.epoch,
            clock_ms=lambda: NOW_MS,
        )
        self.spaces = SpaceLoader(self.knowledge, world.redis.aggregates)
        self.learning = Learning(
            users=world.profiles.users,
            items=world.profiles.items,
            aggregates=world.redis.aggregates,
            knowledge=self.knowledge,
            workshop=workshop or InlineWorkshop(LEARNER),
            options=options or AT_ONCE,
            data_policy=data_policy,
            clock_s=elapsed_s,
        )
        snapshots = SealedSnapshots(world.redis.aggregates)
        self.personas = PersonaEngine(
            store=world.profiles.personas,
            merger=Merger(
                aggregates=world.redis.aggregates,
                snapshots=snapshots,
                policy=world.policy,
                declared=declared,
                partitions=PARTITIONS,
                dimension=DIMENSION,
                clock_ms=lambda: NOW_MS,
            ),
            releaser=Releaser(
                aggregates=world.redis.aggregates,
                snapshots=snapshots,
                policy=world.policy,
                declared=declared,
                texts=self.knowledge.texts,
                clock_ms=lambda: NOW_MS,
                options=ReleaseOptions(interval_ms=0),
            ),
            ownerships=self.ownerships,
            emitter=self.sender,
            knowledge=self.knowledge,
            learning=self.learning,
            options=PersonaOptions(),
            dimension=DIMENSION,
            clock_ms=lambda: NOW_MS,
        )
        self.sweeper = Sweeper(
            users=world.profiles.users,
            engine=self.profiles,
            ownerships=self.ownerships,
            knowledge=self.knowledge,
            policy=world.policy,
            sync=world.profiles.flush,
            data_policy=data_policy,
        )
        self.consents_first = ConsentsFirst(
            data_policy=data_policy, consumer=lambda: world.consumer, elapsed_s=lambda: 0.0
        )
        self.keeping = Keeping(
            users=world.profiles.users,
            engine=self.profiles,
            passages=world.profiles.passages,
            data_policy=data_policy,
            clock_ms=lambda: now_ms,
            elapsed_s=lambda: 0.0,
        )

    async def own_all(self) -> None:
        for partition in range(PARTITIONS):
            await self.ownerships.own(partition)

    async def lead(self) -> None:
        """Tick until nothing is being learned and everything learned is in force."""
        assert await self.personas.tick()
        while not self.learning.idle:
            await asyncio.sleep(0)
            assert await self.personas.tick()

    async def drain(self) -> None:
        """Handle everything in the logs until nothing moves any more."""
        while await self._round():
            pass

    async def _round(self) -> bool:
        moved = False
        for place in sorted(self.world.consumer.logs):
            topic, _ = place
            while (batch := self.world.consumer.fetch(place)) is not None:
                moved = True
                if topic == topics.ITEMS:
                    await self.items.handle(batch)
                    await self.world.consumer.commit_offsets({place: batch.next_offset})
                elif topic == topics.PROFILE_UPDATES:
                    if await self.statistics.handle(batch):
                        await self.world.consumer.commit_offsets({place: batch.next_offset})
                elif topic in topics.USER_TOPICS:
                    for ready in await self.consents_first.next(batch):
                        await self.profiles.handle(ready)
        await self.profiles.flush()
        moved = self.deliver() or moved
        await self.spaces.load()
        return bool(await self.sweeper.sweep()) or moved

    def deliver(self) -> bool:
        """What was sent arrives: updates in their log, announcements in the knowledge."""
        fresh = self.sender.sent[self.delivered :]
        self.delivered = len(self.sender.sent)
        for record in fresh:
            log = self.world.consumer.log(record.topic, record.partition)
            log.append(record.key, record.value, timestamp_ms=NOW_MS, headers=tuple(record.headers))
            offset = log.end_offset - 1
            if record.topic == topics.ITEM_VECTORS and record.value is not None:
                item = decode_item_vector(record.value)
                self.knowledge.learn_item(item, partition=record.partition, offset=offset)
            elif record.topic == topics.PERSONAS and record.value is not None:
                self.knowledge.learn_personas(decode_personas_announced(record.value))
        return bool(fresh)

    def recall(self) -> None:
        """Read the announcements whole, as a starting worker does."""
        for (topic, partition), log in self.world.consumer.logs.items():
            for record in log.records:
                if record.value is None:
                    continue
                if topic == topics.ITEM_VECTORS:
                    item = decode_item_vector(record.value)
                    self.knowledge.learn_item(item, partition=partition, offset=record.offset)
                elif topic == topics.PERSONAS:
                    self.knowledge.learn_personas(decode_personas_announced(record.value))


def item(item_id: str, text: str, **more: object) -> dict[str, object]:
    return {
        "event_id": f"item-{item_id}-{text}",
        "type": "item",
        "occurred_at": 1_600_000_000,
        "item_id": item_id,
        "text": text,
        **more,
    }


def liked(user_id: str, item_id: str, at_s: int = 0, **more: object) -> dict[str, object]:
    return {
        "event_id": f"{user_id}-{item_id}-{at_s}",
        "type": "interaction",
        "occurred_at": 1_650_000_000 + at_s,
        "user_id": user_id,
        "item_id": item_id,
        "action": "like",
        **more,
    }
