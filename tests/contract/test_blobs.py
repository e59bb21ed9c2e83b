"""Large values in the snapshot store."""

import pytest

from schemas.snapshots import Blob
from stores.blobs import CHUNK_BYTES, drop_blob, get_blob, put_blob
from stores.connect import RedisStores

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 3])
async def test_a_blob_is_read_back_whole(redis_stores: RedisStores, size: int) -> None:
    store = redis_stores.aggregates
    body = bytes(range(251)) * (size // 251 + 1)
    blob = await put_blob(store, "t:{}", body[:size])
    assert blob.size_bytes == size
    assert await get_blob(store, "t:{}", blob) == body[:size]
    assert await put_blob(store, "t:{}", body[:size]) == blob


async def test_a_dropped_blob_is_gone_and_another_stays(redis_stores: RedisStores) -> None:
    store = redis_stores.aggregates
    one = await put_blob(store, "t:{}", b"1" * (CHUNK_BYTES + 1))
    other = await put_blob(store, "t:{}", b"2")
    await put_blob(store, "another tenant", b"1" * (CHUNK_BYTES + 1))
    await drop_blob(store, "t:{}", one)
    await drop_blob(store, "t:{}", one)
    assert await get_blob(store, "t:{}", one) is None
    assert await get_blob(store, "t:{}", other) == b"2"
    assert await get_blob(store, "another tenant", one) is not None


async def test_a_blob_of_which_a_chunk_is_missing_or_foreign_is_not_there(
    redis_stores: RedisStores,
) -> None:
    store = redis_stores.aggregates
    blob = await put_blob(store, "t:{}", b"1" * CHUNK_BYTES + b"2" * 10)
    await store.put_snapshot(f"blob:{blob.digest}:1:t:{{}}", b"3" * 10)
    assert await get_blob(store, "t:{}", blob) is None
    await store.drop_snapshots([f"blob:{blob.digest}:1:t:{{}}"])
    assert await get_blob(store, "t:{}", blob) is None
    assert await get_blob(store, "t:{}", Blob("0" * 32, 5, CHUNK_BYTES)) is None
