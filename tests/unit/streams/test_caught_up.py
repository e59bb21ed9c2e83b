"""When a version counts as caught up, and as complete."""

import asyncio

import pytest
from streams_world import PARTITIONS, Engines, World, item, liked

from streams.replay import CaughtUp, Progress, is_complete


def progress(total: int, behind: int) -> Progress:
    return Progress(done=total - behind, total=total, behind=behind)


def test_what_is_said_counts() -> None:
    caught_up = CaughtUp(5)
    for now_s, behind, enough in ((0.0, 6, False), (1.0, 5, True), (30.0, 6, False)):
        assert caught_up.look(progress(100_000, behind), now_s=now_s) is enough


def test_as_much_may_be_left_as_comes_in_within_ten_seconds_and_a_thousand_in_any_case() -> None:
    caught_up = CaughtUp(None)
    assert not caught_up.look(progress(50_000, 1_001), now_s=0.0)
    assert caught_up.look(progress(50_000, 1_000), now_s=1.0)
    # 1,000 a second from then on.
    assert not caught_up.look(progress(60_000, 10_001), now_s=10.0)
    assert caught_up.look(progress(70_000, 10_000), now_s=20.0)
    # Which then ends.
    assert caught_up.look(progress(70_000, 5_000), now_s=30.0)
    assert not caught_up.look(progress(70_000, 1_001), now_s=41.0)


def test_updates_left_to_count_are_as_many_again() -> None:
    caught_up = CaughtUp(None)
    for behind, uncounted, enough in (
        (2_000, 1_000, True),
        (1_900, 1_001, False),
        (1_900, 899, False),
    ):
        now = Progress(done=0, total=50_000, behind=behind, uncounted=uncounted)
        assert caught_up.look(now, now_s=0.0) is enough
    now = Progress(done=0, total=50_000, behind=2_000, uncounted=1_000)
    assert not CaughtUp(1_999).look(now, now_s=0.0)


@pytest.mark.parametrize("users", [2, 4])
def test_a_version_is_complete_once_counted_learned_and_brought_up_to_what_was_learned(
    users: int,
) -> None:
    """Nothing is learned of fewer than three."""

    async def scenario() -> None:
        world = await World.open()
        for name in ("a", "b"):
            world.publish(item(name, f"{name} storm"))
        for number in range(users):
            world.publish(liked(f"u{number}", "ab"[number % 2]))
        engines = Engines(world)

        async def complete() -> bool:
            return await is_complete(
                world.redis.aggregates,
                world.profiles.personas,
                world.profiles.control,
                partitions=PARTITIONS,
                least_users=3,
            )

        await engines.own_all()
        assert not await complete()
        await engines.statistics.ensure_built(range(PARTITIONS))
        await engines.drain()
        assert await complete() is (users < 3)
        await engines.lead()
        assert await complete() is (users < 3)
        await engines.drain()
        assert await complete()

    asyncio.run(scenario())
