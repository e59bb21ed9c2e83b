"""Preference events from Kafka: from the oldest that is kept to where the topic ends now."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from lookup.errors import EventsNotRead
from schemas import topics
from schemas.decoded import Preference
from schemas.fast import decode
from stores.kafka import client_options

__all__ = ["KafkaPreferenceLog"]

_AT_ONCE: Final = 500
_SILENCE_S: Final = 30.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class KafkaPreferenceLog:
    """Belongs to no group and commits nothing: workers do not notice."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def read(self) -> AsyncIterator[Sequence[Preference]]:
        """As the port promises; records that are no preference are left out."""
        consumer = AIOKafkaConsumer(
            topics.PREFERENCES,
            bootstrap_servers=self._bootstrap,
            **client_options(self._bootstrap),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            places = sorted(consumer.assignment())
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            async for batch in _until(consumer, ends):
                yield batch
        except KafkaError as error:
            # The cause names hosts, which are for the log and not for the caller.
            _log.warning("preferences could not be read", cause=repr(error))
            raise EventsNotRead("Kafka does not give the preferences away") from error
        finally:
            await consumer.stop()


async def _until(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
) -> AsyncIterator[Sequence[Preference]]:
    heard_s = time.monotonic()
    while any([await consumer.position(place) < end for place, end in ends.items()]):
        fetched = await consumer.getmany(timeout_ms=500, max_records=_AT_ONCE)
        if fetched:
            heard_s = time.monotonic()
        elif time.monotonic() > heard_s + _SILENCE_S:
            raise EventsNotRead(f"Kafka gave nothing for {_SILENCE_S:g} s")
        for place, records in fetched.items():
            events = [
                decode(record.value or b"", received_ms=record.timestamp, headers=record.headers)
                for record in records
                if record.offset < ends[place]
            ]
            yield [event for event in events if isinstance(event, Preference)]
