"""What the leader lets out beside what is exact."""

import asyncio

import pytest
from streams_world import Engines, World, liked

from profiles.ids import item_key
from profiles.personas import decode_personas
from schemas.snapshots import (
    StatisticsSnapshot,
    decode_statistics,
    released_name,
    released_personas_name,
    statistics_name,
)

PEOPLE = 13


async def snapshot_of(world: World, name: str) -> StatisticsSnapshot | None:
    (body,) = await world.redis.aggregates.get_snapshots([name])
    return None if body is None else decode_statistics(body)


async def counted(world: World) -> Engines:
    engines = Engines(world)
    await engines.own_all()
    await engines.statistics.ensure_built(range(2))
    await engines.drain()
    await engines.personas.tick()
    return engines


def users_told(found: StatisticsSnapshot | None) -> int:
    assert found is not None
    return found.users


@pytest.mark.parametrize("heirs", [False, True], ids=["same leader", "next leader"])
def test_one_person_more_changes_what_is_exact_and_nothing_that_is_told(*, heirs: bool) -> None:
    async def scenario() -> None:
        world = await World.open()
        for number in range(PEOPLE):
            world.publish(liked(f"u{number}", "a", number))
        engines = await counted(world)
        exact = await snapshot_of(world, statistics_name("default", ""))
        told = await snapshot_of(world, released_name("default", ""))
        assert exact is not None
        assert told is not None
        assert (exact.users, told.users) == (PEOPLE, 10)
        item = item_key("default", "a")
        assert [(one.item, one.positive) for one in told.popular] == [(item, 10)]
        assert told.events == {"interactions/like": 10}
        world.publish(liked("late", "a", 50))
        if heirs:
            await counted(world)
        else:
            await engines.drain()
            await engines.personas.tick()
        exact = await snapshot_of(world, statistics_name("default", ""))
        assert users_told(exact) == PEOPLE + 1
        assert await snapshot_of(world, released_name("default", "")) == told

    asyncio.run(scenario())


def test_five_people_more_are_told() -> None:
    async def scenario() -> None:
        world = await World.open()
        for number in range(PEOPLE):
            world.publish(liked(f"u{number}", "a", number))
        engines = await counted(world)
        for number in range(5):
            world.publish(liked(f"late{number}", "a", 50))
        await engines.drain()
        await engines.personas.tick()
        assert users_told(await snapshot_of(world, released_name("default", ""))) == 15

    asyncio.run(scenario())


def test_a_persona_that_may_not_be_told_of_has_no_size_and_no_labels() -> None:
    async def scenario() -> None:
        world = await World.open()
        for number in range(PEOPLE):
            world.publish(liked(f"u{number}", "ab"[number % 2], number))
        engines = await counted(world)
        for _ in range(4):
            await engines.drain()
            await engines.personas.tick()
        (body,) = await world.redis.aggregates.get_snapshots([released_personas_name("default")])
        (document,) = [await world.profiles.personas.read("default")]
        if document is None:
            assert body is None
            return
        assert body is not None
        told = {one.id: one for one in decode_personas(body).personas}
        for one in decode_personas(document.body).personas:
            if one.size < 9:
                assert (told[one.id].size, told[one.id].labels) == (0, ())

    asyncio.run(scenario())
