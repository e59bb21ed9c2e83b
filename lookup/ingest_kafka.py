"""Events into Kafka: acknowledged by every in-sync replica, within a bounded time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from lookup.errors import EventsNotTaken
from lookup.ingest import EventLog
from lookup.ingest_checking import EventRecord
from stores.kafka import client_options

__all__ = ["KafkaEventLog", "Sending", "not_traced"]

_LARGEST_REQUEST_BYTES: Final = 8 << 20
_ANSWERS_WITHIN_S: Final = 2.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


Sending = Callable[[Sequence[EventRecord]], AbstractContextManager[Sequence[tuple[str, bytes]]]]
"""Around sending records; gives the headers that all of them carry."""


def not_traced(
    _records: Sequence[EventRecord],
) -> AbstractContextManager[Sequence[tuple[str, bytes]]]:
    """Nobody traces: records carry nothing."""
    return nullcontext(())


class KafkaEventLog(EventLog):
    """Partitions are chosen by the records: never by the client library."""

    def __init__(self, producer: AIOKafkaProducer, *, timeout_s: float, sending: Sending) -> None:
        """Not for callers: use `opened`."""
        self._producer = producer
        self._timeout_s = timeout_s
        self._sending = sending

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, bootstrap: str, *, timeout_s: float = 10.0, sending: Sending = not_traced
    ) -> AsyncIterator["KafkaEventLog"]:
        """Connect, and close at the end.

        Args:
            bootstrap: `host:port`, comma-separated.
            timeout_s: A request that is not acknowledged by then has failed.
            sending: Told of every request.

        Raises:
            KafkaConnectionError: no broker answers.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            **client_options(bootstrap),
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
            max_request_size=_LARGEST_REQUEST_BYTES,
            request_timeout_ms=int(timeout_s * 1000),
        )
        try:
            await producer.start()
            yield cls(producer, timeout_s=timeout_s, sending=sending)
        finally:
            await producer.stop()

    async def append(self, records: Sequence[EventRecord]) -> list[int]:
        with self._sending(records) as headers:
            return await self._append(records, headers)

    async def answers(self) -> None:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                reached = await self._producer.client.force_metadata_update()
        except (KafkaError, TimeoutError):
            reached = False
        if not reached:
            raise EventsNotTaken(f"no broker answered within {_ANSWERS_WITHIN_S:g} s")

    async def _append(
        self, records: Sequence[EventRecord], headers: Sequence[tuple[str, bytes]]
    ) -> list[int]:
        try:
            async with asyncio.timeout(self._timeout_s):
                sent = [
                    await self._producer.send(
                        record.topic,
                        record.value,
                        key=record.key,
                        partition=record.partition,
                        headers=list(headers),
                    )
                    for record in records
                ]
                # All are waited for, so that no failure goes unseen.
                stored = await asyncio.gather(*sent, return_exceptions=True)
        except (KafkaError, TimeoutError) as error:
            raise self._not_taken(records, error) from error
        offsets: list[int] = []
        for outcome in stored:
            if isinstance(outcome, KafkaError):
                raise self._not_taken(records, outcome) from outcome
            if isinstance(outcome, BaseException):
                raise outcome
            offsets.append(int(outcome.offset))
        return offsets

    def _not_taken(self, records: Sequence[EventRecord], error: Exception) -> EventsNotTaken:
        # The cause names hosts, which are for the log and not for the caller.
        _log.warning("events were not acknowledged", records=len(records), cause=repr(error))
        return EventsNotTaken(f"Kafka did not acknowledge within {self._timeout_s:g} s")
