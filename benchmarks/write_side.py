"""Processor time of the write side without Kafka: `python -m benchmarks.write_side [EVENTS]`.

The engines of a worker over a real Redis and Qdrant's segment, fed from memory with the standard
load. Processor time, not the clock's: it is steady on a machine that others use too. With
`--profile` the functions that take most of it follow. `--fetched 25 --flushed 350 --counted
1000` is about what a worker gets that is fed a thousand events a second by the clock.
"""

import argparse
import asyncio
import cProfile
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from redis.asyncio import Redis

from benchmarks.load import Load
from local.directory import DataDirectory
from local.redis import RedisServer
from profiles.privacy.pseudonyms import secret_of
from schemas import topics
from schemas.announcements import decode_item_vector
from stores.connect import open_profile_stores, open_redis
from streams.duties import Clocks, Duties, DutyOptions, Stores
from streams.embedding import HashingEmbedder
from streams.erasing import ErasingOptions
from streams.knowledge import Knowledge
from streams.learners import LearnerSpec, initial_space
from streams.memory import MemoryConsumer, MemoryLetterLog, MemorySender
from streams.partitions import partition_of
from streams.worker import rare_collections
from streams.workshop import InlineWorkshop

_PARTITIONS: Final = 4
_DIMENSION: Final = 128
_FETCHED: Final = 2_000
_FLUSHED: Final = 8_000


@dataclass(slots=True)
class Spent:
    """Processor seconds by step: of this process, of the keeper of Qdrant's segments, and of Redis.

    The operating system counts another process's in hundredths of a second.
    """

    keeper: psutil.Process
    here: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    kept: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    redis: float = 0.0

    @contextmanager
    def on(self, step: str) -> Iterator[None]:
        """Add what is spent inside."""
        here, kept = time.process_time(), self._kept_s()
        try:
            yield
        finally:
            self.here[step] += time.process_time() - here
            self.kept[step] += self._kept_s() - kept

    def report(self, events: int) -> str:
        """A table in µs per event."""
        rows = [(step, self.here[step], self.kept[step]) for step in self.here]
        total = ("all", sum(self.here.values()), sum(self.kept.values()))
        lines = [
            f"{step:8}{here / events * 1e6:8.1f}{kept / events * 1e6:8.1f}"
            for step, here, kept in (*rows, total)
        ]
        redis = f"{'redis':8}{self.redis / events * 1e6:8.1f}"
        return "\n".join(["µs/event    here  keeper", *lines, redis])

    def _kept_s(self) -> float:
        used = self.keeper.cpu_times()
        return float(used.user) + float(used.system)


def _keeper() -> psutil.Process:
    """The child that has Qdrant's segments open."""
    children = psutil.Process().children()
    return next(child for child in children if "stores.edge_service" in child.cmdline())


async def measured(
    redis_url: str,
    directory: Path,
    load: Load,
    *,
    fetched: int,
    flushed: int,
    counted: int,
    profile: bool,
) -> None:
    """Run the load through, and print what it took.

    Args:
        fetched: Records of a partition that are folded at once, at most.
        flushed: A flush follows so many records.
        counted: Updates are counted after so many records, and once more in the end.
    """
    consumer, sender, spec = MemoryConsumer(), MemorySender(), LearnerSpec()
    for topic, records in (
        (topics.ITEMS, load.item_events()),
        (topics.INTERACTIONS, load.interactions()),
    ):
        for key, value in records:
            log = consumer.log(topic, partition_of(key, _PARTITIONS))
            log.append(key, value, timestamp_ms=_now_ms())
    profiles = await open_profile_stores(
        f"edge://{directory}/qdrant",
        namespace="bench",
        dimension=_DIMENSION,
        space_dimension=spec.dimension,
    )
    live = await open_redis(redis_url, namespace="bench", partitions=_PARTITIONS)
    knowledge = Knowledge(initial_space(_DIMENSION, spec))
    duties = Duties(
        stores=Stores.over(profiles, live),
        embedder=HashingEmbedder(_DIMENSION),
        emitter=sender,
        letters=MemoryLetterLog(consumer.logs),
        knowledge=knowledge,
        workshop=InlineWorkshop(spec),
        consumer=lambda: consumer,
        nonce="bench",
        clocks=Clocks(_now_ms, time.monotonic),
        options=DutyOptions(
            partitions=_PARTITIONS, erasing=ErasingOptions(secret=secret_of("of the benchmark"))
        ),
    )
    read = (*topics.USER_TOPICS, topics.ITEMS, topics.PROFILE_UPDATES)
    await duties.assigned_now(
        frozenset((topic, partition) for topic in read for partition in range(_PARTITIONS))
    )
    await _describe_items(duties, consumer, sender, knowledge)
    await duties.maintain()
    spent, profiler = Spent(_keeper()), cProfile.Profile()
    plain = Redis.from_url(redis_url)
    before = await _redis_seconds(plain)
    with profiler if profile else nullcontext():
        sizes = {"fetched": fetched, "flushed": flushed, "counted": counted}
        await _drain(duties, consumer, sender, spent, **sizes)
    spent.redis = await _redis_seconds(plain) - before
    await plain.aclose()
    await live.close()
    await profiles.close()
    writes = duties.profiles.counts["writes"]
    print(spent.report(load.events))
    print(f"{writes / load.events:.2f} writes of a user per event")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


