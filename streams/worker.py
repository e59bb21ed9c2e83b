"""A worker: its duties, run by a Faust application and background tasks."""

import asyncio
import gc
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.nextitem.settings import Settings
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.silencing import DEFAULT_SETTINGS, SilencingSettings
from profiles.vocabulary import ANY_ATTRIBUTES, Vocabulary
from schemas.limits import DEFAULT_LIMITS, Limits
from streams.app import Handlers, StrataApp, build_app
from streams.batches import RecordBatch
from streams.closing import closed_within
from streams.duties import Clocks, Duties, DutyOptions, Stores
from streams.embedding import Embedder
from streams.emitter import Emitter
from streams.erasing import ErasingOptions
from streams.knowledge import Knowledge, KnowledgeReader
from streams.learners import LearnerSpec, initial_space
from streams.learning import LearningOptions
from streams.letter_log import KafkaLetterLog
from streams.ownership import Place
from streams.pacing import Pacing
from streams.personas import PersonaOptions
from streams.releasing import DEFAULT_RELEASE, ReleaseOptions
from streams.replay import CaughtUp, Progress
from streams.storing import Seam
from streams.topics import ensure_topics
from streams.version_topics import (
    FIRST_TOPICS,
    VersionSender,
    VersionTopics,
    user_topics,
    version_specs,
)
from streams.watchdog import Watchdog
from streams.watching import NOT_WATCHED, Figures, Watch
from streams.workshop import ChildWorkshop

__all__ = [
    "LIVE",
    "UNREAD",
    "Cadence",
    "Crashed",
    "Pace",
    "Stalled",
    "Stores",
    "Worker",
    "WorkerOptions",
    "pause_after",
    "rare_collections",
]

_log = structlog.get_logger(__name__)

_LONGEST_REST: Final = 60
"""Intervals between two rounds of publishing, however long a round takes."""
_FEW: Final = 1_000
"""Users of a flush that the next one does not wait after."""
_MAINTENANCE_S: Final = 1.0
_NEARLY: Final = 10_000
"""Events that are left when whoever counts late begins to; more, where many come in."""
_LOOKED_FOR_LAG_S: Final = 1.0
_PACED: Final = 1_000
"""Records between two looks at whether others go first."""
_COLLECTED: Final = (50_000, 20, 100)


def rare_collections() -> None:
    """Look for cycles of references rarely.

    Folds make many objects and no cycles: counting references frees them, and looking for
    cycles as often as Python does by default took an eighth of the worker's time.
    """
    gc.set_threshold(*_COLLECTED)


# Added up, with what `closed_within` waits after giving up, less than 12 s.
_GROUP_S: Final = 5.0
_PART_S: Final = 1.0


class Stalled(RuntimeError):
    """There is lag, and nothing has moved for too long."""


