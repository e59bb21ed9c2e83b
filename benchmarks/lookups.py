"""Reading profiles directly from Redis."""

import time
from typing import Final

from redis.asyncio import Redis

from benchmarks.people import Person, described_items, statistics_of
from benchmarks.spread import quantile
from lookup.queries import Lookup
from schemas.snapshots import decode_profile, released_name, statistics_name
from stores.connect import RedisStores, open_profile_stores, open_redis

__all__ = ["NAMESPACE", "REFERENCE", "batches_us", "cached", "direct_us", "lookup_over"]

NAMESPACE: Final = "bench-lookups"
REFERENCE: Final = "bench-reference:"
_PARTITIONS: Final = 4


async def cached(redis_url: str, persons: list[Person]) -> None:
    """Put the views where lookups find them, and the same bytes where nobody decodes them."""
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=_PARTITIONS)
    plain = Redis.from_url(redis_url)
    try:
        await live.cache.put([(one.record.key, one.record.version, one.view) for one in persons])
        for name in (statistics_name("default", ""), released_name("default", "")):
            await live.aggregates.put_snapshot(name, statistics_of())
        await plain.mset({REFERENCE + one.user_id: one.view for one in persons})
    finally:
        await plain.aclose()
        await live.close()


async def lookup_over(live: RedisStores) -> Lookup:
    """A lookup over the cached views, with the items of the load and no users in Qdrant."""
    profiles = await open_profile_stores("memory://", namespace=NAMESPACE, dimension=128)
    await profiles.items.put(described_items())
    return Lookup(
        users=profiles.users,
        items=profiles.items,
        personas=profiles.personas,
        cache=live.cache,
        aggregates=live.aggregates,
    )


async def direct_us(
    redis_url: str, persons: list[Person], *, lookups: int, rounds: int
) -> list[tuple[float, float]]:
    """Median µs of a lookup with decoding, and of redis-py's GET, in rounds that alternate."""
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=_PARTITIONS)
    plain = Redis.from_url(redis_url)
    found: list[tuple[float, float]] = []
    try:
        for _ in range(rounds):
            ours: list[float] = []
            theirs: list[float] = []
            for number in range(lookups):
                person = persons[number % len(persons)]
                start = time.perf_counter()
                (body,) = await live.cache.get([person.record.key])
                profile = decode_profile(body or b"")
                between = time.perf_counter()
                value = await plain.get(REFERENCE + person.user_id)
                end = time.perf_counter()
                if profile.user_id != person.user_id or value != person.view:
                    raise RuntimeError("a lookup found something else")
                ours.append(between - start)
                theirs.append(end - between)
            found.append((quantile(ours, 0.5) * 1e6, quantile(theirs, 0.5) * 1e6))
    finally:
        await plain.aclose()
        await live.close()
    return found


async def batches_us(
    redis_url: str, persons: list[Person], *, at_once: int, calls: int, rounds: int
) -> list[tuple[float, float]]:
    """As `direct_us`, of `at_once` users in one call: median µs of each one's part."""
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=_PARTITIONS)
    plain = Redis.from_url(redis_url)
    found: list[tuple[float, float]] = []
    try:
        for _ in range(rounds):
            ours: list[float] = []
            theirs: list[float] = []
            for number in range(calls):
                first = number * at_once % len(persons)
                asked = [persons[(first + one) % len(persons)] for one in range(at_once)]
                keys = [one.record.key for one in asked]
                names = [REFERENCE + one.user_id for one in asked]
                start = time.perf_counter()
                profiles = [decode_profile(body or b"") for body in await live.cache.get(keys)]
                between = time.perf_counter()
                values = await plain.mget(names)
                end = time.perf_counter()
                if [one.user_id for one in profiles] != [one.user_id for one in asked]:
                    raise RuntimeError("a lookup found something else")
                if values != [one.view for one in asked]:
                    raise RuntimeError("redis-py found something else")
                ours.append((between - start) / at_once)
                theirs.append((end - between) / at_once)
            found.append((quantile(ours, 0.5) * 1e6, quantile(theirs, 0.5) * 1e6))
    finally:
        await plain.aclose()
        await live.close()
    return found
