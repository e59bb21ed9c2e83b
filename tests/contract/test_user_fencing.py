"""After a claim, nothing an older owner does has any effect, wherever it intrudes."""

from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace
from store_records import Interleaved, touched

from profiles.ports import StoreUnavailable, Token, UserRecord
from stores.connect import ProfileStores
from stores.points import Payload, PointId, Points, Where
from stores.users import PointUserStore

pytestmark = pytest.mark.anyio

NAMES = [("t", "ann"), ("t", "bob")]
"""Ann has been stored before the claim under test, Bob has not."""

STEPS = 7


def points_of(stores: ProfileStores) -> Points:
    assert isinstance(stores.users, PointUserStore)
    return stores.users._points


async def stored_under_token_1(stores: ProfileStores) -> UserRecord:
    (stub,) = await stores.users.claim(NAMES[:1], partition=0, token=Token(1))
    await stores.users.write([touched(stub, token=1, state=b"first")])
    (ann,) = await stores.users.read([stub.key])
    assert ann is not None
    return ann


async def claim_with_intruder(
    stores: ProfileStores, step: int, intrude: Callable[[], Awaitable[None]]
) -> tuple[list[UserRecord], bool]:
    """Claim under token 3 with `intrude` before the `step`-th call of the store."""
    points = Interleaved(points_of(stores), step=step, intrude=intrude)
    claimed = await PointUserStore(points).claim(NAMES, partition=0, token=Token(3))
    return claimed, points.intruded


async def require_ownership(stores: ProfileStores, claimed: list[UserRecord], token: int) -> None:
    """What the claim returned is what is stored, and stays so whatever older owners do."""
    for old in range(token):
        await stores.users.claim(NAMES, partition=0, token=Token(old))
        await stores.users.write([touched(one, token=old, state=b"zombie") for one in claimed])
    stored = await stores.users.read([one.key for one in claimed])
    for returned, found in zip(claimed, stored, strict=True):
        assert found is not None
        assert found.token == token
        assert (found.state, found.version) == (returned.state, returned.version)
        assert found.vector.tolist() == returned.vector.tolist()


@pytest.mark.parametrize("step", range(STEPS))
async def test_a_zombie_that_writes_between_two_steps_of_a_claim(
    stores: ProfileStores, step: int
) -> None:
    ann = await stored_under_token_1(stores)

    async def write() -> None:
        await stores.users.write([touched(ann, token=1, state=b"late")])

    claimed, _ = await claim_with_intruder(stores, step, write)
    assert claimed[0].token == 1
    assert claimed[0].state in {b"first", b"late"}
    assert claimed[1].token == 3
    await require_ownership(stores, claimed, 3)


@pytest.mark.parametrize("step", range(STEPS))
async def test_a_zombie_that_claims_and_writes_a_new_user_between_two_steps(
    stores: ProfileStores, step: int
) -> None:
    await stored_under_token_1(stores)

    async def claim_and_write() -> None:
        _, bob = await stores.users.claim(NAMES, partition=0, token=Token(1))
        await stores.users.write([touched(bob, token=1, state=b"zombie's")])

    claimed, _ = await claim_with_intruder(stores, step, claim_and_write)
    assert claimed[0].token == 1
    # Bob is the zombie's if it came first, and then its token is the one before.
    assert (claimed[1].token, claimed[1].state) in {(3, b""), (1, b"zombie's")}
    await require_ownership(stores, claimed, 3)


@pytest.mark.parametrize("step", range(STEPS))
async def test_an_owner_in_between_that_claims_and_writes(stores: ProfileStores, step: int) -> None:
    await stored_under_token_1(stores)

    async def claim_and_write() -> None:
        for one in await stores.users.claim(NAMES, partition=0, token=Token(2)):
            await stores.users.write([touched(one, token=2, state=b"second")])

    claimed, _ = await claim_with_intruder(stores, step, claim_and_write)
    before = {(one.token, one.state) for one in claimed}
    assert before <= {(1, b"first"), (2, b"second"), (3, b"")}
    await require_ownership(stores, claimed, 3)