class Crashed(RuntimeError):
    """Faust's own services have died; the cause is attached."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many events go into one flush. Of more, fewer users are written twice.

    Attributes:
        interval_s: Seconds from the end of a flush to the beginning of the next; from one beginning
            to the next where a flush is of few users and nothing waits to be taken in.
        dirty_users: Changed users after which a flush does not wait for its time.
    """

    interval_s: float
    dirty_users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often a worker does what it does for many events at once.

    Attributes:
        flushes: Where events are taken in as they are published ...
        flushes_behind: ... and where many of them wait: what is old is not seen sooner for being
            stored at once, and what follows it is. In between, where fewer wait.
        count_s: Seconds between two times that few updates of a partition are counted.
        counts_late: Counters are built, and models learned, once nearly all events that there are
            have been taken in, instead of following each of them.
        publish_s: Seconds between two rounds of merging statistics and personas.
    """

    flushes: Pace
    flushes_behind: Pace
    count_s: float
    counts_late: bool
    publish_s: float


_SELDOM: Final = Pace(2.0, 25_000)
LIVE: Final = Cadence(
    flushes=Pace(0.25, 5_000),
    flushes_behind=_SELDOM,
    count_s=1.0,
    counts_late=False,
    publish_s=1.0,
)
UNREAD: Final = Cadence(
    flushes=_SELDOM, flushes_behind=_SELDOM, count_s=1.0, counts_late=True, publish_s=4.0
)
"""For a version that is built: the more events at once, the less each of them takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker runs.

    Attributes:
        directory: For the worker's own files.
        next_item: Sizes of the learned models; the same for all workers and lookups.
        silencing: When a persona counts as silenced by the average.
        release: What is told to others of groups of people.
        stall_s: With lag and no progress for so long, the worker ends itself.
        drain_s: So long may what was folded take to be stored once the worker is told
            to stop. Everything after it takes at most 12 s more.
        seam: Called between durable steps; tests crash there.
        topics: Where this worker's version derives to.
        until: Offsets from which on nothing is taken in; empty to follow for ever.
        watch: Told what the worker does.
        pacing: Says when events may be folded; None for always.
    """

    bootstrap: str
    directory: Path
    group: str = "strata"
    partitions: int = 4
    replication: int = 1
    policy: Policy = DEFAULT_POLICY
    declared: DeclaredPersonas = NOTHING_DECLARED
    data_policy: DataPolicy = ANYTHING_GOES
    limits: Limits = DEFAULT_LIMITS
    vocabulary: Vocabulary = ANY_ATTRIBUTES
    next_item: Settings = field(default_factory=Settings)
    learning: LearningOptions = field(default_factory=LearningOptions)
    personas: PersonaOptions = field(default_factory=PersonaOptions)
    silencing: SilencingSettings = DEFAULT_SETTINGS
    release: ReleaseOptions = DEFAULT_RELEASE
    erasing: ErasingOptions
    cadence: Cadence = LIVE
    session_timeout_s: float = 8.0
    stall_s: float = 300.0
    drain_s: float = 10.0
    users_in_memory: int = 50_000
    seam: Seam = lambda _: None
    topics: VersionTopics = FIRST_TOPICS
    until: Mapping[Place, int] = field(default_factory=dict)
    watch: Watch = NOT_WATCHED
    pacing: Pacing | None = None


class Worker:
    """Reads events of the partitions it is assigned until it is stopped or fails.

    No exception leaves an agent: a bug or a fault that only an operator can mend
    ends `run` with that exception, before anything it touched is committed.
    """

    def __init__(self, *, stores: Stores, embedder: Embedder, options: WorkerOptions) -> None:
        self._options = options
        self._app: StrataApp | None = None
        self._lag: dict[str, int] = {}
        self._emitter = Emitter(options.bootstrap)
        learner = LearnerSpec(policy=options.policy, next_item=options.next_item)
        self._workshop = ChildWorkshop(learner)
        knowledge = Knowledge(initial_space(embedder.dimension, learner))
        self._reader = KnowledgeReader(knowledge, bootstrap=options.bootstrap, names=options.topics)
        self.duties = Duties(
            stores=stores,
            embedder=embedder,
            emitter=VersionSender(self._emitter, options.topics),
            letters=KafkaLetterLog(options.bootstrap),
            knowledge=knowledge,
            workshop=self._workshop,
            consumer=lambda: self._running_app().batches,
            nonce=uuid.uuid4().hex,
            clocks=Clocks(_clock_ms, time.monotonic),
            options=DutyOptions(
                partitions=options.partitions,
                policy=options.policy,
                learner=learner,
                learning=options.learning,
                declared=options.declared,
                data_policy=options.data_policy,
                limits=options.limits,
                vocabulary=options.vocabulary,
                personas=options.personas,
                silencing=options.silencing,
                release=options.release,
                erasing=options.erasing,
                users_in_memory=options.users_in_memory,
                dirty_users=options.cadence.flushes.dirty_users,
                dirty_users_behind=options.cadence.flushes_behind.dirty_users,
                count_interval_s=options.cadence.count_s,
                counts_late=options.cadence.counts_late,
                updates=options.topics.profile_updates,
                history=options.topics.history,
                seam=options.seam,
                watch=options.watch,
            ),
        )

    @property
    def ready(self) -> asyncio.Event:
        """Set while everything that is assigned is owned, and its counters are built."""
        return self.duties.ready

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then drain and leave the group, within a bounded time.

        Raises:
            Whatever made the worker fail; nothing of the failed work is committed.
        """
        options = self._options
        rare_collections()
        try:
            await ensure_topics(
                options.bootstrap,
                partitions=options.partitions,
                replication=options.replication,
                wanted=version_specs(options.topics),
            )
            await self._emitter.start()
            await self._reader.start()
            # So that what comes first is placed where it belongs.
            await self.duties.spaces.load()
            with options.watch.working(self.figures):
                await self._run_app(stop)
        finally:
            # Also what was never started: clients of Kafka want to be closed.
            await closed_within(_PART_S, self.duties.close(), what="learning")
            await closed_within(_PART_S, self._workshop.close(), what="workshop")
            await closed_within(_PART_S, self._reader.stop(), what="announcements")
            await closed_within(_PART_S, self._emitter.stop(), what="producer")

    async def _run_app(self, stop: asyncio.Event) -> None:
        options, duties = self._options, self.duties
        self._app = build_app(
            Handlers(
                profiles=self._handle_events,
                items=duties.handle_items,
                statistics=duties.handle_updates,
                revoked=duties.revoked,
                assigned=duties.assigned_now,
            ),
            bootstrap=options.bootstrap,
            group=options.group,
            directory=options.directory,
            session_timeout_s=options.session_timeout_s,
            profile_updates=options.topics.profile_updates,
            events=user_topics(options.topics.history),
            until=options.until,
        )
        background = [
            asyncio.create_task(duties.guard(task), name=name)
            for name, task in {
                "flush": self._flush_loop,
                "count": self._count_loop,
                "count late": self._count_late,
                "follow": self._reader.follow,
                "maintain": self._maintain_loop,
                "publish": self._publish_loop,
                "watch": self._watch_loop,
            }.items()
        ]
        try:
            await self._app.start()
            stopping = asyncio.create_task(stop.wait())
            failed = duties.failure
            await asyncio.wait((stopping, failed), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if failed.done():
                failed.result()
            self._running_app().batches.stop_flow()
            await closed_within(options.drain_s, duties.drain(), what="what was folded")
        finally:
            await _end(background)
            await closed_within(_GROUP_S, self._app.stop(), what="consumer")

    async def _handle_events(self, batch: RecordBatch) -> None:
        pacing = self._options.pacing
        if pacing is None:
            await self.duties.handle_events(batch)
            return
        for part in batch.chunks(_PACED):
            await pacing.turn()
            await self.duties.handle_events(part)

    async def _flush_loop(self) -> None:
        interval_s, counts = self._options.cadence.flushes.interval_s, self.duties.profiles.counts
        pause_s = interval_s
        while True:
            await self._rest(pause_s)
            began_s, written = time.monotonic(), counts["writes"]
            await self.duties.flush()
            took_s, users = time.monotonic() - began_s, counts["writes"] - written
            pause_s = pause_after(took_s, users=users, interval_s=interval_s)

    async def _rest(self, pause_s: float) -> None:
        """Sleep so long, and longer the more is left to take in."""
        flushes, behind = self._options.cadence.flushes, self._options.cadence.flushes_behind
        began_s = time.monotonic()
        await asyncio.sleep(pause_s)
        while True:
            more_s = self.duties.backlog.share() * (behind.interval_s - flushes.interval_s)
            left_s = pause_s + more_s - (time.monotonic() - began_s)
            if left_s <= 0.0:
                return
            # Looked at again and again: less may be left before that time is over.
            await asyncio.sleep(min(left_s, flushes.interval_s))

    async def _count_loop(self) -> None:
        while True:
            await asyncio.sleep(self._options.cadence.count_s / 4)
            self.duties.count()

    async def _count_late(self) -> None:
        nearly = CaughtUp(None, few=_NEARLY)
        while self.duties.counting.held:
            await asyncio.sleep(_LOOKED_FOR_LAG_S)
            if not self.duties.ready.is_set():
                continue
            reached = await self._reached()
            if nearly.look(reached, now_s=time.monotonic()):
                _log.info("counting begins", events_left=reached.behind)
                self.duties.count_from_now()

    async def _reached(self) -> Progress:
        """How far events of assigned partitions are taken in."""
        read = user_topics(self._options.topics.history)
        places = [place for place in sorted(self.duties.assigned) if place[0] in read]
        lag = await self.lag()
        ends = await self._running_app().batches.end_offsets(places)
        total = sum(end for _, end in ends.values())
        behind = sum(lag.get(place, 0) for place in places)
        return Progress(done=total - behind, total=total, behind=behind)

    async def _maintain_loop(self) -> None:
        """Own what is assigned, keep counters built, bring users up to date."""
        while True:
            await self.duties.maintain()
            self._reader.changed.clear()
            try:
                async with asyncio.timeout(_MAINTENANCE_S):
                    await self._reader.changed.wait()
                # What arrives together is swept together.
                await asyncio.sleep(0.2)
            except TimeoutError:
                continue

    async def _publish_loop(self) -> None:
        while True:
            started = time.monotonic()
            await self.duties.publish()
            # However long a round takes, it takes at most a twentieth of the time. What is
            # published also makes all answers of the lookups old, which costs most where there is
            # least. A round that had to wait for a store says nothing of how long the next takes.
            spent, least_s = time.monotonic() - started, self._options.cadence.publish_s
            await asyncio.sleep(max(least_s, min(19 * spent, _LONGEST_REST * least_s)))

    async def _watch_loop(self) -> None:
        """End a worker whose lag stands still, or whose Faust services have died."""
        options, stall_s = self._options, self._options.stall_s
        watchdog = Watchdog(stall_s, now_s=time.monotonic())
        while True:
            await asyncio.sleep(min(5.0, stall_s / 4))
            reason = self._running_app().crash_reason
            if reason is not None:
                raise Crashed(f"the consumer's services died of {reason!r}") from reason
            asked_s = time.monotonic()
            progress, lag = self.duties.progress(), bool(await self._lag_noted())
            # Who lets others go first does not stand still.
            lag = lag and not (options.pacing is not None and options.pacing.stands_back)
            now_s = time.monotonic()
            if watchdog.stands_still(asked_s=asked_s, now_s=now_s, progress=progress, lag=lag):
                raise Stalled(f"lag, but no progress for {stall_s:g} s")

    def figures(self) -> Figures:
        """How this worker stands; its lag is a few seconds old."""
        return self.duties.figures(self._lag)

    async def _lag_noted(self) -> dict[Place, int]:
        behind = await self.lag()
        noted = dict.fromkeys((topic for topic, _ in self.duties.assigned), 0)
        for (topic, _), records in behind.items():
            noted[topic] = noted.get(topic, 0) + records
        self._lag = noted
        return behind

    async def lag(self) -> dict[Place, int]:
        """Records not yet committed, per assigned place that has any."""
        places = sorted(self.duties.assigned)
        if not places:
            return {}
        consumer = self._running_app().batches
        committed = await consumer.committed_offsets(places)
        ends = await consumer.end_offsets(places)
        until = self._options.until
        behind = {
            place: min(ends[place][1], until.get(place, ends[place][1]))
            - (committed[place] or ends[place][0])
            for place in places
        }
        return {place: records for place, records in behind.items() if records > 0}

    def _running_app(self) -> StrataApp:
        if self._app is None:
            raise RuntimeError("the worker is not running")
        return self._app


def pause_after(took_s: float, *, users: int, interval_s: float) -> float:
    """How long after a flush of so many users the next one begins.

    Of few users, a flush is mostly waiting for the disk, and what comes meanwhile need not wait
    besides. Of many, the more events it is of, the fewer users are written twice.
    """
    return max(0.0, interval_s - took_s) if users <= _FEW else interval_s


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
