"""What is different while much more has been published than is taken in."""

import asyncio

import pytest
from duties_world import duties_on
from streams_world import PARTITIONS, World, item, liked

from schemas import topics
from streams.backlog import Backlog
from streams.duties import Duties

MUCH = 10


class Ground:
    """What a backlog is told."""

    left = 0
    now_s = 100.0


@pytest.fixture
def ground() -> Ground:
    return Ground()


@pytest.fixture
def backlog(ground: Ground) -> Backlog:
    return Backlog(
        left=lambda: ground.left, elapsed_s=lambda: ground.now_s, much=MUCH, patience_s=60.0
    )


@pytest.mark.parametrize(("left", "large"), [(0, False), (MUCH, False), (MUCH + 1, True)])
def test_only_much_is_a_backlog(
    backlog: Backlog, ground: Ground, left: int, *, large: bool
) -> None:
    ground.left = left
    assert (backlog.is_large(), backlog.goes_first()) == (large, large)


@pytest.mark.parametrize(("left", "share"), [(0, 0.0), (1, 0.1), (5, 0.5), (10, 1.0), (500, 1.0)])
def test_what_is_left_is_told_in_proportion(
    backlog: Backlog, ground: Ground, left: int, share: float
) -> None:
    ground.left = left
    assert backlog.share() == pytest.approx(share)


def test_others_have_their_turn_after_a_while_however_much_is_left(
    backlog: Backlog, ground: Ground
) -> None:
    ground.left = 1_000_000
    for _ in range(12):
        assert backlog.goes_first()
        ground.now_s += 5.0
    assert not backlog.goes_first()
    assert backlog.is_large()
    # One that is gone for a moment is the same; another one, after this, goes first again.
    for gone_s, first in ((5.0, False), (10.1, True)):
        ground.left = 0
        assert not backlog.is_large()
        ground.now_s += gone_s
        assert not backlog.goes_first()
        ground.left = 1_000_000
        assert backlog.goes_first() == first


async def _fold(world: World, duties: Duties, topic: str, partition: int) -> None:
    batch = world.consumer.fetch((topic, partition))
    assert batch is not None
    await duties.handle_events(batch)
    if duties.failure.done():
        duties.failure.result()


def _published(world: World, *, users: int) -> list[int]:
    """Likes of so many users; of each partition, how many it has got."""
    for number in range(users):
        world.publish(liked(f"reader-{number}", "dune", number))
    world.publish(item("dune", "a desert"))
    return [world.consumer.log(topics.INTERACTIONS, part).end_offset for part in range(PARTITIONS)]


def test_events_are_left_until_they_are_folded_and_again_once_that_is_forgotten() -> None:
    async def scenario() -> None:
        world = await World.open()
        sizes = _published(world, users=40)
        duties = duties_on(world)
        # Descriptions and updates are no events of users.
        assert duties._unread() == 40
        await _fold(world, duties, topics.INTERACTIONS, 0)
        assert duties._unread() == 40 - sizes[0]
        await duties.flush()
        assert duties._unread() == 40 - sizes[0]
        await duties.profiles.abandon()
        assert duties._unread() == 40
        await duties.close()

    asyncio.run(scenario())


def test_users_are_stored_more_at_once_while_there_is_a_backlog() -> None:
    async def scenario() -> None:
        world = await World.open()
        sizes = _published(world, users=80)
        assert min(sizes) > 0
        duties = duties_on(world, dirty_users=1, dirty_users_behind=80)
        duties.backlog._much = sum(sizes)
        # Of 80 events, half are left when 40 users have changed: 1 or 80, and half of each.
        folded = 0
        for partition, size in enumerate(sizes):
            await _fold(world, duties, topics.INTERACTIONS, partition)
            folded += size
            stored = duties.profiles._beside is not None
            assert stored == (folded >= 40.5)
            if stored:
                break
            assert duties.profiles.dirty_users == folded
        assert duties.profiles._beside is not None
        await duties.profiles._beside
        assert 0 < folded < 80
        assert duties.profiles.counts["writes"] == folded
        await duties.close()

    asyncio.run(scenario())