@pytest.mark.parametrize("step", range(STEPS))
async def test_a_newer_owner_wins_over_the_claim_it_interrupts(
    stores: ProfileStores, step: int
) -> None:
    await stored_under_token_1(stores)

    async def claim_and_write() -> None:
        for one in await stores.users.claim(NAMES, partition=0, token=Token(4)):
            await stores.users.write([touched(one, token=4, state=b"newest")])

    claimed, intruded = await claim_with_intruder(stores, step, claim_and_write)
    await stores.users.write([touched(one, token=3, state=b"mine") for one in claimed])
    expected = b"newest" if intruded else b"mine"
    stored = await stores.users.read([one.key for one in claimed])
    assert {one and one.state for one in stored} == {expected}


async def test_the_steps_cover_the_whole_claim(stores: ProfileStores) -> None:
    await stored_under_token_1(stores)

    async def nothing() -> None:
        return

    _, intruded = await claim_with_intruder(stores, STEPS, nothing)
    assert not intruded


async def test_a_claim_reports_each_users_own_token_before(stores: ProfileStores) -> None:
    names = [("t", f"user {number}") for number in range(6)]
    for number, name in enumerate(names[:5]):
        await stores.users.claim([name], partition=0, token=Token(number + 1))
    claimed = await stores.users.claim(names, partition=0, token=Token(4))
    # The fifth belongs to a newer owner and stays with it; the last is a fresh stub.
    assert [one.token for one in claimed] == [1, 2, 3, 4, 5, 4]
    stored = await stores.users.read([one.key for one in claimed])
    assert [one and one.token for one in stored] == [4, 4, 4, 4, 5, 4]


async def test_a_claim_repeated_before_a_write_reports_the_same_token(
    stores: ProfileStores,
) -> None:
    ann = await stored_under_token_1(stores)
    tokens = []
    for _ in range(2):
        (claimed,) = await stores.users.claim(NAMES[:1], partition=0, token=Token(3))
        tokens.append(claimed.token)
    await stores.users.write([touched(ann, token=3)])
    (claimed,) = await stores.users.claim(NAMES[:1], partition=0, token=Token(3))
    assert [*tokens, claimed.token] == [1, 1, 3]


async def test_a_claim_repeated_after_a_lost_answer_reports_the_same_token(
    stores: ProfileStores,
) -> None:
    await stored_under_token_1(stores)

    class LosesOneAnswer(Interleaved):
        async def set_payload_if(
            self,
            ids: list[PointId],  # type: ignore[override]
            payload: Payload,
            condition: Where,
            *,
            under: str | None = None,
        ) -> None:
            await super().set_payload_if(ids, payload, condition, under=under)
            raise StoreUnavailable("applied, but the answer was lost")

    async def nothing() -> None:
        return

    unlucky = PointUserStore(LosesOneAnswer(points_of(stores), step=0, intrude=nothing))
    with pytest.raises(StoreUnavailable):
        await unlucky.claim(NAMES, partition=0, token=Token(3))
    ann, bob = await stores.users.claim(NAMES, partition=0, token=Token(3))
    assert (ann.token, bob.token) == (1, 3)


async def test_a_refused_write_is_silent_and_changes_nothing(stores: ProfileStores) -> None:
    ann = await stored_under_token_1(stores)
    for wrong in (0, 2):
        await stores.users.write([touched(ann, token=wrong, state=b"refused", waiting=True)])
    (found,) = await stores.users.read([ann.key])
    assert found is not None
    assert (found.state, found.token, found.waiting) == (b"first", 1, False)
    assert [page async for page in stores.users.scan(waiting=True)] == []


async def test_a_write_never_inserts(stores: ProfileStores) -> None:
    ann = await stored_under_token_1(stores)
    await stores.users.write([touched(replace(ann, key=bytes(16)), token=1)])
    assert await stores.users.count() == 1


async def test_one_write_carries_one_token(stores: ProfileStores) -> None:
    ann = await stored_under_token_1(stores)
    with pytest.raises(ValueError, match="one token"):
        await stores.users.write([touched(ann, token=1), touched(ann, token=2)])


async def test_a_user_of_another_partition_is_not_claimed(stores: ProfileStores) -> None:
    ann = await stored_under_token_1(stores)
    with pytest.raises(ValueError, match="replay"):
        await stores.users.claim(NAMES, partition=1, token=Token(9))
    (found,) = await stores.users.read([ann.key])
    assert found is not None
    assert (found.token, found.partition) == (1, 0)
