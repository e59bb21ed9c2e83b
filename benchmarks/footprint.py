"""What a user takes up."""

from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from benchmarks.ground import Ground
from benchmarks.people import Person, people
from profiles.ports import Token
from stores.connect import open_profile_stores, open_redis
from stores.edge_files import LOG

__all__ = ["bytes_per_user"]

_USERS: Final = 2_000
_NAMESPACE: Final = "bench-footprint"
_COUNTER_BYTES: Final = 16 + 8
"""A user's version in the counters' hash: key and number, without the hash's own overhead."""


async def bytes_per_user(ground: Ground, *, entries: int) -> float:
    """Bytes in Qdrant's files and in Redis (as Redis says), on average.

    Without the segment's log, which is cut at every checkpoint, however many users there are.
    """
    persons = people(_USERS, entries=entries)
    live = await open_redis(ground.redis_url, namespace=_NAMESPACE, partitions=ground.partitions)
    plain = Redis.from_url(ground.redis_url)
    try:
        await live.cache.put([(one.record.key, one.record.version, one.view) for one in persons])
        in_redis = 0
        async for key in plain.scan_iter(f"strata:{_NAMESPACE}:view:*", count=1_000):
            in_redis += int(await plain.memory_usage(key) or 0)
    finally:
        await plain.aclose()
        await live.close()
    in_qdrant = await _files_bytes(ground, persons)
    return (in_redis + in_qdrant) / len(persons) + _COUNTER_BYTES


async def _files_bytes(ground: Ground, persons: list[Person]) -> int:
    """Growth of the segment's files in one round of claims and writes."""
    room = ground.room("footprint")
    stores = await open_profile_stores(f"edge://{room}", namespace=_NAMESPACE, dimension=128)
    try:
        empty = _occupied(room)
        names = [(one.record.tenant, one.record.user_id) for one in persons]
        await stores.users.claim(names, partition=0, token=Token(1))
        await stores.users.write([one.record for one in persons])
        await stores.flush()
        return _occupied(room) - empty
    finally:
        await stores.close()


def _occupied(directory: Path) -> int:
    """Disk blocks in use, as sparse files have fewer than their length."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.parent.name != LOG)
    return sum(path.stat().st_blocks * 512 for path in files)
