"""Running a schedule, and comparing what it leaves with what it should."""

import asyncio
import json
import logging
import random
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from write_side.declared import DECLARED

from profiles.personas import decode_personas
from profiles.policy import Policy
from schemas import topics
from schemas.keys import record_key
from simulation.broker import GROUP_TOPICS, Broker
from simulation.clock import SimulatedLoop, run_simulated
from simulation.events import Published
from simulation.network import Network, Process
from simulation.schedule import Act, Schedule
from simulation.shelves import Shelves
from simulation.verdict import Watch, kept, verdict
from simulation.worker import LIVING, SimulatedWorker
from streams.emitter import Outgoing
from streams.knowledge import ITEMS_MARK, PERSONAS_MARK
from streams.ownership import Place
from streams.partitions import partition_of

__all__ = ["Outcome", "run"]

PARTITIONS: Final = 2
_BAD_KEYS: Final = (b"nobody", b"ann", b"bob", b"cid", b"dan")
_PATIENCE_S: Final = 60.0
_STEADY_S: Final = 5.5
"""Longer than whoever waits for a store rests (`streams/retrying.py`), which is no end, and longer
than the pauses between two rounds of whatever a worker does in the background."""


@dataclass
class Outcome:
    """What a schedule came to.

    Attributes:
        lines: One for each thing that is not as it should be.
        trace: Moment, who and what, in order.
        kept: What is stored in the end, without what counts writes instead of events.
    """

    lines: list[str] = field(default_factory=list)
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    kept: object | None = None


def run(schedule: Schedule, *, telling: bool = False, keeping: bool = False) -> Outcome:
    """Run it to its end, and in peace until nothing moves any more.

    Args:
        telling: The workers' logs belong to the trace; three times as slow.
        keeping: What is stored in the end belongs to the outcome.
    """
    outcome = Outcome()
    random.seed(schedule.seed)

    def world(loop: SimulatedLoop) -> Coroutine[Any, Any, None]:
        return _World(schedule, outcome, loop).play(keeping=keeping)

    with _logs(outcome if telling else None):
        run_simulated(world)
    return outcome


