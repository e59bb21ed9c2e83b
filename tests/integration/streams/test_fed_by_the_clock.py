"""Where events come one by one, a worker does not do everything for each of them."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from histories import likes_of
from write_side.ground import Ground
from write_side.publishing import record_of
from write_side.running import options_of, running
from write_side.waiting import eventually

from schemas import topics
from streams.batches import RecordBatch
from streams.partitions import partition_of
from streams.watching import NotWatched

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

EVENTS = 300
PACE_S = 0.01


class Folds(NotWatched):
    """Counts folds of interactions."""

    def __init__(self) -> None:
        self.folds = 0

    @contextmanager
    def folding(self, chunk: RecordBatch, counts: Mapping[str, int]) -> Iterator[None]:
        del counts
        self.folds += chunk.topic == topics.INTERACTIONS
        yield


async def test_events_that_come_one_by_one_are_folded_together_and_all_counted(
    ground: Ground,
) -> None:
    folds = Folds()
    options = replace(options_of(ground), watch=folds)
    async with ground.opened() as opened, running(ground, opened, options=options) as now:
        await asyncio.wait_for(now.worker.ready.wait(), 60.0)
        duties = now.worker.duties
        producer = AIOKafkaProducer(bootstrap_servers=ground.bootstrap)
        await producer.start()
        try:
            for event in likes_of(EVENTS):
                record = record_of(event)
                partition = partition_of(record.key or b"", ground.partitions)
                await producer.send_and_wait(
                    record.topic, record.value, key=record.key, partition=partition
                )
                await asyncio.sleep(PACE_S)
        finally:
            await producer.stop()

        async def counted() -> bool:
            done = duties.profiles.counts["folded"] == EVENTS
            return done and duties.statistics.counts["applied"] == duties.profiles.counts["writes"]

        await eventually(counted)
        # A tenth of a second gathers some ten of them; one by one there would be EVENTS folds.
        assert folds.folds < EVENTS / 3
