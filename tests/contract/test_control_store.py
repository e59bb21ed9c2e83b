import asyncio

import pytest
from store_records import Interleaved

from profiles.ports import Control, Fenced, Token
from stores.connect import ProfileStores
from stores.control import PointControlStore
from stores.points import Points

pytestmark = pytest.mark.anyio

STEPS = 4


def points_of(stores: ProfileStores) -> Points:
    assert isinstance(stores.control, PointControlStore)
    return stores.control._points


async def test_a_partition_nobody_took_has_no_control_point(stores: ProfileStores) -> None:
    assert await stores.control.read(3) is None


async def test_every_take_raises_the_token_by_one(stores: ProfileStores) -> None:
    taken = [await stores.control.take(3, nonce) for nonce in ("a", "b", "b")]
    assert [(one.token, one.nonce) for one in taken] == [(1, "a"), (2, "b"), (3, "b")]
    assert await stores.control.read(3) == taken[-1]


async def test_partitions_are_taken_independently(stores: ProfileStores) -> None:
    await stores.control.take(0, "a")
    await stores.control.take(0, "a")
    assert (await stores.control.take(1, "b")).token == 1


@pytest.mark.parametrize("first", [True, False], ids=["never taken", "taken before"])
@pytest.mark.parametrize("step", range(STEPS))
async def test_two_takers_at_once_never_both_believe_they_own_it(
    stores: ProfileStores, step: int, *, first: bool
) -> None:
    if not first:
        await stores.control.take(3, "before")
    theirs: list[Control] = []

    async def take() -> None:
        theirs.append(await stores.control.take(3, "theirs"))

    ours = None
    try:
        ours = await PointControlStore(
            Interleaved(points_of(stores), step=step, intrude=take)
        ).take(3, "ours")
    except Fenced:
        assert theirs
    stored = await stores.control.read(3)
    assert stored is not None
    assert stored in (theirs if stored.nonce == "theirs" else [ours])
    # The other one, if it thought it owned the partition, has an older token.
    assert all(
        one.token < stored.token for one in [*theirs, ours] if one is not None and one != stored
    )


async def test_of_many_takers_at_once_no_two_get_one_token(stores: ProfileStores) -> None:
    outcomes = await asyncio.gather(
        *(stores.control.take(3, f"taker {n}") for n in range(8)), return_exceptions=True
    )
    owners = [one for one in outcomes if isinstance(one, Control)]
    assert owners
    assert len({one.token for one in owners}) == len(owners)
    assert all(isinstance(one, Control | Fenced) for one in outcomes)
    assert await stores.control.read(3) == max(owners, key=lambda one: one.token)


async def test_bookmarks_merge_and_outlive_their_owner(stores: ProfileStores) -> None:
    ours = await stores.control.take(3, "a")
    await stores.control.bookmark(ours, {"strata.interactions": 10, "a.b[0]": 2**62})
    await stores.control.bookmark(ours, {"strata.interactions": 11, "{}:\0*": 1})
    await stores.control.bookmark(ours, {})
    expected = {"strata.interactions": 11, "a.b[0]": 2**62, "{}:\0*": 1}
    theirs = await stores.control.take(3, "b")
    assert (theirs.token, theirs.positions) == (2, expected)


@pytest.mark.parametrize(
    "stale",
    [
        Control(partition=3, token=Token(1), nonce="a"),
        Control(partition=3, token=Token(2), nonce="a"),
        Control(partition=4, token=Token(2), nonce="b"),
    ],
    ids=["older token", "other nonce", "never taken"],
)
async def test_a_bookmark_of_somebody_else_changes_nothing(
    stores: ProfileStores, stale: Control
) -> None:
    await stores.control.take(3, "a")
    ours = await stores.control.take(3, "b")
    await stores.control.bookmark(stale, {"strata.interactions": 99})
    assert await stores.control.read(3) == ours
    assert await stores.control.read(4) is None
