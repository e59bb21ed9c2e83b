"""Preferences from a real Kafka: every one that was there, once, and an end."""

import json
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from lookup.errors import EventsNotRead
from lookup.preferences_kafka import KafkaPreferenceLog
from schemas import topics
from streams.topics import ensure_topics

pytestmark = [pytest.mark.stack, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_all_preferences_are_read_and_what_is_none_is_left_out(kafka_bootstrap: str) -> None:
    await ensure_topics(kafka_bootstrap, partitions=4)
    tenant = f"t-{uuid.uuid4().hex}"
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    try:
        for number in range(50):
            event = {
                "event_id": f"e{number}",
                "type": "preference",
                "occurred_at": number,
                "tenant": tenant,
                "user_id": f"u{number % 7}",
                "chosen": {"text": f"good {number}"},
                "rejected": {"text": "bad"},
            }
            key = f"u{number % 7}".encode()
            await producer.send_and_wait(topics.PREFERENCES, json.dumps(event).encode(), key=key)
        await producer.send_and_wait(topics.PREFERENCES, b"no event", key=b"u1")
    finally:
        await producer.stop()
    read = [
        event
        async for batch in KafkaPreferenceLog(kafka_bootstrap).read()
        for event in batch
        if event.tenant == tenant
    ]
    assert sorted(event.occurred_at_ms for event in read) == [1000 * n for n in range(50)]


async def test_a_kafka_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(EventsNotRead):
        async for _ in KafkaPreferenceLog("127.0.0.1:1").read():
            pass
