"""The run: events are published while workers and parts die, then everything is compared."""

import asyncio
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from qdrant_server.fixture import QdrantTestServer
from write_side.ground import Ground, fresh_topics
from write_side.observing import observe
from write_side.processes import Fate, WorkerProcess, expel_the_dead
from write_side.publishing import Event
from write_side.quiet import until_quiet
from write_side.running import learning, options_of, running

from chaos.account import Account, compared
from chaos.history import draw_history, records_of
from chaos.parts import Parts
from chaos.plan import SELDOM, Step, What, draw_steps
from chaos.publisher import Publisher

__all__ = ["Scale", "run_alone", "run_together"]

_SESSION_S: Final = 6.0
_ENDED_S: Final = 60.0
_READY_S: Final = 1_200.0
_SELDOM_S: Final = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much.

    Attributes:
        events: Distinct events of users.
        kills: Workers that end with SIGKILL.
        disturbances: What else befalls the run; each costs one of the kills.
        learns: Whether item spaces and personas are learned. Every new leader begins with a
            refit, so that it costs most of the time of many lives.
        workers: How many share the work at a time.
        reached_s: Patience for a worker to come to where it is to be killed; then it is
            killed wherever it is.
        rest_s: Patience for the end, when nothing is to move any more.
    """

    events: int
    kills: int
    disturbances: tuple[What, ...]
    seed: int
    learns: bool
    workers: int = 1
    reached_s: float = 240.0
    rest_s: float = 1_800.0


async def run_alone(parts: Parts, directory: Path, scale: Scale, say: Say) -> Account:
    """One worker at a time over Qdrant's segment in its own process."""
    run = await _Run.prepared(parts, f"edge://{directory}/qdrant", directory, scale, say)
    for step in run.steps:
        await run.through(step)
    await run.publish_the_rest()
    options = replace(options_of(run.ground), learning=learning(learns=scale.learns))
    async with (
        run.ground.opened() as opened,
        running(run.ground, opened, options=options) as work,
    ):
        await work.until_quiet(timeout_s=scale.rest_s, learned=scale.learns)
        observed = await observe(run.ground, opened)
    await compared(run.account, run.ground, observed, run.events, run.publisher.bad)
    return run.account


async def run_together(parts: Parts, directory: Path, scale: Scale, say: Say) -> Account:
    """Two workers at a time, over a Qdrant server."""
    with QdrantTestServer(directory) as server:
        run = await _Run.prepared(parts, server.grpc_url, directory, scale, say)
        steady = run.start()
        try:
            for number, step in enumerate(run.steps):
                await run.through(step, alone=False)
                if number % 3 == 2:
                    # Whoever took over dies too, at no particular moment.
                    await run.kill(steady)
                    steady = run.start()
            await run.publish_the_rest()
            async with run.ground.opened() as opened:
                await until_quiet(run.ground, opened, timeout_s=scale.rest_s, learned=scale.learns)
                observed = await observe(run.ground, opened)
            if (code := await steady.stop()) != 0:
                run.account.lines.append(f"the last worker ended with {code}")
        finally:
            steady.kill()
    await compared(run.account, run.ground, observed, run.events, run.publisher.bad)
    return run.account


