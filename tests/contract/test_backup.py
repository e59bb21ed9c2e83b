"""What every store copies into a backup, it has again after a restore."""

from pathlib import Path

import numpy as np
import pytest
from store_records import described, touched, vector

from profiles.documents.words import SparseVector
from profiles.ports import Token
from stores.archive import ArchiveWriter, Head, checked, frames_of
from stores.connect import ProfileStores, RedisStores, open_redis
from stores.memory_aggregates import MemoryAggregateStore
from stores.points import Except, Point
from streams.backup import NotEmpty, copy_in, copy_out, require_empty

pytestmark = pytest.mark.anyio

HEAD = Head(
    created_ms=0,
    namespace="contract",
    partitions=8,
    embedding_model="hashing",
    dimension=4,
    space_dimension=4,
    cluster="",
    offsets={},
)


async def filled(stores: ProfileStores) -> None:
    control = await stores.control.take(3, "nonce")
    await stores.control.bookmark(control, {"offset:strata.interactions": 41, "items:0": 9})
    claimed = await stores.users.claim(
        [("t", f"user {number}") for number in range(700)], partition=3, token=Token(1)
    )
    await stores.users.write([touched(one, token=1, state=b"") for one in claimed])
    await stores.items.put(
        [described("t", f"item {number}", vector(number, 1, 0, 0)) for number in range(3)]
    )
    passages = stores.collections["passages"]
    await passages.upsert(
        [
            Point(
                "0190163d-8694-739b-aea5-966c26f8ad90",
                np.array([1, 0, 0, 0], np.float32),
                {"tenant": "t", "user": "aa", "length": 3, "text": "sea"},
                SparseVector((4, 9), (0.5, 1.5)),
            )
        ]
    )


async def everything(stores: ProfileStores) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, points in stores.collections.items():
        if name == "control":
            continue
        page, following = await points.scroll((), start=None, limit=5_000, vectors=True)
        assert following is None
        for one in page:
            assert one.vector is not None
            found[f"{name}/{one.id}"] = (one.payload, one.vector.tobytes(), one.words)
    return found


async def test_a_restored_store_holds_what_was_backed_up(
    stores: ProfileStores, tmp_path: Path
) -> None:
    await filled(stores)
    before = await everything(stores)
    path = tmp_path / "backup"
    told: list[tuple[int, int]] = []
    aggregates = MemoryAggregateStore(partitions=8)
    with ArchiveWriter(path, HEAD) as writer:
        await copy_out(stores, aggregates, writer, copied=lambda *done: told.append(done))
    assert told[-1] == (705, 705)
    for points in stores.collections.values():
        await points.delete((Except(()),))

    _, counts = checked(path)
    await require_empty(stores)
    await copy_in(
        stores,
        aggregates,
        frames_of(path),
        positions_hold=True,
        copied=lambda *_: None,
        total=sum(counts.values()),
    )
    assert await everything(stores) == before
    control = await stores.control.read(3)
    assert control is not None
    # What was folded is known again; what was swept is not, and its owner before is fenced.
    assert control.positions == {"offset:strata.interactions": 41}
    assert control.token > 1
    found = await stores.collections["passages"].search_words(
        SparseVector((9,), (1.0,)), where=(), corpus=(), limit=3
    )
    assert len(found) == 1
    with pytest.raises(NotEmpty):
        await require_empty(stores)


async def test_what_an_interrupted_restore_left_is_removed(stores: ProfileStores) -> None:
    await stores.users.claim([("t", "ann")], partition=3, token=Token(1))
    await require_empty(stores)
    assert await stores.users.count() == 0


async def test_erasing_removes_everything(redis_stores: RedisStores) -> None:
    await put_something(redis_stores)
    assert await redis_stores.erase() > 0
    assert not await has_something(redis_stores)
    assert await redis_stores.aggregates.wanted_epoch() == 1
    assert await redis_stores.erase() == 0


async def test_erasing_a_namespace_leaves_others_alone(redis_url: str, namespace: str) -> None:
    opened = [
        await open_redis(redis_url, namespace=name, partitions=8)
        for name in (namespace, f"{namespace}-2")
    ]
    for stores in opened:
        await put_something(stores)
    await opened[0].erase()
    assert not await has_something(opened[0])
    assert await has_something(opened[1])
    for stores in opened:
        await stores.erase()
        await stores.close()


async def put_something(stores: RedisStores) -> None:
    aggregates = stores.aggregates
    await aggregates.begin_build(2, token=Token(1), epoch=1)
    await aggregates.finish_build(2, token=Token(1), epoch=1)
    await aggregates.put_snapshot("name", b"body")
    await aggregates.want_rebuild()
    await stores.cache.put([(b"k" * 16, 1, b"view")])


async def has_something(stores: RedisStores) -> bool:
    found = [
        await stores.aggregates.built_epoch(2) is not None,
        await stores.aggregates.get_snapshots(["name"]) != [None],
        await stores.cache.get([b"k" * 16]) != [None],
    ]
    assert len(set(found)) == 1, found
    return found[0]
