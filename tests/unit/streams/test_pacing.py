"""A version is built while live is not behind, and only then."""

import asyncio
from collections.abc import Iterable
from typing import cast

import pytest

from schemas import topics
from streams.offsets import KafkaView
from streams.ownership import Place
from streams.pacing import Pacing, Standing
from streams.replay import standing_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_nobody_has_to_wait_before_anything_is_known() -> None:
    pacing = Pacing()
    await asyncio.wait_for(pacing.turn(), 1.0)
    assert not pacing.stands_back


async def test_whoever_is_behind_goes_first_until_that_is_made_up() -> None:
    pacing = Pacing(least=2_000)
    pacing.seen(Standing(0, 2_001), now_s=0.0)
    assert pacing.stands_back
    turn = asyncio.create_task(pacing.turn())
    await asyncio.sleep(0)
    assert not turn.done()
    pacing.seen(Standing(500, 2_000), now_s=0.5)
    await asyncio.wait_for(turn, 1.0)


async def test_a_turn_comes_in_the_end_however_far_others_are_behind() -> None:
    pacing = Pacing(patience_s=0.05)
    pacing.seen(Standing(0, 1_000_000), now_s=0.0)
    await asyncio.wait_for(pacing.turn(), 5.0)
    assert pacing.stands_back


async def test_what_comes_in_within_two_seconds_is_not_behind() -> None:
    pacing = Pacing(least=2_000, allowed_s=2.0)
    for second in range(20):
        # 5 000 come in a second, and 9 000 of them are on their way.
        pacing.seen(Standing(5_000 * second, 9_000), now_s=float(second))
    assert not pacing.stands_back
    pacing.seen(Standing(98_000, 12_000), now_s=20.0)
    assert pacing.stands_back


async def test_whoever_stands_still_is_not_waited_for() -> None:
    pacing = Pacing(least=2_000)
    for second in range(10):
        pacing.seen(Standing(7, 50_000), now_s=float(second))
        assert pacing.stands_back
    pacing.seen(Standing(7, 50_000), now_s=10.0)
    assert not pacing.stands_back
    # It is there again, and has much to make up for.
    pacing.seen(Standing(500, 49_500), now_s=11.0)
    assert pacing.stands_back


class Held:
    """Two partitions of every topic: 100 records each, of which the group has taken in 40."""

    async def places(self, names: Iterable[str]) -> list[Place]:
        return [(name, partition) for name in names for partition in range(2)]

    async def committed(self, group: str) -> dict[Place, int]:
        assert group == "strata-live"
        return {(topics.INTERACTIONS, 0): 40, (topics.PROFILE_UPDATES, 1): 40, ("other", 0): 1}

    async def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        return dict.fromkeys(places, 100)


async def test_changes_that_are_not_counted_yet_are_told_apart() -> None:
    standing = await standing_of(cast(KafkaView, Held()), group="strata-live")
    assert standing == Standing(done=40, behind=60, counted=40, uncounted=60)


async def test_counters_may_be_further_behind_than_events_but_not_without_end() -> None:
    pacing, stood_back = Pacing(least=100, uncounted=5_000), []
    for now_s, moved, uncounted in (
        (0.0, 0, 5_000),
        (1.0, 10, 5_001),
        # Nothing is counted any more, nor taken in.
        (20.0, 10, 5_001),
    ):
        pacing.seen(Standing(moved, 50, counted=moved, uncounted=uncounted), now_s=now_s)
        stood_back.append(pacing.stands_back)
    assert stood_back == [False, True, False]
