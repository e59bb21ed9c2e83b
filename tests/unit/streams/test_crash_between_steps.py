"""A worker that dies between any two durable steps leaves nothing lost or counted twice."""

import asyncio

import pytest
from streams_world import Engines, Killed, World, item, liked

SEAMS = ("folded", "stored", "confirmed", "cached", "emitted", "committed")


def publish_story(world: World) -> None:
    for name, text in (("a", "sea storm sail"), ("b", "ghost castle night"), ("c", "sail island")):
        world.publish(item(name, text))
    for number in range(12):
        for user in ("ann", "bob", "cid"):
            world.publish(liked(user, "abc"[(number + len(user)) % 3], number))
        world.publish(liked("dan", "unheard-of", number))


async def state_of(world: World) -> object:
    users = {}
    async for page in world.profiles.users.scan():
        for record in page:
            # Token and version count writes, not events; they may differ after a crash.
            users[record.key] = (record.state and _without_version(record.state), record.waiting)
    return users, await world.counters()


def _without_version(state: bytes) -> object:
    from msgspec.structs import replace

    from profiles.state import decode_state, encode_state

    return encode_state(replace(decode_state(state), version=1))


async def undisturbed() -> object:
    world = await World.open()
    publish_story(world)
    engines = Engines(world)
    await engines.own_all()
    await engines.drain()
    return await state_of(world)


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("occasion", [1, 2, 3])
def test_a_crash_at_a_seam_changes_nothing(seam: str, occasion: int) -> None:
    async def scenario() -> None:
        world = await World.open()
        publish_story(world)
        seen = 0

        def crash(name: str) -> None:
            nonlocal seen
            seen += name == seam
            if name == seam and seen == occasion:
                raise Killed

        first = Engines(world, seam=crash)
        crashed = False
        try:
            await first.own_all()
            await first.drain()
        except Killed:
            crashed = True
        # What was handed to Kafka before the crash has arrived.
        first.deliver()
        world.consumer.rebalance()
        second = Engines(world, nonce="two")
        second.recall()
        await second.own_all()
        await second.drain()
        assert crashed or occasion > 1
        assert await state_of(world) == await undisturbed()

    asyncio.run(scenario())
