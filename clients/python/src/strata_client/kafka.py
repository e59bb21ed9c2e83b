"""Publishing straight into Kafka; needs `strata-client[kafka]`.

The partition is chosen here, by murmur2 of the key as Kafka's Java client does: a record that
lies elsewhere would have to be forwarded.
"""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from strata_client._tracing import carried
from strata_client.errors import NotAcknowledged
from strata_client.events import Record
from strata_client.positions import Positions

__all__ = ["AsyncKafkaPublisher", "KafkaPublisher", "partition_of"]

_LARGEST_REQUEST_BYTES: Final = 8 << 20


def partition_of(key: bytes, partitions: int) -> int:
    """Partition in [0, partitions) of a record key.

    >>> partition_of(b"anna", 4)
    3
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class AsyncKafkaPublisher:
    """An idempotent producer that waits for every in-sync replica; connects when first used.

    Args:
        bootstrap: `host:port`, comma-separated.
        timeout_s: Within which records have to be acknowledged.
        options: Further arguments of `aiokafka.AIOKafkaProducer`, such as `security_protocol`,
            `sasl_mechanism` and `ssl_context`.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        timeout_s: float = 10.0,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self._options = dict(options or {})
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def send(self, records: Sequence[Record]) -> Positions:
        """Send in order; returns how far each partition reached.

        Raises:
            NotAcknowledged: some may be safe; all may be sent again.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                stored = await self._stored(await self._connected(), records)
        except (KafkaError, TimeoutError) as error:
            raise NotAcknowledged(
                f"Kafka at {self._bootstrap} did not acknowledge {len(records)} events: {error!r}"
            ) from error
        reached: dict[tuple[str, int], int] = {}
        for topic, partition, offset in stored:
            reached[topic, partition] = max(reached.get((topic, partition), offset), offset)
        return reached

    async def close(self) -> None:
        """Send what is left and disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=2,
                    max_request_size=_LARGEST_REQUEST_BYTES,
                    **self._options,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _stored(
        self, producer: AIOKafkaProducer, records: Sequence[Record]
    ) -> list[tuple[str, int, int]]:
        partitions = {
            topic: len(await producer.partitions_for(topic))
            for topic in {record.topic for record in records}
        }
        headers = [(name, value.encode()) for name, value in carried().items()]
        sent = [
            await producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=partition_of(record.key, partitions[record.topic]),
                headers=headers,
            )
            for record in records
        ]
        answers = await asyncio.gather(*sent, return_exceptions=True)
        places: list[tuple[str, int, int]] = []
        for answer in answers:
            # All have been waited for, so that no failure goes unseen.
            if isinstance(answer, BaseException):
                raise answer
            places.append((answer.topic, answer.partition, answer.offset))
        return places


class KafkaPublisher:
    """As `AsyncKafkaPublisher`, for programs without an event loop; has a thread of its own."""

    def __init__(
        self,
        bootstrap: str,
        *,
        timeout_s: float = 10.0,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="strata-kafka", daemon=True
        )
        self._thread.start()
        self._publisher = AsyncKafkaPublisher(bootstrap, timeout_s=timeout_s, options=options)

    def send(self, records: Sequence[Record]) -> Positions:
        """As `AsyncKafkaPublisher.send`."""
        return asyncio.run_coroutine_threadsafe(self._publisher.send(records), self._loop).result()

    def close(self) -> None:
        """Send what is left, disconnect and end the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._publisher.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
