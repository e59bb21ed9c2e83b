"""Faust's Kafka transport, delivering batches with offsets of our own.

Stock Faust hands one record at a time through three queues, loses events when an
agent raises and can commit past a gap (`docs/adr/0002-batch-transport.md`). Here
each partition's fetched records become one event, Faust's acknowledgement list is
off, and `commit` is called by whoever has stored the effects.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import aiokafka
import faust
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode.threads import WorkerThread

from streams.batches import Record, RecordBatch
from streams.delivery import Delivery, Source, before
from streams.ownership import PartitionLost, Place

__all__ = ["BatchConsumer", "BatchSchema", "BatchTransport"]

# Where little comes the broker gathers records for a tenth of a second, or each of them would be a
# batch of its own, which costs a hundred times what is done with it.
_FETCH_WAIT_MS = 100
_FETCH_BYTES = 64 << 10
_POLL_S = 0.5
_BUSY_POLL_S = 0.02
"""While some topics are left out, as their agents have no room."""


class BatchSchema(faust.Schema):
    """Passes batches through: decoding belongs to the agents, where bad input is a value."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> RecordBatch:
        return cast(RecordBatch, message.value)


class _Daemon(WorkerThread):
    """Does not keep the process from ending when Kafka does not let itself be left."""

    def __init__(self, service: Any, **options: Any) -> None:
        super().__init__(service, **options)
        self.daemon = True


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka runs, so that heartbeats do not wait for folds."""

    Worker = _Daemon

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ends_seen: dict[Place, int] = {}

    async def _fetch_records(
        self, consumer: aiokafka.AIOKafkaConsumer, *args: Any, **kwargs: Any
    ) -> Mapping[TP, list[Any]]:
        records = await super()._fetch_records(consumer, *args, **kwargs)
        assigned = consumer.assignment()
        for tp in records:
            # What was revoked meanwhile has no state left to ask.
            if tp in assigned and (end := consumer.highwater(tp)) is not None:
                self.ends_seen[tp.topic, tp.partition] = end
        return cast(Mapping[TP, list[Any]], records)

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        # Range assignment gives partition p of every topic to one member as long
        # as all topics have the same count: that is what makes one worker own a user.
        self._assignor = RangePartitionAssignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_min_bytes=_FETCH_BYTES,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=30_000,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        try:
            await consumer.commit(
                {
                    TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
                    for tp, offset in offsets.items()
                }
            )
        except (CommitFailedError, IllegalStateError) as error:
            raise PartitionLost(str(error)) from error
        return True

    async def committed(self, tps: list[TP]) -> dict[TP, int | None]:
        """Committed offset of each partition; None where nothing was ever committed."""
        return cast(dict[TP, int | None], await self.call_thread(self._committed, tps))

    async def _committed(self, tps: list[TP]) -> dict[TP, int | None]:
        consumer = self._ensure_consumer()
        return {tp: await consumer.committed(TopicPartition(tp.topic, tp.partition)) for tp in tps}

    async def seek_to_committed(self) -> Mapping[TP, int | None]:
        """Read every assigned partition again from what is committed, or from its beginning.

        aiokafka's own does not seek where offset 0 or nothing is committed.
        """
        return cast(Mapping[TP, int | None], await self.call_thread(self._seek_to_committed))

    async def _seek_to_committed(self) -> Mapping[TP, int | None]:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        committed = {place: await consumer.committed(place) for place in assigned}
        fresh = [place for place, offset in committed.items() if offset is None]
        first = await consumer.beginning_offsets(fresh) if fresh else {}
        for place, offset in committed.items():
            # What was revoked meanwhile is sought again when it has been assigned.
            if place in consumer.assignment():
                consumer.seek(place, first[place] if offset is None else offset)
        return {TP(place.topic, place.partition): offset for place, offset in committed.items()}

    async def ends(self, tps: list[TP]) -> dict[TP, tuple[int, int]]:
        """First and end offset of each partition."""
        return cast(dict[TP, tuple[int, int]], await self.call_thread(self._ends, tps))

    async def _ends(self, tps: list[TP]) -> dict[TP, tuple[int, int]]:
        consumer = self._ensure_consumer()
        asked = [TopicPartition(tp.topic, tp.partition) for tp in tps]
        first = await consumer.beginning_offsets(asked)
        end = await consumer.end_offsets(asked)
        return {tp: (first[key], end[key]) for tp, key in zip(tps, asked, strict=True)}

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock detector reads acknowledgements, which are off here."""