@dataclass
class _Run:
    parts: Parts
    ground: Ground
    account: Account
    publisher: Publisher
    events: list[Event]
    steps: list[Step]
    wave: int
    learns: bool
    reached_s: float
    say: Say
    done: int = 0

    @classmethod
    async def prepared(
        cls, parts: Parts, qdrant_url: str, directory: Path, scale: Scale, say: Say
    ) -> "_Run":
        """Empty topics, a drawn history, and a first wave published."""
        ground = Ground.new(
            bootstrap=parts.bootstrap,
            redis_url=parts.redis_url,
            qdrant_url=qdrant_url,
            directory=str(directory),
        )
        await fresh_topics(parts.bootstrap, partitions=ground.partitions)
        history = draw_history(seed=scale.seed, events=scale.events)
        wave = len(history.records) // (scale.kills + 2)
        chance = random.Random(scale.seed)  # noqa: S311 - a seeded choice, not a secret
        steps = draw_steps(
            chance, kills=scale.kills, disturbances=scale.disturbances, wave=wave // scale.workers
        )
        account = Account()
        account.injected.update(history.counts)
        publisher = Publisher(
            parts.bootstrap,
            records_of(history, partitions=ground.partitions),
            partitions=ground.partitions,
        )
        await publisher.publish(wave)
        return cls(
            parts,
            ground,
            account,
            publisher,
            history.events,
            steps,
            wave,
            scale.learns,
            scale.reached_s,
            say,
        )

    def start(self, fate: Fate | None = None) -> WorkerProcess:
        return WorkerProcess.start(
            self.ground,
            fate=fate,
            until_told=True,
            session_timeout_s=_SESSION_S,
            learns=self.learns,
        )

    async def through(self, step: Step, *, alone: bool = True) -> None:
        """Take a step while the next wave is published."""
        publishing = asyncio.create_task(self.publisher.publish(self.wave))
        worker = self.start(step.fate)
        try:
            await self._live(step, worker)
        finally:
            worker.kill()
        await publishing
        if alone and step.expelled:
            await expel_the_dead(self.ground)
        self.done += 1
        point = f" {step.fate.point}" if step.fate else ""
        self.say(
            f"{self.done:>3}/{len(self.steps)}  {step.what}, {step.seam}{point}; "
            f"{self.publisher.sent} records published"
        )

    async def publish_the_rest(self) -> None:
        await self.publisher.publish(2 * self.wave + len(self.steps))
        self.account.injected["records published"] = self.publisher.sent
        self.say("no more faults; waiting until nothing moves, then comparing")

    async def kill(self, worker: WorkerProcess) -> None:
        """SIGKILL from outside, at whatever it does now."""
        if worker.process.exitcode is not None:
            self.account.lines.append(f"a worker ended with {worker.process.exitcode}")
            return
        worker.kill()
        self.account.injected["SIGKILL at any moment"] += 1

    async def _live(self, step: Step, worker: WorkerProcess) -> None:
        match step.what:
            case "kill":
                await self._until_killed(step, worker)
                return
            case "freeze":
                await self._frozen(step, worker)
                return
            case "kafka dies":
                parts = self.parts.kill_kafka, self.parts.restart_kafka
            case "redis dies":
                parts = self.parts.kill_redis, self.parts.restart_redis
            case "redis is emptied":
                parts = self._kill_and_empty_redis, self.parts.restart_redis
        # Who starts while a part is away ends at once; who works has to wait for it.
        await worker.until_ready(timeout_s=_READY_S)
        await self._without(step, *parts)
        self.account.injected[step.what] += 1
        await self.kill(worker)

    async def _until_killed(self, step: Step, worker: WorkerProcess) -> None:
        try:
            seldom = step.fate is not None and step.fate.point in SELDOM
            code = await worker.ended(timeout_s=_SELDOM_S if seldom else self.reached_s)
        except TimeoutError:
            # The other worker may lead, or have all the work.
            await self.kill(worker)
            return
        if code == -signal.SIGKILL:
            self.account.injected[f"SIGKILL {step.seam}"] += 1
        else:
            self.account.lines.append(f"a worker to be killed {step.seam} ended with {code}")

    async def _frozen(self, step: Step, worker: WorkerProcess) -> None:
        """It stands still past its session; what becomes of it then is its own affair."""
        try:
            await worker.stopped_by_signal(timeout_s=self.reached_s)
        except TimeoutError:
            await self.kill(worker)
            return
        await asyncio.sleep(_SESSION_S + step.lasts_s)
        worker.send(signal.SIGCONT)
        self.account.injected["SIGSTOP past the session, then SIGCONT"] += 1
        try:
            await worker.ended(timeout_s=_ENDED_S)
            self.account.injected["… ended by itself, having lost its partitions"] += 1
        except TimeoutError:
            await self.kill(worker)

    async def _without(
        self, step: Step, kill: Callable[[], None], restart: Callable[[], None]
    ) -> None:
        await asyncio.sleep(step.lasts_s)
        await asyncio.to_thread(kill)
        await asyncio.sleep(step.lasts_s)
        await asyncio.to_thread(restart)
        await asyncio.sleep(2 * step.lasts_s)

    def _kill_and_empty_redis(self) -> None:
        self.parts.kill_redis()
        self.parts.empty_redis()
