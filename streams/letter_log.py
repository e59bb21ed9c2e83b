"""Reading dead letters out of Kafka, by consumers of no group that live as long as one reading."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from profiles.ports import StoreUnavailable
from schemas import topics
from stores.kafka import client_options
from streams.batches import Record, RecordBatch
from streams.closing import closed_within

__all__ = ["KafkaLetterLog"]

_FETCH_MS: Final = 500
_CLOSED_S: Final = 10.0
_PATIENCE_S: Final = 30.0
"""So long may nothing come of what is known to be there."""


class KafkaLetterLog:
    """As `streams.letters.LetterLog`."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def read(self, partitions: Sequence[int]) -> AsyncIterator[RecordBatch]:
        async with self._reading(partitions) as (consumer, ends):
            await consumer.seek_to_beginning(*ends)
            async for batch in _until(consumer, ends):
                yield batch

    async def last(self, partitions: Sequence[int]) -> Mapping[int, Record]:
        async with self._reading(partitions) as (consumer, ends):
            firsts = await consumer.beginning_offsets(list(ends))
            there = {place: end for place, end in ends.items() if end > firsts[place]}
            # Not assigned anew: a consumer whose assignment changed while it fetched never stops.
            for place, end in there.items():
                consumer.seek(place, end - 1)
            return {batch.partition: batch.records[-1] async for batch in _until(consumer, there)}

    @asynccontextmanager
    async def _reading(
        self, partitions: Sequence[int]
    ) -> AsyncIterator[tuple[AIOKafkaConsumer, dict[TopicPartition, int]]]:
        """A consumer that is assigned the partitions, and where each of them ends now."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **client_options(self._bootstrap),
        )
        try:
            await consumer.start()
            # Its coordinator's task has to run once: see `cli.kafka_access`.
            await asyncio.sleep(0)
            places = [TopicPartition(topics.DEAD_LETTERS, place) for place in partitions]
            consumer.assign(places)
            yield consumer, await consumer.end_offsets(places)
        except KafkaError as error:
            raise StoreUnavailable(f"dead letters cannot be read: {error!r}") from error
        finally:
            await closed_within(_CLOSED_S, consumer.stop(), what="a reader of dead letters")


async def _until(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[RecordBatch]:
    """What lies before the ends; a position passes what compaction took, too."""
    loop = asyncio.get_running_loop()
    moved_s = loop.time()
    while any([await consumer.position(place) < end for place, end in ends.items()]):
        fetched = await consumer.getmany(timeout_ms=_FETCH_MS)
        for place, records in fetched.items():
            moved_s = loop.time()
            yield RecordBatch(place.topic, place.partition, 0, records)
        if loop.time() - moved_s > _PATIENCE_S:
            raise StoreUnavailable(f"nothing came of dead letters for {_PATIENCE_S:g} s")