async def _redis_seconds(redis: Redis) -> float:
    used = await redis.info("cpu")
    return float(used["used_cpu_sys"]) + float(used["used_cpu_user"])


async def _describe_items(
    duties: Duties, consumer: MemoryConsumer, sender: MemorySender, knowledge: Knowledge
) -> None:
    for partition in range(_PARTITIONS):
        while batch := consumer.fetch((topics.ITEMS, partition), most=_FETCHED):
            await duties.handle_items(batch)
    for record in sender.to(topics.ITEM_VECTORS):
        item = decode_item_vector(record.value or b"")
        knowledge.learn_item(item, partition=record.partition, offset=0)
    sender.sent.clear()


async def _drain(
    duties: Duties,
    consumer: MemoryConsumer,
    sender: MemorySender,
    spent: Spent,
    *,
    fetched: int,
    flushed: int,
    counted: int,
) -> None:
    moved, unflushed, uncounted = True, 0, 0
    while moved:
        moved = False
        for partition in range(_PARTITIONS):
            if batch := consumer.fetch((topics.INTERACTIONS, partition), most=fetched):
                moved = True
                unflushed += len(batch.records)
                uncounted += len(batch.records)
                with spent.on("fold"):
                    await duties.handle_events(batch)
        if unflushed >= flushed or not moved:
            unflushed = 0
            with spent.on("flush"):
                await duties.flush()
        for record in sender.sent:
            log = consumer.log(record.topic, record.partition)
            log.append(record.key, record.value, timestamp_ms=_now_ms())
        sender.sent.clear()
        if moved and uncounted < counted:
            continue
        uncounted = 0
        for partition in range(_PARTITIONS):
            while batch := consumer.fetch((topics.PROFILE_UPDATES, partition), most=_FETCHED):
                moved = True
                with spent.on("count"):
                    await duties.handle_updates(batch)
                    await duties.counting.ended()
        if duties.failure.done():
            duties.failure.result()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """Parse, and measure in a temporary directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="?", type=int, default=20_000)
    parser.add_argument("--fetched", type=int, default=_FETCHED, help="records, of a partition")
    parser.add_argument("--flushed", type=int, default=_FLUSHED, help="records, at once")
    parser.add_argument("--counted", type=int, default=0, help="records, whose updates are")
    parser.add_argument("--profile", action="store_true", help="list the costliest functions")
    asked = parser.parse_args()
    rare_collections()
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as directory:
        place = Path(directory)
        with DataDirectory.lock(place / "stack") as owned, RedisServer(owned) as redis:
            asyncio.run(
                measured(
                    redis.address,
                    place,
                    Load(events=asked.events),
                    fetched=asked.fetched,
                    flushed=asked.flushed,
                    counted=asked.counted,
                    profile=asked.profile,
                )
            )


if __name__ == "__main__":
    main()
