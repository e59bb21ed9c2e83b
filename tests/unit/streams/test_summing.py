"""Counters of several partitions are summed afresh beside each other."""

import asyncio
from typing import Any

import pytest
from streams_world import PARTITIONS, Engines, World, liked


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
