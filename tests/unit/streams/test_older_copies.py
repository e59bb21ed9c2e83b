"""A Redis that is put back to an older copy is noticed, and summed afresh."""

import asyncio
import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from streams_world import Engines, Killed, World, item, liked

from profiles.ids import user_key
from profiles.ports import CounterTable
from schemas.snapshots import decode_profile, statistics_name
from schemas.topics import PROFILE_UPDATES
from stores.memory_aggregates import MemoryAggregateStore
from streams import statistics
from streams.sealed import SealedSnapshots

ERASURE = {"event_id": "x", "type": "erasure", "occurred_at": 1_690_000_000, "user_id": "ann"}


class Redis:
    """What a world's Redis holds, to be kept and put back."""

    def __init__(self, world: World) -> None:
        self._parts: tuple[Any, ...] = (world.redis.aggregates, world.redis.cache)

    def empty(self) -> None:
        for part in self._parts:
            part.clear()

    def copied(self) -> Callable[[], None]:
        """Puts everything back to what it is now."""
        kept = copy.deepcopy([vars(part) for part in self._parts])

        def put_back() -> None:
            for part, held in zip(self._parts, copy.deepcopy(kept), strict=True):
                vars(part).update(held)

        return put_back


async def with_an_older_copy() -> tuple[World, Engines, Callable[[], None]]:
    """Two users, of whom the copy knows one event each."""
    world = await World.open()
    world.publish(item("a", "sea storm"))
    for name in ("ann", "bob"):
        world.publish(liked(name, "a"))
    engines = Engines(world)
    await engines.own_all()
    await engines.statistics.ensure_built(range(2))
    await engines.drain()
    put_back = Redis(world).copied()
    for turn in range(3):
        for name in ("ann", "bob"):
            world.publish(liked(name, "a", 10 + turn))
    await engines.drain()
    return world, engines, put_back


