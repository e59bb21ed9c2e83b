"""Reading one profile directly from Redis among many that are cached."""

import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import psutil
from redis.asyncio import Redis

from benchmarks.people import people
from benchmarks.running import ContenderFailed
from benchmarks.spread import quantile
from local.directory import DataDirectory
from local.redis import RedisServer
from profiles.ids import user_key
from profiles.ports import ProfileCache
from schemas.snapshots import decode_profile, encode_profile
from stores.connect import open_redis

__all__ = ["among_us"]

_NAMESPACE: Final = "bench-crowd"
_DISTINCT: Final = 500
_ENTRIES: Final = 100
_AT_ONCE: Final = 5_000
_BYTES: Final = 3_500
"""Of a cached view in Redis' memory, its key and Redis' own overhead included; rounded up."""


async def among_us(
    directory: Path, *, many: int, few: int, lookups: int, rounds: int
) -> list[tuple[float, float]]:
    """Median µs of a decoded lookup among `many` cached profiles, and among `few`, in turn.

    Each number has a Redis of its own, so neither is the other's neighbour.

    Raises:
        ContenderFailed: so many do not fit into this machine's memory.
    """
    wanted, free = (many + few) * _BYTES, psutil.virtual_memory().available
    if wanted > free // 2:
        raise ContenderFailed(
            f"{many:,} cached profiles take {wanted / 2**30:.1f} GiB; half of what is free is less"
        )
    chance = np.random.default_rng(5)
    with ExitStack() as servers:
        async with AsyncExitStack() as clients:
            caches: list[tuple[int, ProfileCache]] = []
            for users in (many, few):
                owned = servers.enter_context(DataDirectory.lock(directory / f"crowd-{users}"))
                address = servers.enter_context(RedisServer(owned)).address
                await _not_on_disk(address)
                live = await open_redis(address, namespace=_NAMESPACE, partitions=4)
                clients.push_async_callback(live.close)
                await _fill(live.cache, users)
                caches.append((users, live.cache))
            found: list[tuple[float, float]] = []
            for _ in range(rounds):
                first, second = [
                    await _median_us(cache, chance.integers(0, users, lookups).tolist())
                    for users, cache in caches
                ]
                found.append((first, second))
            return found


async def _not_on_disk(address: str) -> None:
    """Reads do not care what is on the disk, and filling is quicker without."""
    plain = Redis.from_url(address)
    await plain.config_set("appendonly", "no")
    await plain.aclose()


async def _fill(cache: ProfileCache, users: int) -> None:
    """As many users as asked, of few histories: only the ids differ."""
    views = [decode_profile(one.view) for one in people(_DISTINCT, entries=_ENTRIES)]
    for start in range(0, users, _AT_ONCE):
        await cache.put(
            [
                (
                    user_key("default", _user_id(number)),
                    1,
                    encode_profile(
                        msgspec.structs.replace(views[number % _DISTINCT], user_id=_user_id(number))
                    ),
                )
                for number in range(start, min(users, start + _AT_ONCE))
            ]
        )


async def _median_us(cache: ProfileCache, numbers: list[int]) -> float:
    took: list[float] = []
    for number in numbers:
        user_id = _user_id(number)
        key = user_key("default", user_id)
        start = time.perf_counter()
        (body,) = await cache.get([key])
        profile = decode_profile(body or b"")
        took.append(time.perf_counter() - start)
        if profile.user_id != user_id:
            raise RuntimeError("a lookup found something else")
    return quantile(took, 0.5) * 1e6


def _user_id(number: int) -> str:
    return f"reader-{number:08}"
