"""Events into a real Kafka: acknowledged, or told in time that they are not."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator

import psutil
import pytest
from ingest_world import PARTITIONS, RATED

from local.directory import DataDirectory
from local.errors import ProgramMissing
from local.kafka import KafkaServer
from lookup.errors import EventsNotTaken
from lookup.ingest_checking import EventRecord, records_of
from lookup.ingest_kafka import KafkaEventLog
from schemas import topics
from streams.topics import ensure_topics

pytestmark = [pytest.mark.stack, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def own_kafka(directory: DataDirectory) -> Iterator[str]:
    """One that nobody else uses, so that it may stand still."""
    server = KafkaServer(directory)
    try:
        address = server.start()
    except ProgramMissing as missing:
        pytest.skip(str(missing))
    with server:
        yield address


def some_records(number: int) -> list[EventRecord]:
    batch = [{**RATED, "event_id": f"e{n}", "user_id": f"u{n % 7}"} for n in range(number)]
    return records_of(
        json.dumps(batch).encode(), tenant="default", now_ms=2**42, partitions=PARTITIONS
    )


async def test_each_record_is_told_its_offset(kafka_bootstrap: str) -> None:
    await ensure_topics(kafka_bootstrap, partitions=PARTITIONS)
    records = some_records(200)
    async with KafkaEventLog.opened(kafka_bootstrap) as log:
        first, second = await log.append(records), await log.append(records)
    by_place: dict[int, list[int]] = {}
    for record, offset in zip([*records, *records], [*first, *second], strict=True):
        assert record.topic == topics.INTERACTIONS
        by_place.setdefault(record.partition, []).append(offset)
    for offsets in by_place.values():
        # In the order sent, without a gap: nobody else writes here meanwhile.
        assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))


async def test_what_cannot_be_appended_is_told_in_time(kafka_bootstrap: str) -> None:
    record = EventRecord("interaction", f"strata.never-{uuid.uuid4().hex}", 0, b"k", b"{}")
    began = time.monotonic()
    async with KafkaEventLog.opened(kafka_bootstrap, timeout_s=1.5) as log:
        with pytest.raises(EventsNotTaken):
            await log.append([record])
    assert time.monotonic() - began < 20.0


async def test_a_kafka_that_stands_still_is_told_in_time_and_used_again_afterwards(
    new_children: Callable[[], list[psutil.Process]], own_kafka: str
) -> None:
    await ensure_topics(own_kafka, partitions=PARTITIONS)
    brokers = [child for child in new_children() if "java" in child.name()]
    assert len(brokers) == 1
    async with KafkaEventLog.opened(own_kafka, timeout_s=2.0) as log:
        await log.append(some_records(3))
        await log.answers()
        for broker in brokers:
            broker.suspend()
            # Its threads stop one after the other, and one of them may answer until then.
            for _ in range(1_000):
                if broker.status() == psutil.STATUS_STOPPED:
                    break
                await asyncio.sleep(0.01)
        try:
            with pytest.raises(EventsNotTaken, match="no broker answered"):
                await log.answers()
            began = time.monotonic()
            with pytest.raises(EventsNotTaken):
                await log.append(some_records(50))
            assert time.monotonic() - began < 5.0
        finally:
            for broker in brokers:
                broker.resume()
        for _ in range(20):
            try:
                offsets = await log.append(some_records(5))
            except EventsNotTaken:
                await asyncio.sleep(0.5)
            else:
                break
        assert len(offsets) == 5
        await log.answers()
