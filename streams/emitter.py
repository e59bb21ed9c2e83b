"""Sending records and knowing that they arrived."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

__all__ = ["Emitter", "Outgoing", "Sender"]

_log = structlog.get_logger(__name__)

_LARGEST_REQUEST_BYTES = 8 << 20
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Outgoing:
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
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
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
        waiting = []
        failed = []
        for record in records:
            try:
                sent = await self._producer.send(
                    record.topic,
                    record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                )
            except KafkaError:
                failed.append(record)
            else:
                waiting.append((record, sent))
        answers = await asyncio.gather(*(sent for _, sent in waiting), return_exceptions=True)
        for (record, _), answer in zip(waiting, answers, strict=True):
            if isinstance(answer, KafkaError):
                failed.append(record)
            elif isinstance(answer, BaseException):
                raise answer
        return failed
