"""Reading dead letters out of a real Kafka comes to its end, whatever lies there."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from write_side.ground import Ground

from schemas import topics
from streams.letter_log import KafkaLetterLog

pytestmark = [pytest.mark.anyio, pytest.mark.stack]


async def test_the_last_letters_are_read_where_partitions_are_empty(ground: Ground) -> None:
    log = KafkaLetterLog(ground.bootstrap)
    every = range(ground.partitions)
    async with asyncio.timeout(60):
        assert await log.last(every) == {}
        async with AIOKafkaProducer(bootstrap_servers=ground.bootstrap) as producer:
            # A compacted topic takes no record without a key.
            for value in (b"first", b"last"):
                await producer.send_and_wait(topics.DEAD_LETTERS, value, key=value, partition=1)
        for _ in range(3):
            found = await log.last(every)
            assert {place: record.value for place, record in found.items()} == {1: b"last"}
        read = [record async for batch in log.read(every) for record in batch.records]
        assert [record.value for record in read] == [b"first", b"last"]
