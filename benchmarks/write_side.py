"""Processor time of the write side without Kafka: `python -m benchmarks.write_side [EVENTS]`.

The engines of a worker over a real Redis and Qdrant's segment, fed from memory with the standard
load. Processor time, not the clock's: it is steady on a machine that others use too. With
`--profile` the functions that take most of it follow.
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
from pathlib import Path
from typing import Final

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
from streams.memory import MemoryConsumer, MemorySender
from streams.partitions import partition_of
from streams.workshop import InlineWorkshop

_PARTITIONS: Final = 4
_DIMENSION: Final = 128
_FETCHED: Final = 2_000
_FLUSHED: Final = 8_000


class Spent:
    """Processor seconds by step."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def on(self, step: str) -> Iterator[None]:
        """Add what is spent inside."""
        start = time.process_time()
        try:
            yield
        finally:
            self.seconds[step] += time.process_time() - start


async def measured(redis_url: str, directory: Path, load: Load, *, profile: bool) -> None:
    """Run the load through, and print what it took."""
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
        stores=Stores(
            users=profiles.users,
            items=profiles.items,
            control=profiles.control,
            personas=profiles.personas,
            passages=profiles.passages,
            cache=live.cache,
            aggregates=live.aggregates,
            flush=profiles.flush,
            erasures=profiles.erasures,
            rewrite=profiles.rewrite,
        ),
        embedder=HashingEmbedder(_DIMENSION),
        emitter=sender,
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
    spent, profiler = Spent(), cProfile.Profile()
    with profiler if profile else nullcontext():
        await _drain(duties, consumer, sender, spent)
    await live.close()
    await profiles.close()
    for step, seconds in spent.seconds.items():
        print(f"{step:8}{seconds / load.events * 1e6:8.1f} µs per event")
    writes = duties.profiles.counts["writes"]
    print(f"all     {sum(spent.seconds.values()) / load.events * 1e6:8.1f} µs per event")
    print(f"{writes / load.events:.2f} writes of a user per event")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


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
    duties: Duties, consumer: MemoryConsumer, sender: MemorySender, spent: Spent
) -> None:
    moved, unflushed = True, 0
    while moved:
        moved = False
        for partition in range(_PARTITIONS):
            if batch := consumer.fetch((topics.INTERACTIONS, partition), most=_FETCHED):
                moved = True
                unflushed += len(batch.records)
                with spent.on("fold"):
                    await duties.handle_events(batch)
        if unflushed >= _FLUSHED or not moved:
            unflushed = 0
            with spent.on("flush"):
                await duties.flush()
        for record in sender.sent:
            log = consumer.log(record.topic, record.partition)
            log.append(record.key, record.value, timestamp_ms=_now_ms())
        sender.sent.clear()
        for partition in range(_PARTITIONS):
            while batch := consumer.fetch((topics.PROFILE_UPDATES, partition), most=_FETCHED):
                moved = True
                with spent.on("count"):
                    await duties.handle_updates(batch)
        if duties.failure.done():
            duties.failure.result()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """Parse, and measure in a temporary directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="?", type=int, default=20_000)
    parser.add_argument("--profile", action="store_true", help="list the costliest functions")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as directory:
        place = Path(directory)
        with DataDirectory.lock(place / "stack") as owned, RedisServer(owned) as redis:
            asyncio.run(
                measured(redis.address, place, Load(events=asked.events), profile=asked.profile)
            )


if __name__ == "__main__":
    main()
