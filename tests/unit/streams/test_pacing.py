"""A version is built while live is not behind, and only then."""

import asyncio
from collections.abc import Iterable
from typing import cast

import pytest

from schemas import topics
from streams.offsets import KafkaView
from streams.ownership import Place
from streams.pacing import Pacing
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
    pacing.seen(done=0, behind=2_001, now_s=0.0)
    assert pacing.stands_back
    turn = asyncio.create_task(pacing.turn())
    await asyncio.sleep(0)
    assert not turn.done()
    pacing.seen(done=500, behind=2_000, now_s=0.5)
    await asyncio.wait_for(turn, 1.0)


async def test_a_turn_comes_in_the_end_however_far_others_are_behind() -> None:
    pacing = Pacing(patience_s=0.05)
    pacing.seen(done=0, behind=1_000_000, now_s=0.0)
    await asyncio.wait_for(pacing.turn(), 5.0)
    assert pacing.stands_back


async def test_what_comes_in_within_two_seconds_is_not_behind() -> None:
    pacing = Pacing(least=2_000, allowed_s=2.0)
    for second in range(20):
        # 5 000 come in a second, and 9 000 of them are on their way.
        pacing.seen(done=5_000 * second, behind=9_000, now_s=float(second))
    assert not pacing.stands_back
    pacing.seen(done=98_000, behind=12_000, now_s=20.0)
    assert pacing.stands_back


async def test_whoever_stands_still_is_not_waited_for() -> None:
    pacing = Pacing(least=2_000)
    for second in range(10):
        pacing.seen(done=7, behind=50_000, now_s=float(second))
        assert pacing.stands_back
    pacing.seen(done=7, behind=50_000, now_s=10.0)
    assert not pacing.stands_back
    # It is there again, and has much to make up for.
    pacing.seen(done=500, behind=49_500, now_s=11.0)
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


async def test_changes_that_are_not_counted_yet_are_behind_too() -> None:
    assert await standing_of(cast(KafkaView, Held()), group="strata-live") == (80, 120)