class _World:
    def __init__(self, schedule: Schedule, outcome: Outcome, loop: SimulatedLoop) -> None:
        self._schedule = schedule
        self._outcome = outcome
        self._loop = loop
        self._chance = random.Random(schedule.seed)  # noqa: S311 - a seeded choice
        self._shelves = Shelves.new(partitions=PARTITIONS)
        self._network = Network(self._chance, self._note)
        self._watch = Watch(self._shelves, self._complain)
        self._broker = Broker(partitions=PARTITIONS, loop=loop, committing=self._watch.committing)
        self._watch.broker = self._broker
        self._workers: list[SimulatedWorker] = []
        self._left = list(schedule.records)
        self._policy = Policy()
        self._born = 0
        if schedule.powerless:
            self._shelves.expect_loss()

    async def play(self, *, keeping: bool) -> None:
        self._prepare_storms()
        for act in self._schedule.acts:
            await asyncio.sleep(max(0.0, act.at_s - self._loop.time()))
            await self._do(act)
        await asyncio.sleep(max(0.0, 3.5 - self._loop.time()))
        self._calm()
        if await self._until_steady():
            self._outcome.lines += await verdict(
                self._shelves, self._broker, self._schedule.records
            )
            if keeping:
                self._outcome.kept = await kept(self._shelves)

    async def _do(self, act: Act) -> None:
        self._note("-", str(act))
        there = [worker for worker in self._workers if not worker.process.dead]
        who = there[act.who % len(there)] if there else None
        match act.what, who:
            case "publish", _:
                for _ in range(min(int(act.length), len(self._left))):
                    self._publish(self._left.pop(0))
            case "start", _:
                self._start()
            case "rebalance", _:
                self._broker.rebalance()
            case "power fails", _:
                self._lose_power()
            case (("empty redis" | "copy redis" | "redis goes back"), _):
                await self._do_to_redis(act.what)
            case _, SimulatedWorker():
                self._do_to_worker(act, who)

    def _do_to_worker(self, act: Act, who: SimulatedWorker) -> None:
        match act.what:
            case "kill":
                who.kill()
                self._replace()
            case "aim":
                who.aim(act.point, killed=self._replace)
            case "aim power":
                who.aim(act.point, killed=self._replace_and_lose_power)
            case "freeze":
                if who.process.beating:
                    who.freeze()
                    self._loop.call_later(act.length, who.thaw)
            case "stop":
                who.stop()

    def _replace_and_lose_power(self) -> None:
        self._replace()
        self._lose_power()

    def _lose_power(self) -> None:
        """Of workers and stores; Kafka is on other machines, as it is where it has replicas."""
        for worker in self._workers:
            if not worker.process.dead:
                worker.kill()
                self._replace()
        for store in ("qdrant", "redis"):
            self._network.cut_off(store)
        self._shelves.lose_power(self._chance)

    async def _do_to_redis(self, what: str) -> None:
        match what:
            case "empty redis":
                await self._shelves.empty_redis()
            case "copy redis":
                self._shelves.copy_redis()
            case "redis goes back":
                # It is restarted for that, so what was on its way never arrives.
                self._network.cut_off("redis")
                self._shelves.put_redis_back()

    def _calm(self) -> None:
        self._note("-", "peace")
        self._network.rates = dict.fromkeys(self._network.rates, 0.0)
        while self._left:
            self._publish(self._left.pop(0))
        for worker in self._workers:
            worker.spare()
            worker.thaw()
        if all(worker.process.dead for worker in self._workers):
            self._start()

    def _prepare_storms(self) -> None:
        for storm in self._schedule.storms:
            self._loop.call_later(storm.start_s, self._blow, storm.store, storm.rate)
            self._loop.call_later(storm.start_s + storm.length_s, self._blow, storm.store, 0.0)

    def _blow(self, store: str, rate: float) -> None:
        self._network.rates[store] = rate

    def _start(self) -> None:
        self._born += 1
        chance = random.Random(self._chance.random())  # noqa: S311 - a seeded choice
        process = Process(f"w{self._born}", chance, self._loop)
        worker = SimulatedWorker(
            process,
            broker=self._broker,
            shelves=self._shelves,
            network=self._network,
            loop=self._loop,
            policy=self._policy,
            learns=self._schedule.learns,
            syncs=self._schedule.powerless,
            lags_s=self._schedule.lags_s,
            counts_late=self._schedule.counts_late,
            ended=self._worker_ended,
            sending=self._watch.sending,
        )
        self._workers.append(worker)
        self._note(process.name, "starts")
        worker.start()

    def _worker_ended(self, worker: SimulatedWorker) -> None:
        self._note(worker.name, f"ends: {worker.failed!r}")
        if worker.failed is not None:
            self._complain(f"{worker.name} failed with {worker.failed!r}")
        self._replace()

    def _replace(self) -> None:
        """What a supervisor does."""
        if self._born < 12:
            self._loop.call_later(0.1 + self._chance.random(), self._start)

    def _publish(self, record: Published) -> None:
        event = record.event
        if event is None:
            partition = self._chance.randrange(PARTITIONS)
            # Of those who are erased, too. Nothing is drawn: seeds go on meaning the same.
            key = _BAD_KEYS[len(self._left) % len(_BAD_KEYS)]
            self._broker.append(Outgoing(topics.INTERACTIONS, partition, key, b"{"))
            return
        key = record_key("default", str(event["item_id" if event["type"] == "item" else "user_id"]))
        partition = (partition_of(key, PARTITIONS) + record.strays) % PARTITIONS
        topic = topics.TOPIC_OF[event["type"]]
        self._broker.append(Outgoing(topic, partition, key, json.dumps(event).encode()))

    async def _until_steady(self) -> bool:
        """Until nothing has moved for a while; False if that never comes."""
        until_s = self._loop.time() + _PATIENCE_S
        before: object = None
        since_s = self._loop.time()
        while self._loop.time() < until_s:
            now = await self._fingerprint()
            if now is None or now != before:
                before, since_s = now, self._loop.time()
            elif self._loop.time() - since_s >= _STEADY_S:
                return True
            await asyncio.sleep(0.4)
        self._complain(f"never comes to rest: {await self._unfinished()}")
        return False

    async def _unfinished(self) -> str:
        behind = {
            place: (self._broker.committed.get(place), self._broker.log(place).end_offset)
            for place in self._places()
            if (self._broker.committed.get(place) or 0) < self._broker.log(place).end_offset
        }
        return f"lag {behind}" if behind else "something keeps moving"

    def _places(self) -> list[Place]:
        return [(topic, place) for topic in GROUP_TOPICS for place in range(PARTITIONS)]

    async def _fingerprint(self) -> object:
        """Equal as long as nothing moves; None while something is left to do."""
        broker = self._broker
        ends = {place: log.end_offset for place, log in broker.logs.items()}
        for place in self._places():
            if broker.committed.get(place, 0) < ends.get(place, 0):
                return None
        there = [worker for worker in self._workers if not worker.process.dead]
        if self._network.landing or not all(worker.duties.learning.idle for worker in there):
            return None
        wanted = DECLARED.build(await self._shelves.aggregates.wanted_epoch())
        personas = await self._shelves.personas.read("default")
        marks = {
            f"{ITEMS_MARK}{partition}": end
            for (topic, partition), end in ends.items()
            if topic == topics.ITEM_VECTORS
        }
        if personas is not None:
            found = decode_personas(personas.body)
            marks[f"{PERSONAS_MARK}default"] = found.centroids_version
        # A new owner of the first partition leads, and has to publish everything once.
        tokens: list[int] = []
        for partition in range(PARTITIONS):
            control = await self._shelves.control.read(partition)
            if control is None or await self._shelves.aggregates.built_epoch(partition) != wanted:
                return None
            if any(control.positions.get(name, 0) < mark for name, mark in marks.items()):
                return None
            tokens.append(control.token)
        return ends, tokens, personas.version if personas else 0

    def _note(self, who: str, what: str) -> None:
        self._outcome.trace.append((self._loop.time(), who, what))

    def _complain(self, line: str) -> None:
        self._note("!", line)
        self._outcome.lines.append(line)


@contextmanager
def _logs(outcome: Outcome | None) -> Iterator[None]:
    """Into the trace, or nowhere: thousands of schedules would write millions of lines."""

    def trace(_: object, __: str, said: structlog.typing.EventDict) -> str:
        if outcome is not None:
            text = " ".join(f"{name}={value}" for name, value in said.items() if name != "event")
            now_s = asyncio.get_running_loop().time()
            outcome.trace.append((now_s, LIVING.get(), f"{said['event']} {text}"))
        raise structlog.DropEvent

    before = structlog.get_config()
    level = logging.CRITICAL if outcome is None else logging.INFO
    structlog.configure(
        processors=[trace], wrapper_class=structlog.make_filtering_bound_logger(level)
    )
    try:
        yield
    finally:
        structlog.configure(**before)
