"""Publishing a history as workers get through it."""

import asyncio
from collections.abc import Iterator
from itertools import islice

import aiokafka
from write_side.publishing import Raw

from streams.partitions import partition_of

__all__ = ["Publisher"]

_AT_ONCE = 2_000


class Publisher:
    """Sends each record once, whatever the broker does meanwhile.

    Attributes:
        bad: (topic, partition, offset) of each record that is no event.
        sent: Records acknowledged.
    """

    def __init__(self, bootstrap: str, records: Iterator[Raw], *, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._records = records
        self._partitions = partitions
        self.bad: set[tuple[str, int, int]] = set()
        self.sent = 0

    async def publish(self, number: int) -> None:
        """The next so many records; fewer if there are no more."""
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            enable_idempotence=True,
            linger_ms=5,
            # However long the broker is away.
            request_timeout_ms=120_000,
        )
        await producer.start()
        try:
            wave = islice(self._records, number)
            while some := list(islice(wave, _AT_ONCE)):
                await self._send(producer, some)
        finally:
            await producer.stop()

    async def _send(self, producer: aiokafka.AIOKafkaProducer, some: list[Raw]) -> None:
        sent = []
        for raw in some:
            partition = raw.partition
            if partition is None:
                partition = partition_of(raw.key or b"", self._partitions)
            sent.append(await producer.send(raw.topic, raw.value, key=raw.key, partition=partition))
        for raw, answer in zip(some, await asyncio.gather(*sent), strict=True):
            self.sent += 1
            if raw.key == b"nobody":
                self.bad.add((answer.topic, answer.partition, answer.offset))
