"""Where contenders meet: one broker, one Redis, topics that are filled once."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import Producer

from benchmarks.load import Record
from local.directory import DataDirectory
from local.stack import EmbeddedStack
from schemas import topics
from streams.partitions import partition_of
from streams.topics import ensure_topics, specs

__all__ = ["Ground", "standing"]

_FILLED: Final = frozenset({topics.INTERACTIONS, topics.ITEMS})
_IN_FLIGHT: Final = 50_000


@dataclass(frozen=True, slots=True)
class Ground:
    """Addresses, and a directory for whoever runs here.

    Attributes:
        partitions: Of every topic of the write side.
    """

    bootstrap: str
    redis_url: str
    directory: Path
    partitions: int

    async def fill(self, *, items: Iterable[Record], events: Iterable[Record]) -> None:
        """Empty topics, then these records in two of them."""
        await self.renew(filled=True)
        self.publish(topics.ITEMS, items)
        self.publish(topics.INTERACTIONS, events)

    async def renew(self, *, filled: bool = False) -> None:
        """Delete and create again all topics that contenders write to.

        Args:
            filled: Those also that `fill` fills.
        """
        names = [spec.name for spec in specs() if filled or spec.name not in _FILLED]
        await _deleted(self.bootstrap, names)
        await ensure_topics(self.bootstrap, partitions=self.partitions)

    def publish(self, topic: str, records: Iterable[Record]) -> int:
        """Records where a murmur2 producer puts them; how many there were."""
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "linger.ms": 20, "batch.num.messages": 5_000}
        )
        sent = 0
        for sent, (key, value) in enumerate(records, start=1):
            producer.produce(topic, value, key, partition_of(key, self.partitions))
            if sent % _IN_FLIGHT == 0:
                producer.flush()
        producer.flush()
        return sent

    def room(self, name: str) -> Path:
        """An empty directory."""
        path = self.directory / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path


@contextmanager
def standing(directory: Path, *, partitions: int) -> Iterator[Ground]:
    """Kafka and Redis as children, for as long as this is open."""
    with (
        DataDirectory.lock(directory / "stack") as owned,
        EmbeddedStack(owned, kafka_heap="768m") as stack,
    ):
        # Already started: this only asks for the addresses.
        addresses = stack.start()
        yield Ground(addresses.kafka_bootstrap, addresses.redis_url, directory, partitions)


async def _deleted(bootstrap: str, names: Sequence[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        if present := [name for name in names if name in there]:
            await admin.delete_topics(present)
    finally:
        await admin.close()
