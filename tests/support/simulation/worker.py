"""A simulated worker: the real duties in a process that can die, freeze and be told to stop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import ContextVar
from typing import Any, Final

from write_side.declared import DECLARED

from profiles.policy import Policy
from profiles.ports import Fenced
from schemas import topics
from schemas.announcements import decode_item_vector, decode_personas_announced
from simulation.broker import Broker
from simulation.clock import SimulatedLoop
from simulation.consumer import SimulatedConsumer, SimulatedSender
from simulation.network import Network, Process, ReachablePoints, reachable
from simulation.schedule import IN_A_SWEEP
from simulation.shelves import LEARNER, SECRET, Shelves, nothing
from simulation.workshop import SimulatedWorkshop
from stores.control import PointControlStore
from stores.erasures import PointErasureStore
from stores.items import PointItemStore
from stores.passages import PointPassageStore
from stores.personas import PointPersonaStore
from stores.users import PointUserStore
from streams.batches import RecordBatch
from streams.duties import Clocks, Duties, DutyOptions, Stores
from streams.embedding import HashingEmbedder
from streams.emitter import Outgoing
from streams.erasing import ErasingOptions
from streams.knowledge import Knowledge
from streams.learners import initial_space
from streams.learning import LearningOptions
from streams.memory import MemoryLetterLog

__all__ = ["LIVING", "SimulatedWorker"]

LIVING: Final[ContextVar[str]] = ContextVar("living", default="-")
"""Name of the worker whose code is running."""

_ANNOUNCEMENTS: Final = (topics.ITEM_VECTORS, topics.PERSONAS)


class SimulatedWorker:
    """One life of a worker.

    Attributes:
        failed: What ended it, other than a signal or a newer owner.
    """

    def __init__(
        self,
        process: Process,
        *,
        broker: Broker,
        shelves: Shelves,
        network: Network,
        loop: SimulatedLoop,
        policy: Policy,
        learns: bool,
        syncs: bool,
        lags_s: Sequence[float],
        counts_late: bool,
        sending: Callable[[str, Outgoing], None],
        ended: Callable[["SimulatedWorker"], None],
    ) -> None:
        self.process = process
        self.failed: BaseException | None = None
        self.consumer = SimulatedConsumer(broker, process)
        self.knowledge = Knowledge(initial_space(LEARNER.dimension, LEARNER))
        self._broker = broker
        self._lags_s = lags_s
        self._counts_late = counts_late
        self._ended = ended
        self._leaving = asyncio.Event()
        self._read: dict[tuple[str, int], int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._aimed: dict[str, Callable[[], None]] = {}
        self._sweeping = False

        def points(name: str) -> ReachablePoints:
            return ReachablePoints(shelves.points[name], name, process, network)

        async def sync() -> None:
            await process.pause()
            shelves.sync()
            await process.pause()

        self.duties = Duties(
            stores=Stores(
                users=PointUserStore(points("users")),
                items=PointItemStore(points("items")),
                control=PointControlStore(points("control")),
                personas=PointPersonaStore(points("personas")),
                passages=PointPassageStore(points("passages")),
                cache=reachable(shelves.cache, process, network),
                aggregates=reachable(shelves.aggregates, process, network),
                flush=sync if syncs else nothing,
                erasures=PointErasureStore(points("erasures")),
                rewrite=nothing,
            ),
            embedder=HashingEmbedder(LEARNER.dimension),
            emitter=SimulatedSender(broker, process, sending),
            letters=MemoryLetterLog(broker.logs),
            knowledge=self.knowledge,
            workshop=SimulatedWorkshop(process),
            consumer=lambda: self.consumer,
            nonce=process.name,
            clocks=Clocks(loop.now_ms, loop.time),
            options=DutyOptions(
                partitions=broker.partitions,
                policy=policy,
                learner=LEARNER,
                declared=DECLARED,
                erasing=ErasingOptions(secret=SECRET, rewrite_after_s=0.5, letters_segment_ms=800),
                learning=LearningOptions(
                    least_users=3 if learns else 1_000, refresh_interval_s=0.5, busy=1.0
                ),
                users_in_memory=2,
                count_interval_s=0.5,
                counts_late=counts_late,
                seam=self._at,
            ),
        )
        self._sweep = self.duties.sweeper.sweep
        self.duties.sweeper.sweep = self._noted_sweep  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        return self.process.name

    def start(self) -> None:
        self._spawn(self._live())

    def kill(self) -> None:
        """SIGKILL: it does nothing more, and the group finds out after its session."""
        self.process.dead = True
        self._broker.silent(self.process)

    def aim(self, point: str, *, killed: Callable[[], None]) -> None:
        """Kill it when it next comes to a seam, by the words of `simulation.schedule`."""
        self._aimed[point] = killed

    def spare(self) -> None:
        """Aim at it no more."""
        self._aimed.clear()

    def _at(self, seam: str) -> None:
        killed = self._aimed.get(seam) or (
            self._aimed.get(seam + IN_A_SWEEP) if self._sweeping else None
        )
        if killed is not None and not self.process.dead:
            self.kill()
            killed()

    async def _noted_sweep(self) -> int:
        self._sweeping = True
        try:
            return await self._sweep()
        finally:
            self._sweeping = False

    def freeze(self) -> None:
        """SIGSTOP."""
        self.process.running.clear()
        self._broker.silent(self.process)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.running.set()

    def stop(self) -> None:
        """SIGTERM."""
        self._leaving.set()

    async def _live(self) -> None:
        LIVING.set(self.name)
        await self._follow()
        # Some know long before others what was announced.
        lag_s = self.process.chance.choice(self._lags_s)
        background = [
            self._spawn(work)
            for work in (
                self._membership(),
                self.consumer.drain(),
                self._agent("events", self.duties.handle_events),
                self._agent("items", self.duties.handle_items),
                self._agent("updates", self.duties.handle_updates),
                self._rounds(self.duties.flush, 0.3),
                self._rounds(self._count, 0.3),
                self._rounds(self.duties.maintain, 0.6),
                self._rounds(self.duties.publish, 1.0),
                self._rounds(self._follow, lag_s),
            )
        ]
        if self._counts_late:
            background.append(self._spawn(self._count_late()))
        leaving = asyncio.ensure_future(self._leaving.wait())
        await asyncio.wait((leaving, self.duties.failure), return_when=asyncio.FIRST_COMPLETED)
        try:
            if self.duties.failure.done():
                self.duties.failure.result()
            self.consumer.stop_flow()
            await self.duties.drain()
        except Fenced:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the verdict tells of it
            self.failed = error
        for task in background:
            task.cancel()
        self.process.dead = True
        self._broker.leave(self.process)
        self._ended(self)

    async def _count_late(self) -> None:
        await self.process.loop.passing(self.process.chance.uniform(0.2, 2.5))
        self.duties.count_from_now()

    async def _count(self) -> None:
        self.duties.count()

    async def _agent(self, name: str, handle: Callable[[RecordBatch], Awaitable[None]]) -> None:
        queue = self.consumer.queues[name]
        while True:
            await handle(await queue.get())

    async def _membership(self) -> None:
        while True:
            await self.process.pause()
            partitions = await self._broker.join(self.process)
            if partitions is None:
                continue
            await self.duties.assigned_now(self.consumer.resume(partitions))
            await self._broker.until_moved(self.process)
            await self.process.pause(0.1)
            self.consumer.suspend()
            await self.duties.revoked()

    async def _rounds(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        async def endless() -> None:
            while True:
                await self.process.loop.passing(every_s * (0.5 + self.process.chance.random()))
                await work()

        await self.duties.guard(endless)

    async def _follow(self) -> None:
        """Read what was announced, as far as it goes."""
        await self.process.pause(0.1)
        for place in [place for place in self._broker.logs if place[0] in _ANNOUNCEMENTS]:
            records = self._broker.read(place, self._read.get(place, 0), most=1_000)
            for record in records:
                if record.value is None:
                    continue
                if place[0] == topics.PERSONAS:
                    self.knowledge.learn_personas(decode_personas_announced(record.value))
                else:
                    self.knowledge.learn_item(
                        decode_item_vector(record.value), partition=place[1], offset=record.offset
                    )
            self._read[place] = self._read.get(place, 0) + len(records)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task
