"""Records as any producer would publish them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiokafka

from schemas import topics
from schemas.keys import record_key
from streams.partitions import partition_of

__all__ = ["Event", "Raw", "publish", "record_of"]

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A record as it lies in Kafka.

    Attributes:
        partition: None for the one its key says.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def record_of(event: Event) -> Raw:
    """A valid event where it belongs."""
    ident = event["item_id"] if event["type"].startswith("item") else event["user_id"]
    return Raw(
        topic=topics.TOPIC_OF[event["type"]],
        key=record_key(event.get("tenant") or "default", ident),
        value=json.dumps(event, ensure_ascii=False).encode(),
    )


async def publish(
    bootstrap: str, records: Iterable[Event | Raw], *, partitions: int
) -> list[tuple[str, int, int]]:
    """Send in the order given; (topic, partition, offset) of each."""
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=bootstrap, linger_ms=5, max_request_size=4 << 20
    )
    await producer.start()
    try:
        sent = []
        for one in records:
            raw = one if isinstance(one, Raw) else record_of(one)
            partition = raw.partition
            if partition is None:
                partition = partition_of(raw.key or b"", partitions)
            sent.append(
                await producer.send(
                    raw.topic,
                    raw.value,
                    key=raw.key,
                    partition=partition,
                    headers=list(raw.headers),
                )
            )
        await producer.flush()
        answers = [await one for one in sent]
        return [(answer.topic, answer.partition, answer.offset) for answer in answers]
    finally:
        await producer.stop()