class BatchConsumer(driver.Consumer):
    """Delivers each partition's fetched records as one event; commits only when told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._delivery = Delivery(_Source(self))

    @property
    def until(self) -> Mapping[Place, int]:
        """Offsets from which on nothing is handed on."""
        return cast(Mapping[Place, int], self.app.until)

    @property
    def epoch(self) -> int:
        """Raised whenever the assignment may change, and by each rewind."""
        return self._delivery.epoch

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._delivery.reassigned()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._delivery.reassigned()
        await super().on_partitions_assigned(assigned, generation_id)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Faust's own commits: none. See `commit_offsets`."""
        return False

    async def commit_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Commit next offsets by (topic, partition).

        Raises:
            PartitionLost: the group has rebalanced meanwhile.
            KafkaError: the broker refused or did not answer.
        """
        await self._thread.commit(
            {TP(topic, partition): offset for (topic, partition), offset in offsets.items()}
        )

    async def committed_offsets(
        self, partitions: list[tuple[str, int]]
    ) -> dict[tuple[str, int], int | None]:
        thread = cast(BatchConsumerThread, self._thread)
        found = await thread.committed([TP(*partition) for partition in partitions])
        return {(tp.topic, tp.partition): offset for tp, offset in found.items()}

    async def end_offsets(
        self, partitions: list[tuple[str, int]]
    ) -> dict[tuple[str, int], tuple[int, int]]:
        """First and end offset by (topic, partition)."""
        thread = cast(BatchConsumerThread, self._thread)
        found = await thread.ends([TP(*partition) for partition in partitions])
        return {(tp.topic, tp.partition): ends for tp, ends in found.items()}

    def fetched(self) -> Mapping[Place, tuple[int, int]]:
        """As `streams.ownership.Consumer`."""
        ends, until = cast(BatchConsumerThread, self._thread).ends_seen, self.until
        return {
            place: (first, min(ends.get(place, first), until.get(place, 1 << 63)))
            for place, first in self._delivery.began.items()
        }

    async def rewind(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Commit earlier offsets, if any, and read everything again from what is committed.

        All partitions, because batches fetched before are dropped whole. Without
        offsets this neither waits nor fails: nothing old is handed on from here on,
        and positions are put back before anything is fetched.
        """
        if offsets:
            await self.commit_offsets(offsets)
        self._delivery.read_again()

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                if self.flow_active:
                    await self._delivery.step()
                    # A full prefetch buffer answers without waiting; others must get a turn.
                    await asyncio.sleep(0)
                else:
                    await self.wait(self.can_resume_flow)
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise

    async def fetch_records(self, without: frozenset[str]) -> Mapping[TP, list[Any]]:
        """Records of all active partitions but of these topics; none after a wait or a failure."""
        active = {tp for tp in self._get_active_partitions() if tp.topic not in without}
        poll_s = _BUSY_POLL_S if without else _POLL_S
        if not active:
            await self.sleep(poll_s)
            return {}
        try:
            return await self._getmany(active_partitions=active, timeout=poll_s) or {}
        except KafkaError as error:
            self.log.warning("Fetching failed, trying again: %r", error)
            await self.sleep(_POLL_S)
            return {}

    async def put_positions_back(self) -> bool:
        """Seek to what is committed; False if Kafka did not let it."""
        try:
            await self._thread.seek_to_committed()
        except KafkaError as error:
            self.log.warning("Seeking failed, trying again: %r", error)
            await self.sleep(_POLL_S)
            return False
        return True

    async def give_to_agent(self, batch: RecordBatch) -> None:
        """One Faust message for the whole batch; gives up once the flow is suspended."""
        tp, first = TP(batch.topic, batch.partition), batch.records[0]
        message = ConsumerMessage(
            tp.topic,
            tp.partition,
            first.offset,
            first.timestamp / 1000.0,
            cast(Any, first).timestamp_type,
            (),
            None,
            batch,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        await self.wait_first(self.callback(message), self.suspend_flow.wait())


class _Source(Source):
    """Faust's consumer, as `Delivery` wants it."""

    def __init__(self, consumer: BatchConsumer) -> None:
        self._consumer = consumer

    @property
    def flowing(self) -> bool:
        return bool(self._consumer.flow_active)

    async def fetch(self, *, without: frozenset[str]) -> Mapping[Place, Sequence[Record]]:
        fetched = await self._consumer.fetch_records(without)
        found = {(tp.topic, tp.partition): records for tp, records in fetched.items()}
        return before(self._consumer.until, found)

    async def seek_to_committed(self) -> bool:
        return await self._consumer.put_positions_back()

    async def hand_on(self, batch: RecordBatch) -> None:
        await self._consumer.give_to_agent(batch)


class BatchTransport(driver.Transport):
    """aiokafka, in batches."""

    Consumer = BatchConsumer
