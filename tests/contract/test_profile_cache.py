import os

import pytest

from stores.connect import RedisStores

pytestmark = pytest.mark.anyio

ANN, BOB = bytes(16), bytes(range(16))


async def test_a_view_is_read_back_in_the_order_asked(redis_stores: RedisStores) -> None:
    cache = redis_stores.cache
    await cache.put([(ANN, 1, b"ann\0\xff"), (BOB, 1, b"")])
    assert await cache.get([BOB, b"nobody", ANN]) == [b"", None, b"ann\0\xff"]


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


async def test_what_is_forgotten_is_gone(redis_stores: RedisStores) -> None:
    cache = redis_stores.cache
    await cache.put([(ANN, 5, b"ann"), (BOB, 5, b"bob")])
    await cache.forget([ANN, b"nobody"])
    assert await cache.get([ANN, BOB]) == [None, b"bob"]


async def test_nothing_asked_is_nothing_done(redis_stores: RedisStores) -> None:
    await redis_stores.cache.put([])
    await redis_stores.cache.forget([])
    assert await redis_stores.cache.get([]) == []


async def test_large_batches_are_stored_whole(redis_stores: RedisStores) -> None:
    views = [(os.urandom(16), number + 1, b"%d" % number) for number in range(2000)]
    await redis_stores.cache.put(views)
    assert await redis_stores.cache.get([key for key, _, _ in views]) == [v for _, _, v in views]