@contextmanager
def put_back_before(
    world: World, call: str, put_back: Callable[[], None], *, times: int = 1
) -> Iterator[None]:
    """Right before the store's method is called for the so-manieth time."""
    store = world.redis.aggregates
    method, left = getattr(store, call), times

    async def called(*args: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            put_back()
        return await method(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(store), call, staticmethod(called))
        yield
    assert left <= 0


async def rebuilt(world: World, engines: Engines) -> dict[CounterTable, dict[bytes, int]]:
    """The counters as they should be: summed over the stored users."""
    await world.redis.aggregates.want_rebuild()
    await engines.statistics.ensure_built(range(2))
    return await world.counters()


async def versions(world: World) -> list[int | None]:
    """Of the cached views."""
    views = await world.redis.cache.get([user_key("default", name) for name in ("ann", "bob")])
    return [None if view is None else decode_profile(view).version for view in views]


async def shown_of(world: World, user_id: str) -> tuple[int, int]:
    """Version and events of the cached view."""
    (view,) = await world.redis.cache.get([user_key("default", user_id)])
    assert view is not None
    profile = decode_profile(view)
    return profile.version, sum(profile.totals.values())


def test_a_worker_at_work_notices_it_without_any_event() -> None:
    async def scenario() -> None:
        world, engines, put_back = await with_an_older_copy()
        cached, counters = await versions(world), await world.counters()
        put_back()
        assert await world.counters() != counters
        await engines.statistics.ensure_built(range(2))
        await engines.statistics.ensure_built(range(2))
        assert await world.counters() == counters
        assert await versions(world) == cached
        assert counters == await rebuilt(world, engines)

    asyncio.run(scenario())


def test_a_worker_that_counts_on_top_of_it_notices_it() -> None:
    """The next update is of a user whom the copy knows well: no gap would tell."""

    async def scenario() -> None:
        world, engines, put_back = await with_an_older_copy()
        put_back()
        world.publish(liked("eve", "a"))
        await engines.drain()
        counters = await world.counters()
        await engines.statistics.ensure_built(range(2))
        assert await world.counters() == counters == await rebuilt(world, engines)

    asyncio.run(scenario())


def test_a_worker_that_starts_on_it_notices_it() -> None:
    async def scenario() -> None:
        world, _, put_back = await with_an_older_copy()
        counters = await world.counters()
        put_back()
        await world.consumer.rewind({})
        successor = Engines(world, nonce="two")
        successor.recall()
        await successor.own_all()
        await successor.statistics.ensure_built(range(2))
        await successor.statistics.ensure_built(range(2))
        assert await world.counters() == counters
        # Both users are of one partition; nothing was lost of the other.
        assert successor.statistics.counts["rebuilds"] == 1

    asyncio.run(scenario())


def test_a_copy_that_lacks_only_views_is_noticed() -> None:
    """What was flushed, but not yet counted, when the copy was put back."""

    async def scenario() -> None:
        world, engines, _ = await with_an_older_copy()
        put_back = Redis(world).copied()
        world.publish(liked("ann", "a", 99))
        await engines._round()
        cached = await versions(world)
        put_back()
        assert await versions(world) != cached
        await engines.drain()
        await engines.statistics.ensure_built(range(2))
        assert await versions(world) == cached
        assert await world.counters() == await rebuilt(world, engines)

    asyncio.run(scenario())


def test_a_copy_brings_no_view_of_a_user_back_who_was_erased_since() -> None:
    async def scenario() -> None:
        world, engines, put_back = await with_an_older_copy()
        world.publish(ERASURE)
        await engines.drain()
        assert (await versions(world))[0] is None
        put_back()
        assert (await versions(world))[0] is not None
        await engines.statistics.ensure_built(range(2))
        assert (await versions(world))[0] is None

    asyncio.run(scenario())


def test_users_put_back_to_an_older_copy_beside_a_living_redis_are_caught_up_with() -> None:
    """Counters and views, of versions that no user has any more, do not stand in the way."""

    async def scenario() -> None:
        world, engines, _ = await with_an_older_copy()
        collections: list[Any] = [
            world.profiles.users,
            world.profiles.control,
            world.profiles.items,
            world.profiles.personas,
        ]
        kept = copy.deepcopy([vars(store._points) for store in collections])
        for turn in range(2):
            world.publish(liked("ann", "a", 50 + turn))
            await engines.drain()
        counters = await world.counters()
        for store, held in zip(collections, kept, strict=True):
            vars(store._points).update(held)
        # A version in the cache is one that the user no longer has.
        before = await versions(world)
        successor = Engines(world, nonce="two")
        successor.recall()
        await successor.own_all()
        await successor.statistics.ensure_built(range(2))
        assert (await versions(world))[0] != before[0]
        await successor.drain()
        await successor.statistics.ensure_built(range(2))
        assert await world.counters() == counters == await rebuilt(world, successor)

    asyncio.run(scenario())


def test_a_view_that_was_shown_before_a_loss_of_power_gives_way_to_the_same_version_made_anew() -> (
    None
):
    """Views show before storage is synced, and a version that was undone comes again.

    It holds more events than the one that is cached, and the successor stores it before it
    looks at any seal.
    """

    async def scenario() -> None:
        world, _, _ = await with_an_older_copy()
        synced: list[Any] = [world.profiles.users, world.profiles.control]
        kept = copy.deepcopy([vars(store._points) for store in synced])
        world.publish(liked("ann", "a", 50))

        def lose_power(seam: str) -> None:
            if seam == "cached":
                raise Killed

        await world.consumer.rewind({})
        dying = Engines(world, nonce="dying", seam=lose_power)
        dying.recall()
        await dying.own_all()
        with pytest.raises(Killed):
            await dying.drain()
        shown = await shown_of(world, "ann")
        for store, held in zip(synced, kept, strict=True):
            vars(store._points).update(held)
        world.publish(liked("ann", "a", 51))
        await world.consumer.rewind({})
        successor = Engines(world, nonce="two")
        successor.recall()
        await successor.own_all()
        await successor.drain()
        await successor.statistics.ensure_built(range(2))
        (record,) = await world.profiles.users.read([user_key("default", "ann")])
        assert record is not None
        assert (record.version, shown[1] + 1) == await shown_of(world, "ann")
        assert record.version == shown[0]
        assert await world.counters() == await rebuilt(world, successor)

    asyncio.run(scenario())


def test_a_copy_put_back_while_updates_are_found_to_be_counted_is_not_marked_as_having_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Emptied and summed afresh, the store has more than a copy that says as much is counted."""

    async def scenario() -> None:
        world, engines, _ = await with_an_older_copy()
        redis = Redis(world)
        put_back = redis.copied()
        world.publish(liked("ann", "a", 99))
        await engines._round()
        redis.empty()

        async def none_yet(_: int) -> int:
            return 0

        # As if they were sent while the users are being summed.
        monkeypatch.setattr(engines.ownerships, "sent_updates", none_yet)
        await engines.statistics.ensure_built(range(2))
        counters = await world.counters()
        with put_back_before(world, "apply", put_back):
            await engines.drain()
        assert await world.counters() == counters == await rebuilt(world, engines)

    asyncio.run(scenario())


def test_a_copy_put_back_between_two_steps_of_counting_is_not_marked_as_having_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "_AT_ONCE", 1)

    async def scenario() -> None:
        world, engines, _ = await with_an_older_copy()
        put_back = Redis(world).copied()
        for name in ("ann", "bob"):
            world.publish(liked(name, "a", 99))
        await engines._round()
        with put_back_before(world, "apply", put_back, times=2):
            await engines.drain()
        assert await world.counters() == await rebuilt(world, engines)

    asyncio.run(scenario())


def test_updates_sent_before_counters_were_summed_are_not_even_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        world, engines, _ = await with_an_older_copy()
        for turn in range(3):
            world.publish(liked("ann", "a", 90 + turn))
            await engines._round()
        # All of them lie in the log, and none is counted.
        counters = await rebuilt(world, engines)
        with monkeypatch.context() as patch:
            patch.setattr(statistics, "decode_update", None)
            await engines.drain()
        assert await world.counters() == counters
        places = world.consumer.logs.items()
        sent = {
            place: log.end_offset
            for place, log in places
            if place[0] == PROFILE_UPDATES and log.end_offset
        }
        assert {place: world.consumer.committed[place] for place in sent} == sent
        world.publish(liked("ann", "a", 99))
        await engines.drain()
        assert await world.counters() == await rebuilt(world, engines) != counters

    asyncio.run(scenario())


def test_snapshots_of_a_copy_are_published_again_in_the_next_round() -> None:
    async def scenario() -> None:
        world, engines, _ = await with_an_older_copy()
        await engines.personas.tick()
        put_back = Redis(world).copied()
        world.publish(liked("eve", "a", 99))
        await engines.drain()
        await engines.personas.tick()
        name = statistics_name("default", "")
        published = await world.redis.aggregates.get_snapshots([name])
        put_back()
        # Whatever else the copy lacks is there again: only the snapshots are old.
        await engines.statistics.ensure_built(range(2))
        assert await world.redis.aggregates.get_snapshots([name]) != published
        await engines.personas.tick()
        assert await world.redis.aggregates.get_snapshots([name]) == published

    asyncio.run(scenario())


def test_a_copy_from_the_middle_of_a_round_is_noticed_in_the_next() -> None:
    async def scenario() -> None:
        store = MemoryAggregateStore(partitions=2)
        snapshots = SealedSnapshots(store)
        snapshots.begin("1")
        assert await snapshots.check()
        await snapshots.put("a", b"old")
        assert not await snapshots.check()
        copied = dict(store._snapshots)
        await snapshots.put("a", b"new")
        store._snapshots = copied
        assert await snapshots.check()

    asyncio.run(scenario())


def test_what_a_leader_wrote_that_had_stood_still_is_noticed() -> None:
    async def scenario() -> None:
        store = MemoryAggregateStore(partitions=2)
        before, after = SealedSnapshots(store), SealedSnapshots(store)
        before.begin("1")
        assert await before.check()
        after.begin("2")
        assert await after.check()
        await after.put("a", b"new")
        assert not await after.check()
        await before.put("a", b"old")
        assert await after.check()

    asyncio.run(scenario())


def test_a_store_that_is_put_back_between_two_snapshots_is_noticed() -> None:
    async def scenario() -> None:
        store = MemoryAggregateStore(partitions=2)
        snapshots = SealedSnapshots(store)
        snapshots.begin("1")
        assert await snapshots.check()
        copied = dict(store._snapshots)
        await snapshots.put("a", b"1")
        store._snapshots = copied
        await snapshots.put("b", b"2")
        assert await snapshots.check()

    asyncio.run(scenario())


@pytest.mark.parametrize("restarted", [False, True])
def test_nothing_is_summed_afresh_without_need(restarted: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    async def scenario() -> None:
        world, engines, _ = await with_an_older_copy()
        if restarted:
            await world.consumer.rewind({})
            engines = Engines(world, nonce="two")
            engines.recall()
            await engines.own_all()
            await engines.drain()
        before = engines.statistics.counts["rebuilds"]
        for _ in range(3):
            await engines.statistics.ensure_built(range(2))
        assert engines.statistics.counts["rebuilds"] == before == (0 if restarted else 2)

    asyncio.run(scenario())
