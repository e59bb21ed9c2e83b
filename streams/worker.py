"""A worker: the composition of engines, Faust application and background tasks."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from profiles.policy import DEFAULT_POLICY, Policy
from profiles.ports import (
    AggregateStore,
    ControlStore,
    Fenced,
    ItemStore,
    PersonaStore,
    ProfileCache,
    UserStore,
)
from schemas import topics
from schemas.limits import DEFAULT_LIMITS, Limits
from streams.app import Handlers, StrataApp, build_app
from streams.batches import RecordBatch
from streams.embedding import Embedder
from streams.emitter import Emitter
from streams.gate import Gate
from streams.items import ItemEngine
from streams.knowledge import Knowledge, KnowledgeReader
from streams.merging import Merger
from streams.ownership import Doubtful, Ownerships, Place, Released
from streams.personas import PersonaEngine, PersonaOptions
from streams.profiles import ProfileEngine, Seam
from streams.statistics import StatisticsEngine
from streams.sweeping import Sweeper
from streams.topics import ensure_topics
from streams.transport import PartitionLost

__all__ = ["Crashed", "Stalled", "Stores", "Worker", "WorkerOptions"]

_log = structlog.get_logger(__name__)

_MAINTENANCE_S: Final = 1.0


class Stalled(RuntimeError):
    """There is lag, and nothing has moved for too long."""


class Crashed(RuntimeError):
    """Faust's own services have died; the cause is attached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The ports a worker writes through."""

    users: UserStore
    items: ItemStore
    control: ControlStore
    personas: PersonaStore
    cache: ProfileCache
    aggregates: AggregateStore
    flush: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker runs.

    Attributes:
        directory: For the worker's own files.
        flush_interval_s: Longest time between an event's fold and its visibility.
        publish_interval_s: Between two rounds of merging statistics and personas.
        stall_s: With lag and no progress for so long, the worker ends itself.
        seam: Called between durable steps; tests crash there.
    """

    bootstrap: str
    directory: Path
    group: str = "strata"
    partitions: int = 4
    replication: int = 1
    policy: Policy = DEFAULT_POLICY
    limits: Limits = DEFAULT_LIMITS
    personas: PersonaOptions = field(default_factory=PersonaOptions)
    flush_interval_s: float = 0.25
    publish_interval_s: float = 1.0
    session_timeout_s: float = 8.0
    stall_s: float = 300.0
    users_in_memory: int = 50_000
    seam: Seam = lambda _: None


class Worker:
    """Reads events of the partitions it is assigned until it is stopped or fails.

    No exception leaves an agent: a bug or a fault that only an operator can mend
    ends `run` with that exception, before anything it touched is committed.
    """

    def __init__(self, *, stores: Stores, embedder: Embedder, options: WorkerOptions) -> None:
        self._options = options
        self._stores = stores
        self._failed: asyncio.Future[None] | None = None
        self._assigned: frozenset[Place] = frozenset()
        self._app: StrataApp | None = None
        self.ready = asyncio.Event()
        self.emitter = Emitter(options.bootstrap)
        self.knowledge = Knowledge(embedder.dimension)
        self._reader = KnowledgeReader(self.knowledge, bootstrap=options.bootstrap)
        self.ownerships = Ownerships(
            control=stores.control,
            consumer=lambda: self._running_app().batches,
            nonce=uuid.uuid4().hex,
        )
        gate = Gate(partitions=options.partitions, limits=options.limits)
        self.profiles = ProfileEngine(
            users=stores.users,
            items=stores.items,
            cache=stores.cache,
            ownerships=self.ownerships,
            emitter=self.emitter,
            gate=gate,
            catalogue=self.knowledge.catalogue,
            centroids=self.knowledge.centroids,
            policy=options.policy,
            commit=self._commit,
            sync=stores.flush,
            epoch=self._epoch,
            users_in_memory=options.users_in_memory,
            seam=options.seam,
        )
        self.items = ItemEngine(
            store=stores.items,
            embedder=embedder,
            emitter=self.emitter,
            gate=gate,
            partitions=options.partitions,
        )
        self.statistics = StatisticsEngine(
            users=stores.users,
            aggregates=stores.aggregates,
            cache=stores.cache,
            ownerships=self.ownerships,
            catalogue=self.knowledge.catalogue,
            policy=options.policy,
            epoch=self._epoch,
            clock_ms=_clock_ms,
        )
        self.personas = PersonaEngine(
            users=stores.users,
            store=stores.personas,
            merger=Merger(
                aggregates=stores.aggregates,
                policy=options.policy,
                partitions=options.partitions,
                dimension=embedder.dimension,
                clock_ms=_clock_ms,
            ),
            ownerships=self.ownerships,
            emitter=self.emitter,
            knowledge=self.knowledge,
            options=options.personas,
            dimension=embedder.dimension,
            clock_s=time.monotonic,
        )
        self.sweeper = Sweeper(
            users=stores.users,
            engine=self.profiles,
            ownerships=self.ownerships,
            knowledge=self.knowledge,
            policy=options.policy,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then drain and leave the group.

        Raises:
            Whatever made the worker fail; nothing of the failed work is committed.
        """
        options = self._options
        await ensure_topics(
            options.bootstrap, partitions=options.partitions, replication=options.replication
        )
        self._failed = asyncio.get_running_loop().create_future()
        await self.emitter.start()
        try:
            await self._reader.start()
            try:
                await self._run_app(stop)
            finally:
                await self._reader.stop()
        finally:
            await self.emitter.stop()

    async def _run_app(self, stop: asyncio.Event) -> None:
        options = self._options
        self._app = build_app(
            Handlers(
                profiles=self._guarded(self.profiles.handle),
                items=self._guarded(self._handle_items),
                statistics=self._guarded(self._handle_updates),
                revoked=self._on_revoked,
                assigned=self._on_assigned,
            ),
            bootstrap=options.bootstrap,
            group=options.group,
            directory=options.directory,
            session_timeout_s=options.session_timeout_s,
        )
        background = [
            asyncio.create_task(self._guard(task), name=name)
            for name, task in {
                "flush": self._flush_loop,
                "follow": self._reader.follow,
                "maintain": self._maintain_loop,
                "publish": self._publish_loop,
                "watch": self._watch_loop,
            }.items()
        ]
        try:
            await self._app.start()
            stopping = asyncio.create_task(stop.wait())
            failed = self._failure()
            await asyncio.wait((stopping, failed), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if failed.done():
                failed.result()
            await self._drain()
        finally:
            await _end(background)
            await self._app.stop()

    async def _drain(self) -> None:
        """Finish what has been folded; what has not stays for the next owner."""
        self._running_app().batches.stop_flow()
        try:
            await self.profiles.flush()
        except (PartitionLost, Released, Doubtful):
            await self.profiles.abandon()

    def _guarded(
        self, handle: Callable[[RecordBatch], Awaitable[None]]
    ) -> Callable[[RecordBatch], Awaitable[None]]:
        """The handler, but its exceptions end the worker instead of the agent."""

        async def guarded(batch: RecordBatch) -> None:
            if self._failure().done():
                return
            await self._guard(lambda: handle(batch))

        return guarded

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (PartitionLost, Released) as lost:
            _log.info("partitions moved on, dropping unfinished work", reason=str(lost))
            await self.profiles.abandon()
        except Doubtful as doubt:
            await self._retake(doubt)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must end the worker
            _log.error("worker fails", error=repr(error), exc_info=not isinstance(error, Fenced))
            if not self._failure().done():
                self._failure().set_exception(error)

    async def _handle_items(self, batch: RecordBatch) -> None:
        if batch.epoch != self._epoch():
            return
        await self.items.handle(batch)
        if batch.epoch == self._epoch():
            await self._commit({(batch.topic, batch.partition): batch.next_offset})

    async def _handle_updates(self, batch: RecordBatch) -> None:
        if await self.statistics.handle(batch):
            await self._commit({(batch.topic, batch.partition): batch.next_offset})

    async def _on_revoked(self) -> None:
        self.ready.clear()
        self._assigned = frozenset()
        await self._guard(self.profiles.release)
        await self.statistics.release()
        await self.ownerships.release()

    async def _on_assigned(self, places: frozenset[Place]) -> None:
        self._assigned = places
        _log.info("partitions assigned", partitions=len(places))

    def _owned_partitions(self) -> list[int]:
        return sorted(
            partition for topic, partition in self._assigned if topic == topics.INTERACTIONS
        )

    async def _flush_loop(self) -> None:
        while True:
            await asyncio.sleep(self._options.flush_interval_s)
            await self._passing(self.profiles.flush)

    async def _maintain_loop(self) -> None:
        """Own what is assigned, keep counters built, bring users up to date."""
        while True:
            await self._passing(self._maintain)
            self._reader.changed.clear()
            try:
                async with asyncio.timeout(_MAINTENANCE_S):
                    await self._reader.changed.wait()
                # What arrives together is swept together.
                await asyncio.sleep(0.2)
            except TimeoutError:
                continue

    async def _maintain(self) -> None:
        for partition in self._owned_partitions():
            if (topics.INTERACTIONS, partition) in self._assigned:
                await self.ownerships.own(partition)
        await self.statistics.ensure_built(self._owned_partitions())
        await self.sweeper.sweep()
        if self._assigned:
            self.ready.set()

    async def _publish_loop(self) -> None:
        while True:
            started = time.monotonic()
            await self._passing(self._publish)
            # However long a round takes, it takes at most a fifth of the time.
            spent = time.monotonic() - started
            await asyncio.sleep(max(self._options.publish_interval_s, 4 * spent))

    async def _publish(self) -> None:
        await self.personas.tick()

    async def _passing(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work that a rebalance may interrupt and a later round makes up for."""
        try:
            await work()
        except (PartitionLost, Released) as lost:
            _log.info("partitions moved on, dropping unfinished work", reason=str(lost))
            await self.profiles.abandon()
        except Doubtful as doubt:
            await self._retake(doubt)

    async def _retake(self, doubt: Doubtful) -> None:
        """Start over from what is committed, under new tokens; waits until the store answers."""
        _log.warning("a write was not answered, taking the partitions anew", reason=str(doubt))
        await self.profiles.abandon()
        await self.statistics.release()
        await self.ownerships.release()
        await self._running_app().batches.rewind({})

    async def _watch_loop(self) -> None:
        """End a worker whose lag stands still, or whose Faust services have died."""
        last, since = self._progress(), time.monotonic()
        while True:
            await asyncio.sleep(min(5.0, self._options.stall_s / 4))
            reason = self._running_app().crash_reason
            if reason is not None:
                raise Crashed(f"the consumer's services died of {reason!r}") from reason
            progress = self._progress()
            if progress != last or not await self.lag():
                last, since = progress, time.monotonic()
            elif time.monotonic() - since > self._options.stall_s:
                raise Stalled(f"lag, but no progress for {self._options.stall_s:g} s")

    def _progress(self) -> tuple[int, ...]:
        return (
            self.profiles.counts.total(),
            self.statistics.counts.total(),
            self.items.embedded,
            self._epoch(),
        )

    async def lag(self) -> dict[Place, int]:
        """Records not yet committed, per assigned place that has any."""
        places = sorted(self._assigned)
        if not places:
            return {}
        consumer = self._running_app().batches
        committed = await consumer.committed_offsets(places)
        ends = await consumer.end_offsets(places)
        behind = {place: ends[place][1] - (committed[place] or ends[place][0]) for place in places}
        return {place: records for place, records in behind.items() if records > 0}

    async def _commit(self, offsets: Mapping[Place, int]) -> None:
        await self._running_app().batches.commit_offsets(offsets)

    def _epoch(self) -> int:
        return self._running_app().batches.epoch if self._app is not None else 0

    def _running_app(self) -> StrataApp:
        if self._app is None:
            raise RuntimeError("the worker is not running")
        return self._app

    def _failure(self) -> "asyncio.Future[None]":
        if self._failed is None:
            raise RuntimeError("the worker is not running")
        return self._failed


async def _end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks until they have ended.

    Once is not enough: a cancellation that reaches redis-py together with the
    answer it waits for is lost there, and the task goes on to its next round.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.5)


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
