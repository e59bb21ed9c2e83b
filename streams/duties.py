"""What a worker does with what it reads: the agents' handlers, and its rounds in the background.

Free of Faust and of Kafka's clients: records come from whoever implements `Consumer`
and leave through a `Sender`, so that tests drive the very code that runs in production.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.documents.passages import PassageStore
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.ports import (
    AggregateStore,
    ControlStore,
    Fenced,
    ItemStore,
    PersonaStore,
    ProfileCache,
    Token,
    UserStore,
)
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.erasure import ErasureStore
from profiles.silencing import DEFAULT_SETTINGS, SilencingSettings
from profiles.vocabulary import ANY_ATTRIBUTES, Vocabulary
from schemas import topics
from schemas.limits import DEFAULT_LIMITS, Limits
from stores.connect import ProfileStores, RedisStores
from streams.backlog import Backlog
from streams.batches import RecordBatch
from streams.consents_first import ConsentsFirst
from streams.counting import Counting
from streams.documents import DocumentEngine
from streams.embedding import Embedder
from streams.emitter import Sender
from streams.erasing import Erasing, ErasingOptions
from streams.gate import Gate
from streams.items import ItemEngine
from streams.keeping import Keeping
from streams.knowledge import Knowledge
from streams.learners import LearnerSpec
from streams.learning import Learning, LearningOptions
from streams.letters import LetterKeeping, LetterLog
from streams.merging import Merger
from streams.ownership import Consumer, Doubtful, Ownerships, PartitionLost, Place, Released
from streams.personas import PersonaEngine, PersonaOptions
from streams.profiles import ProfileEngine
from streams.releasing import DEFAULT_RELEASE, ReleaseOptions, Releaser
from streams.retrying import until_available
from streams.sealed import SealedSnapshots
from streams.seals import Seals
from streams.spaces import SpaceLoader
from streams.statistics import StatisticsEngine
from streams.storing import Seam, Storing
from streams.sweeping import Sweeper
from streams.topics import PartitionCountMismatch
from streams.version_topics import user_topics
from streams.watching import NOT_WATCHED, Figures, Watch
from streams.workshop import Workshop

__all__ = ["Clocks", "Duties", "DutyOptions", "Stores"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The ports a worker writes through.

    Attributes:
        flush: Makes embedded storage survive a loss of power.
        rewrite: Writes files anew, where they are ours, without what was deleted.
    """

    users: UserStore
    items: ItemStore
    control: ControlStore
    personas: PersonaStore
    passages: PassageStore
    cache: ProfileCache
    aggregates: AggregateStore
    flush: Callable[[], Awaitable[None]]
    erasures: ErasureStore
    rewrite: Callable[[], Awaitable[None]]

    @classmethod
    def over(cls, profiles: ProfileStores, redis: RedisStores) -> "Stores":
        """Those of one namespace that are open."""

        async def rewrite() -> None:
            await profiles.rewrite()
            await redis.rewrite()

        return cls(
            users=profiles.users,
            items=profiles.items,
            control=profiles.control,
            personas=profiles.personas,
            passages=profiles.passages,
            cache=redis.cache,
            aggregates=redis.aggregates,
            flush=profiles.flush,
            erasures=profiles.erasures,
            rewrite=rewrite,
        )


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where time comes from.

    Attributes:
        now_ms: Since the epoch.
        elapsed_s: Since any moment; never goes back.
    """

    now_ms: Callable[[], int]
    elapsed_s: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyOptions:
    """What the engines are given.

    Attributes:
        partitions: Of every topic but those about personas.
        learner: How models are learned, on the policy that events are folded by.
        learning: When, and from how many users.
        dirty_users: How many users have changed when a flush does not wait for its time ...
        dirty_users_behind: ... and how many while much more has been published than is taken in; in
            between, where less is left.
        silencing: When a persona counts as silenced by the average.
        release: What is told to others of groups of people.
        count_interval_s: Few updates of a partition are counted once in so long; 0 for at once.
        counts_late: Nothing is counted until `count_from_now`; then counters that were never built
            are summed over the stored users, at a fraction of what each update of them would cost.
        history: A topic with events of all types beside those of everybody; None if there is none.
        updates: Where profile updates are sent to and read from.
        seam: Called between durable steps; tests crash there.
        watch: Told of every fold and flush.
    """

    partitions: int = 4
    policy: Policy = DEFAULT_POLICY
    learner: LearnerSpec = field(default_factory=LearnerSpec)
    learning: LearningOptions = field(default_factory=LearningOptions)
    declared: DeclaredPersonas = NOTHING_DECLARED
    data_policy: DataPolicy = ANYTHING_GOES
    limits: Limits = DEFAULT_LIMITS
    vocabulary: Vocabulary = ANY_ATTRIBUTES
    personas: PersonaOptions = field(default_factory=PersonaOptions)
    silencing: SilencingSettings = DEFAULT_SETTINGS
    release: ReleaseOptions = DEFAULT_RELEASE
    erasing: ErasingOptions
    users_in_memory: int = 50_000
    dirty_users: int = 5_000
    dirty_users_behind: int = 25_000
    count_interval_s: float = 0.0
    counts_late: bool = False
    history: str | None = None
    updates: str = topics.PROFILE_UPDATES
    seam: Seam = lambda _: None
    watch: Watch = NOT_WATCHED


class Duties:
    """The engines of one worker, and what becomes of their failures.

    No exception leaves a handler: a bug or a fault that only an operator can mend is
    kept in `failure`, and from then on batches are left alone; the worker must end.

    Args:
        nonce: Tells this worker from every other.
        knowledge: Begins with the item space that `options.learner` begins with.
        letters: Dead letters, as they lie in Kafka.
        workshop: Where models are computed; the caller's to close, after `close`.
        consumer: Asked for whenever it is needed, as it may be opened later.
    """

    def __init__(
        self,
        *,
        stores: Stores,
        embedder: Embedder,
        emitter: Sender,
        letters: LetterLog,
        knowledge: Knowledge,
        workshop: Workshop,
        consumer: Callable[[], Consumer],
        nonce: str,
        clocks: Clocks,
        options: DutyOptions,
    ) -> None:
        self._consumer = consumer
        self._assigned: frozenset[Place] = frozenset()
        self._begun: set[int] = set()
        self._partitions = options.partitions
        self._sync = stores.flush
        # Of items, what is stored but not committed yet: by place, when read, and up to where.
        self._described: dict[Place, tuple[int, int]] = {}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready = asyncio.Event()
        self.knowledge = knowledge
        self.ownerships = Ownerships(
            control=stores.control,
            consumer=consumer,
            nonce=nonce,
            known=knowledge.marks,
            sync=stores.flush,
            topics=user_topics(options.history),
            updates=options.updates,
        )
        seals = Seals(ownerships=self.ownerships, cache=stores.cache, nonce=nonce)
        data_policy = options.data_policy
        # What is counted follows both files.
        declared = options.declared.under(data_policy.version)
        self._order = asyncio.Lock()
        self._events = frozenset(user_topics(options.history))
        self._dirty_users = options.dirty_users, options.dirty_users_behind
        self.backlog = Backlog(left=self._unread, elapsed_s=clocks.elapsed_s)
        self.counting = Counting(
            self._count,
            interval_s=options.count_interval_s,
            elapsed_s=clocks.elapsed_s,
            held=options.counts_late,
        )
        self.consents_first = ConsentsFirst(
            data_policy=data_policy, consumer=consumer, elapsed_s=clocks.elapsed_s
        )
        gate = Gate(
            partitions=options.partitions,
            limits=options.limits,
            vocabulary=options.vocabulary,
            mixed=options.history,
        )
        self.letters = LetterKeeping(
            sender=emitter,
            log=letters,
            store=stores.erasures,
            secret=options.erasing.secret,
            clock_ms=clocks.now_ms,
            partitions=options.partitions,
            segment_ms=options.erasing.letters_segment_ms,
        )
        self.erasing = Erasing(
            store=stores.erasures,
            users=stores.users,
            passages=stores.passages,
            cache=stores.cache,
            aggregates=stores.aggregates,
            letters=self.letters,
            rewrite=stores.rewrite,
            sync=stores.flush,
            options=options.erasing,
            clock_ms=clocks.now_ms,
            elapsed_s=clocks.elapsed_s,
        )
        storing = Storing(
            users=stores.users,
            items=stores.items,
            cache=stores.cache,
            ownerships=self.ownerships,
            seals=seals,
            emitter=self.letters,
            catalogue=knowledge.catalogue,
            centroids=knowledge.centroids,
            policy=options.policy,
            declared=declared,
            data_policy=data_policy,
            commit=self._commit_folded,
            sync=stores.flush,
            erasing=self.erasing,
            seam=options.seam,
        )
        self.profiles = ProfileEngine(
            users=stores.users,
            ownerships=self.ownerships,
            gate=gate,
            catalogue=knowledge.catalogue,
            centroids=knowledge.centroids,
            policy=options.policy,
            data_policy=data_policy,
            epoch=self._epoch,
            erasing=self.erasing,
            users_in_memory=options.users_in_memory,
            dirty_users=self._flushed_users,
            watch=options.watch,
            seam=options.seam,
            storing=storing,
        )
        self.documents = DocumentEngine(
            passages=stores.passages,
            users=stores.users,
            embedder=embedder,
            gate=gate,
            policy=options.policy,
            epoch=self._epoch,
            sync=stores.flush,
            history=options.history,
        )
        self.items = ItemEngine(
            store=stores.items,
            embedder=embedder,
            emitter=self.letters,
            gate=gate,
            partitions=options.partitions,
            watch=options.watch,
        )
        self.statistics = StatisticsEngine(
            users=stores.users,
            aggregates=stores.aggregates,
            cache=stores.cache,
            ownerships=self.ownerships,
            seals=seals,
            catalogue=knowledge.catalogue,
            policy=options.policy,
            declared=declared,
            data_policy=data_policy,
            epoch=self._epoch,
            clock_ms=clocks.now_ms,
        )
        dimension = knowledge.catalogue.dimension
        self.spaces = SpaceLoader(knowledge, stores.aggregates)
        self.learning = Learning(
            users=stores.users,
            items=stores.items,
            aggregates=stores.aggregates,
            knowledge=knowledge,
            workshop=workshop,
            options=options.learning,
            data_policy=data_policy,
            waits=self.backlog.goes_first,
            clock_s=clocks.elapsed_s,
        )
        snapshots = SealedSnapshots(stores.aggregates)
        self.merger = Merger(
            aggregates=stores.aggregates,
            snapshots=snapshots,
            policy=options.policy,
            declared=declared,
            partitions=options.partitions,
            dimension=dimension,
            clock_ms=clocks.now_ms,
            silencing=options.silencing,
        )
        self.personas = PersonaEngine(
            store=stores.personas,
            merger=self.merger,
            releaser=Releaser(
                aggregates=stores.aggregates,
                snapshots=snapshots,
                policy=options.policy,
                declared=declared,
                texts=knowledge.texts,
                clock_ms=clocks.now_ms,
                options=options.release,
                silencing=options.silencing,
            ),
            learning=self.learning,
            ownerships=self.ownerships,
            emitter=emitter,
            knowledge=knowledge,
            options=options.personas,
            dimension=dimension,
            clock_ms=clocks.now_ms,
        )
        self.sweeper = Sweeper(
            users=stores.users,
            engine=self.profiles,
            ownerships=self.ownerships,
            knowledge=knowledge,
            policy=options.policy,
            sync=stores.flush,
            data_policy=data_policy,
        )
        self.keeping = Keeping(
            users=stores.users,
            engine=self.profiles,
            passages=stores.passages,
            data_policy=data_policy,
            clock_ms=clocks.now_ms,
            elapsed_s=clocks.elapsed_s,
        )

    @property
    def assigned(self) -> frozenset[Place]:
        """What this worker reads now, by (topic, partition)."""
        return self._assigned

    async def handle_events(self, batch: RecordBatch) -> None:
        """A batch of a topic keyed by user."""
        await self._unless_failed(lambda: self._handle_events(batch))

    async def handle_items(self, batch: RecordBatch) -> None:
        """A batch of the topic keyed by item."""
        await self._unless_failed(lambda: self._handle_items(batch))

    async def handle_updates(self, batch: RecordBatch) -> None:
        """A batch of profile updates; it is counted later, and few wait for more of them."""
        await self._unless_failed(lambda: self.counting.take(batch))

    async def revoked(self) -> None:
        """All partitions are being given up; returns when that is safe."""
        self.ready.clear()
        self._assigned = frozenset()
        self._begun.clear()
        self.consents_first.clear()
        self.counting.clear()
        await self.guard(self.profiles.release)
        await self.guard(self._end_if_succeeded)
        self.documents.release()
        await self.statistics.release()
        await self.ownerships.release()

    async def assigned_now(self, places: frozenset[Place]) -> None:
        """These partitions, and no others, are read from now on."""
        self._assigned = places
        _log.info("partitions assigned", partitions=len(places))
        await self.guard(self._require_common_count)

    async def _require_common_count(self) -> None:
        """Stop before anything is folded of a topic that was given more partitions meanwhile.

        Raises:
            PartitionCountMismatch: see there.
        """
        for topic, partition in sorted(self._assigned):
            if partition >= self._partitions:
                raise PartitionCountMismatch(
                    f"topic {topic} was given more partitions than the {self._partitions} that "
                    "are configured; another count needs new topics, and the history published "
                    "again"
                )

    async def flush(self) -> None:
        """Make what was folded durable and visible."""
        await self._passing(self._flush)

    def count(self) -> None:
        """Count updates that have waited long enough for more of them."""
        self.counting.begin()

    def count_from_now(self) -> None:
        """Nearly all there is has been taken in: build the counters, and follow updates."""
        self.counting.let()

    async def maintain(self) -> None:
        """Own what is assigned, keep counters built, bring users up to date."""
        await self._passing(self._maintain)

    async def publish(self) -> None:
        """Personas and snapshots, if this worker leads."""
        await self._passing(self._publish)

    async def drain(self) -> None:
        """Finish what has been folded; what has not stays for the next owner."""
        with suppress(PartitionLost, Released, Doubtful):
            await self._flush()

    async def close(self) -> None:
        """End what is being counted or learned; whoever comes next begins it again."""
        await self.counting.close()
        await self.learning.close()

    async def guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it; whatever it raises is either met here or ends the worker."""
        try:
            await self._passing(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must end the worker
            _log.error("worker fails", error=repr(error), exc_info=not isinstance(error, Fenced))
            if not self.failure.done():
                self.failure.set_exception(error)

    def progress(self) -> tuple[int, ...]:
        """Changes as long as anything moves."""
        return (
            self.profiles.counts.total(),
            self.statistics.counts.total(),
            self.items.embedded,
            self.documents.counts.total(),
            self.erasing.counts.total(),
            self.consents_first.counts.total(),
            self.keeping.changed,
            self._epoch(),
        )

    def figures(self, lag: Mapping[str, int]) -> Figures:
        """How this worker stands; may be asked for at any moment."""
        return Figures(
            lag=lag,
            owned_partitions=len(self._owned_partitions()),
            held_users=self.profiles.held_users,
            dirty_users=self.profiles.dirty_users,
            personas=self.knowledge.personas,
            items=len(self.knowledge.catalogue),
            written_users=self.profiles.counts["writes"],
            applied_updates=self.statistics.counts["applied"],
            rebuilds=self.statistics.counts["rebuilds"],
            sweeps=self.sweeper.sweeps,
            swept_users=self.sweeper.swept,
            embedded_items=self.items.embedded,
            erased_users=self.erasing.counts["erased"],
            learned_s=self.personas.learned_s(),
            silenced=self.merger.silenced() if self.personas.leads else None,
        )

    async def _unless_failed(self, work: Callable[[], Awaitable[None]]) -> None:
        if not self.failure.done():
            await self.guard(work)

    async def _passing(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work that a rebalance may interrupt and a later round makes up for."""
        try:
            await work()
        except (PartitionLost, Released) as lost:
            _log.info("partitions moved on, dropping unfinished work", reason=str(lost))
            await self._start_over()
        except Doubtful as doubt:
            await self._retake(doubt)

    async def _end_if_succeeded(self) -> None:
        """End a worker whose partitions others took before it gave them up.

        In a rebalance of living members nobody takes a partition before it is given up. Whoever
        finds a successor has stood still for longer than its session, and may go on being slow.

        Raises:
            Fenced: a partition that is held here has a newer owner.
        """
        await self.ownerships.confirm(tuple(self.ownerships.held))

    async def _retake(self, doubt: Doubtful) -> None:
        """Start over from what is committed, under new tokens; waits until the store answers."""
        _log.warning("a write was not answered, taking the partitions anew", reason=str(doubt))
        await self.profiles.abandon()
        await self.statistics.release()
        await self.ownerships.release()
        await self._start_over()

    async def _start_over(self) -> None:
        """Drop what was not finished, and have it read again from what is committed."""
        await self.profiles.abandon()
        await self._consumer().rewind({})

    async def _handle_events(self, batch: RecordBatch) -> None:
        async with self._order:
            for ready in await self.consents_first.next(batch):
                await self._fold(ready)
            if self.consents_first.is_full:
                # What has been folded is kept; what waits is read again.
                await self.profiles.flush()
                self.consents_first.clear()
                await self._start_over()

    async def _fold(self, batch: RecordBatch) -> None:
        await self._begin(batch)
        await self.documents.read(batch)
        await self.profiles.handle(batch)

    def _flushed_users(self) -> int:
        """How many users have changed when a flush does not wait for its time."""
        least, most = self._dirty_users
        return round(least + self.backlog.share() * (most - least))

    def _unread(self) -> int:
        """Events that are known to have been published and are not folded."""
        folded_to = self.profiles.folded_to
        return sum(
            max(0, end - folded_to.get(place, first))
            for place, (first, end) in self._consumer().fetched().items()
            if place[0] in self._events
        )

    async def _begin(self, batch: RecordBatch) -> None:
        """Build the counters of a partition that nobody had before while it has no users.

        A little later they would be summed over thousands, whose updates are counted anyway.
        """
        partition = batch.partition
        if partition in self._begun or batch.epoch != self._epoch() or self.counting.held:
            return
        if (await self.ownerships.own(partition)).token == Token(1):
            await self.statistics.ensure_built([partition])
        self._begun.add(partition)

    async def _commit_folded(self, offsets: Mapping[Place, int]) -> None:
        """Commit what is folded and stored, once its documents are passages."""
        await self.documents.store(offsets)
        await self._commit(offsets)

    async def _handle_items(self, batch: RecordBatch) -> None:
        if batch.epoch != self._epoch():
            return
        await self.items.handle(batch)
        self._described[batch.topic, batch.partition] = batch.epoch, batch.next_offset

    async def _flush(self) -> None:
        await self.profiles.flush()
        described = dict(self._described)
        if described:
            # Committed descriptions are not read again, so they must not be lost with the power.
            await until_available(self._sync)
        epoch = self._epoch()
        ours = {place: offset for place, (read, offset) in described.items() if read == epoch}
        if ours:
            await self._commit(ours)
        for place, told in described.items():
            if self._described.get(place) == told:
                del self._described[place]

    async def _count(self, batch: RecordBatch) -> None:
        await self._unless_failed(lambda: self._count_and_commit(batch))

    async def _count_and_commit(self, batch: RecordBatch) -> None:
        if await self.statistics.handle(batch):
            await self._commit({(batch.topic, batch.partition): batch.next_offset})

    async def _maintain(self) -> None:
        await self.ownerships.own_all(self._owned_partitions())
        if not self.counting.held:
            await self.statistics.ensure_built(self._owned_partitions())
        await self.spaces.load()
        if self._assigned:
            # Users are swept again and again; whoever waits for that, beside much traffic, waits
            # for minutes.
            self.ready.set()
        await self.sweeper.sweep()
        # Readers leave out what it deletes, so nobody has to wait for it.
        await self.documents.sweep(self.ownerships.held)
        async with self._order:
            for ready in self.consents_first.overdue():
                await self._fold(ready)
        await self.keeping.keep(self.ownerships.held)
        await self.erasing.settle(self.profiles, self.ownerships.held)
        await self.letters.keep(list(self.ownerships.held))

    async def _publish(self) -> None:
        await self.personas.tick()

    def _owned_partitions(self) -> list[int]:
        return sorted(
            partition for topic, partition in self._assigned if topic == topics.INTERACTIONS
        )

    async def _commit(self, offsets: Mapping[Place, int]) -> None:
        await self._consumer().commit_offsets(offsets)

    def _epoch(self) -> int:
        return self._consumer().epoch
