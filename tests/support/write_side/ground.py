"""Where a test runs: topics of its own making, a namespace and stores nobody used before."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient

from stores.connect import ProfileStores, RedisStores, open_profile_stores, open_redis
from streams.embedding import HashingEmbedder
from streams.learners import LearnerSpec
from streams.topics import ensure_topics, specs
from streams.worker import Stores
from write_side.waiting import eventually

__all__ = ["DIMENSION", "TEXT_DIMENSION", "Ground", "Opened", "fresh_topics"]

TEXT_DIMENSION = 128
DIMENSION = LearnerSpec().dimension


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Addresses and names, all of which fit a command line.

    Attributes:
        namespace: Of the stores, and the consumer group.
        timeout_s: For each request to a store.
    """

    bootstrap: str
    redis_url: str
    qdrant_url: str
    namespace: str
    directory: str
    partitions: int = 4
    timeout_s: float = 10.0

    @asynccontextmanager
    async def opened(self) -> "AsyncIterator[Opened]":
        """The stores; with an embedded Qdrant, no other process may have them open."""
        profiles = await open_profile_stores(
            self.qdrant_url,
            namespace=self.namespace,
            dimension=TEXT_DIMENSION,
            space_dimension=DIMENSION,
            timeout_s=self.timeout_s,
        )
        try:
            live = await open_redis(
                self.redis_url,
                namespace=self.namespace,
                partitions=self.partitions,
                timeout_s=self.timeout_s,
            )
            try:
                yield Opened(profiles, live)
            finally:
                await live.close()
        finally:
            await profiles.close()

    @classmethod
    def new(
        cls, *, bootstrap: str, redis_url: str, qdrant_url: str, directory: str, partitions: int = 4
    ) -> "Ground":
        return cls(
            bootstrap=bootstrap,
            redis_url=redis_url,
            qdrant_url=qdrant_url,
            namespace=f"test-{uuid.uuid4().hex[:12]}",
            directory=directory,
            partitions=partitions,
        )


@dataclass(frozen=True, slots=True)
class Opened:
    profiles: ProfileStores
    live: RedisStores

    def for_worker(self) -> Stores:
        return Stores.over(self.profiles, self.live)


def embedder() -> HashingEmbedder:
    return HashingEmbedder(TEXT_DIMENSION)


async def fresh_topics(bootstrap: str, *, partitions: int) -> None:
    """All topics, empty: their names are fixed, and the session has one broker.

    Deleting and creating takes a fraction of a second, a Kafka of one's own three.
    """
    ours = [spec.name for spec in specs()]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        present = [name for name in await admin.list_topics() if name in ours]
        if present:
            await admin.delete_topics(present)

        async def gone() -> bool:
            return not set(ours) & set(await admin.list_topics())

        await eventually(gone, poll_s=0.02)
    finally:
        await admin.close()
    await ensure_topics(bootstrap, partitions=partitions)
