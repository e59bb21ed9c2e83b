import os

import pytest

from stores.connect import RedisStores
from stores.redis_cache import RedisProfileCache

pytestmark = pytest.mark.anyio

ANN, BOB = bytes(16), bytes(range(16))


async def test_a_view_is_read_back_in_the_order_asked(redis_stores: RedisStores) -> None:
    cache = redis_stores.cache
    await cache.put([(ANN, 1, b"ann\0\xff"), (BOB, 1, b"bob")])
    assert await cache.get([BOB, b"nobody", ANN]) == [b"bob", None, b"ann\0\xff"]


@pytest.mark.parametrize("held", [1, 255, 256, 2**40])
async def test_only_a_newer_version_replaces(redis_stores: RedisStores, held: int) -> None:
    cache = redis_stores.cache
    await cache.put([(ANN, held, b"held")])
    await cache.put([(ANN, held - 1, b"older"), (ANN, held, b"as old")])
    assert await cache.get([ANN]) == [b"held"]
    await cache.put([(ANN, held + 1, b"newer")])
    assert await cache.get([ANN]) == [b"newer"]


async def test_of_two_versions_in_one_call_the_newer_stays(redis_stores: RedisStores) -> None:
    await redis_stores.cache.put([(ANN, 3, b"newer"), (ANN, 2, b"older")])
    assert await redis_stores.cache.get([ANN]) == [b"newer"]


async def test_a_view_made_anew_replaces_one_of_its_version_but_no_newer_one(
    redis_stores: RedisStores,
) -> None:
    cache = redis_stores.cache
    await cache.put([(ANN, 5, b"five"), (BOB, 6, b"six")])
    await cache.put([(ANN, 5, b"five anew"), (BOB, 5, b"five")], anew=True)
    assert await cache.get([ANN, BOB]) == [b"five anew", b"six"]


async def test_what_is_forgotten_is_gone(redis_stores: RedisStores) -> None:
    cache = redis_stores.cache
    await cache.put([(ANN, 5, b"ann"), (BOB, 5, b"bob")])
    await cache.forget([ANN, b"nobody"])
    assert await cache.get([ANN, BOB]) == [None, b"bob"]


async def test_no_view_takes_away_an_older_one_only(redis_stores: RedisStores) -> None:
    cache = redis_stores.cache
    await cache.put([(ANN, 5, b"ann"), (BOB, 7, b"bob")])
    await cache.put([(ANN, 6, None), (BOB, 6, None), (b"nobody", 6, None)])
    assert await cache.get([ANN, BOB, b"nobody"]) == [None, b"bob", None]


async def test_versions_are_told_of_every_view(redis_stores: RedisStores) -> None:
    held = {os.urandom(16): number + 1 for number in range(2_500)}
    await redis_stores.cache.put([(key, version, b"view") for key, version in held.items()])
    told: dict[bytes, int] = {}
    cursor = 0
    while True:
        cursor, page = await redis_stores.cache.read_versions(cursor)
        told.update(page)
        if not cursor:
            break
    assert told == held


@pytest.mark.parametrize("views", [0, 1, 1_300])
async def test_a_seal_follows_only_the_one_before_it(redis_stores: RedisStores, views: int) -> None:
    cache = redis_stores.cache
    put = [(os.urandom(16), 1, b"view") for _ in range(views)]
    await cache.put(put, seals={3: (0, 11), 4: (0, 12)})
    await cache.put(put, seals={3: (11, 21), 4: (99, 22)})
    assert [await cache.read_seal(partition) for partition in (3, 4, 5)] == [21, 12, 0]
    await cache.put(put, seals={3: (11, 21)})
    assert await cache.read_seal(3) == 21
    await cache.set_seal(4, 99)
    await cache.put(put, seals={4: (99, 22)})
    assert await cache.read_seal(4) == 22


async def test_a_seal_that_was_on_its_way_is_none_until_all_is_put_again(
    redis_stores: RedisStores,
) -> None:
    """What a Redis holds that died between two of several pipelines."""
    if not isinstance(redis_stores.cache, RedisProfileCache):
        pytest.skip("only Redis takes it in steps")
    cache = redis_stores.cache
    await cache._connection.send([("SET", cache._seal(3), "21:1")])
    assert await cache.read_seal(3) == 0
    views = [(os.urandom(16), 1, b"view") for _ in range(1_300)]
    await cache.put(views, seals={3: (11, 21)})
    assert await cache.read_seal(3) == 21
    assert None not in await cache.get([key for key, _, _ in views])


async def test_nothing_asked_is_nothing_done(redis_stores: RedisStores) -> None:
    await redis_stores.cache.put([])
    await redis_stores.cache.forget([])
    assert await redis_stores.cache.get([]) == []


async def test_large_batches_are_stored_whole(redis_stores: RedisStores) -> None:
    views = [(os.urandom(16), number + 1, b"%d" % number) for number in range(2000)]
    await redis_stores.cache.put(views)
    assert await redis_stores.cache.get([key for key, _, _ in views]) == [v for _, _, v in views]
