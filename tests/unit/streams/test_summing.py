"""Counters of several partitions are summed afresh beside each other, or follow updates instead."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from streams_world import PARTITIONS, Engines, World, liked

from profiles.ports import CounterTable
from schemas import topics


async def summed_at_once(world: World, engines: Engines) -> int:
    """Sum all partitions afresh; how many were summed at the same time, at most."""
    store, under_way, most = world.redis.aggregates, 0, 0
    begin, finish = store.begin_build, store.finish_build

    async def begun(*args: Any, **options: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await begin(*args, **options)
        # The other's turn.
        await asyncio.sleep(0)

    async def finished(*args: Any, **options: Any) -> None:
        nonlocal under_way
        await finish(*args, **options)
        under_way -= 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(store), "begin_build", staticmethod(begun))
        patch.setattr(type(store), "finish_build", staticmethod(finished))
        await store.want_rebuild()
        async with asyncio.TaskGroup() as beside:
            for partition in range(PARTITIONS):
                beside.create_task(engines.statistics.ensure_built([partition]))
    return most


@pytest.mark.parametrize("at_once", [1, PARTITIONS])
def test_so_many_and_no_more_are_summed_at_once_and_the_sums_are_the_same(at_once: int) -> None:
    async def scenario() -> None:
        world = await World.open()
        names = [f"reader-{number}" for number in range(20)]
        for turn in range(3):
            for name in names:
                world.publish(liked(name, f"item-{turn}", turn))
        engines = Engines(world)
        await engines.own_all()
        await engines.statistics.ensure_built(range(PARTITIONS))
        await engines.drain()
        counters = await world.counters()
        assert counters
        engines.statistics._summing = asyncio.Semaphore(at_once)
        assert await summed_at_once(world, engines) == at_once
        assert await world.counters() == counters
        assert engines.statistics.counts["summed"] == len(names)

    asyncio.run(scenario())


async def folded_uncounted(world: World, engines: Engines, *, turns: int, users: int) -> None:
    """Likes that are folded, and whose updates are sent, but counted by nobody yet."""
    for turn in range(turns):
        for number in range(users):
            world.publish(liked(f"reader-{number}", f"item-{turn}", turn))
        for partition in range(PARTITIONS):
            batch = world.consumer.fetch((topics.INTERACTIONS, partition))
            assert batch is not None
            await engines.profiles.handle(batch)
        await engines.profiles.flush()
    engines.deliver()


async def counted_late(
    world: World, engines: Engines
) -> tuple[int, dict[CounterTable, dict[bytes, int]]]:
    """How many users are summed, and what is counted in the end."""
    for partition in range(PARTITIONS):
        await engines.statistics.follow(partition)
    await engines.drain()
    return engines.statistics.counts["summed"], await world.counters()


def test_few_updates_are_counted_and_many_are_summed_and_it_comes_to_the_same() -> None:
    async def scenario() -> None:
        counters = []
        for turns, summed in ((1, 0), (3, 20)):
            world = await World.open()
            engines = Engines(world)
            await folded_uncounted(world, engines, turns=turns, users=20)
            found, counts = await counted_late(world, engines)
            assert found == summed
            assert engines.statistics.counts["applied"] == (20 if summed == 0 else 0)
            # As if they had been counted as they came.
            other = await World.open()
            beside = Engines(other)
            await beside.own_all()
            await beside.statistics.ensure_built(range(PARTITIONS))
            await folded_uncounted(other, beside, turns=turns, users=20)
            await beside.drain()
            assert beside.statistics.counts["summed"] == 0
            assert counts == await other.counters()
            counters.append(counts)
        assert counters[0] != counters[1]

    asyncio.run(scenario())


async def counted_by_somebody(world: World, _: Engines) -> None:
    for partition in range(PARTITIONS):
        await world.consumer.commit_offsets({(topics.PROFILE_UPDATES, partition): 1})


async def no_longer_held_by_the_topic(world: World, _: Engines) -> None:
    for partition in range(PARTITIONS):
        del world.consumer.log(topics.PROFILE_UPDATES, partition).records[0]
        world.consumer.log(topics.PROFILE_UPDATES, partition).first_offset = 1


async def an_older_copy_of_the_cache(world: World, _: Engines) -> None:
    for partition in range(PARTITIONS):
        await world.redis.cache.set_seal(partition, 1)


async def of_another_owner(world: World, engines: Engines) -> None:
    world.consumer.rebalance()
    await engines.ownerships.release()
    await engines.own_all()


@pytest.mark.parametrize(
    "spoilt",
    [
        counted_by_somebody,
        no_longer_held_by_the_topic,
        an_older_copy_of_the_cache,
        of_another_owner,
    ],
)
def test_updates_are_followed_only_where_all_of_them_are_there_to_count(
    spoilt: Callable[[World, Engines], Awaitable[None]],
) -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = Engines(world)
        await folded_uncounted(world, engines, turns=1, users=20)
        await spoilt(world, engines)
        summed, counters = await counted_late(world, engines)
        assert summed == 20
        other = await World.open()
        beside = Engines(other)
        await folded_uncounted(other, beside, turns=1, users=20)
        await beside.drain()
        assert counters == await other.counters()

    asyncio.run(scenario())


def test_what_is_built_already_is_left_as_it_is() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = Engines(world)
        await folded_uncounted(world, engines, turns=1, users=20)
        await engines.statistics.ensure_built(range(PARTITIONS))
        counters = await world.counters()
        assert counters
        for partition in range(PARTITIONS):
            await engines.statistics.follow(partition)
        assert await world.counters() == counters

    asyncio.run(scenario())
