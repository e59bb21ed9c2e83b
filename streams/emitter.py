"""Sending records and knowing that they arrived."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from msgspec import Struct

from stores.kafka import client_options

__all__ = ["Emitter", "Outgoing", "Sender"]

_log = structlog.get_logger(__name__)

_LARGEST_REQUEST_BYTES = 8 << 20
_BATCH_BYTES = 512 << 10
"""Topics take 1 MiB at least; a larger record is a batch of its own."""

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


class Outgoing(Struct, frozen=True):
    """A record to send, its partition chosen by the sender."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Sender(Protocol):
    """Where engines leave records."""

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Return once every record is safe."""
        ...


class Emitter:
    """A Kafka producer whose sends may be repeated: every reader of them is idempotent."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            **client_options(bootstrap),
            acks="all",
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_LARGEST_REQUEST_BYTES,
        )

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Send and wait until every record is acknowledged by all in-sync replicas.

        A record that the broker did not take is sent again, with growing pauses,
        for as long as it takes: the caller's offsets wait meanwhile.
        """
        left = list(records)
        pause_s = _FIRST_PAUSE_S
        while left:
            left = await self._try(left)
            if left:
                _log.warning("broker did not take records, trying again", records=len(left))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _try(self, records: Sequence[Outgoing]) -> list[Outgoing]:
        """Send once; those that the broker did not take, in order."""
        places: dict[tuple[str, int], list[Outgoing]] = {}
        for record in records:
            places.setdefault((record.topic, record.partition), []).append(record)
        left = await asyncio.gather(
            *(self._send_to(topic, partition, own) for (topic, partition), own in places.items())
        )
        return [record for own in left for record in own]

    async def _send_to(
        self, topic: str, partition: int, records: Sequence[Outgoing]
    ) -> Sequence[Outgoing]:
        """Send to one partition batch by batch, up to the first that fails; what is left."""
        start = 0
        while start < len(records):
            # One future a batch: thousands of records cost more in futures than in bytes.
            batch = self._producer.create_batch()
            end = start
            while end < len(records) and _appended(batch, records[end]):
                end += 1
            try:
                sent = await self._producer.send_batch(batch, topic, partition=partition)
                await sent
            except KafkaError:
                return records[start:]
            start = end
        return ()


def _appended(batch: BatchBuilder, record: Outgoing) -> bool:
    """Whether there was room for it; there always is in an empty batch."""
    headers = list(record.headers)
    return (
        batch.append(timestamp=None, key=record.key, value=record.value, headers=headers)
        is not None
    )
