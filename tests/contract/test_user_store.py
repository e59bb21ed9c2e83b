import asyncio
import math

import pytest
from msgspec.structs import replace
from store_records import AWKWARD_IDS, touched, vector

from profiles.ids import DRAWS, draw_of, user_key
from profiles.ports import Token, UserRecord
from stores.connect import ProfileStores

pytestmark = pytest.mark.anyio


def same(a: UserRecord | None, b: UserRecord) -> bool:
    """All fields equal, the vector to the last bit."""
    return (
        a is not None
        and a.vector.tobytes() == b.vector.tobytes()
        and replace(a, vector=b.vector) == b
    )


async def write_users(
    stores: ProfileStores, names: list[tuple[str, str]], *, partition: int = 0
) -> list[UserRecord]:
    claimed = await stores.users.claim(names, partition=partition, token=Token(1))
    written = [touched(record, token=1) for record in claimed]
    await stores.users.write(written)
    return written


async def test_claiming_unknown_users_makes_stubs_without_events(stores: ProfileStores) -> None:
    (stub,) = await stores.users.claim([("t", "ann")], partition=3, token=Token(7))
    expected = UserRecord(
        key=user_key("t", "ann"),
        tenant="t",
        user_id="ann",
        partition=3,
        token=Token(7),
        version=0,
        state=b"",
        outbox=b"",
        vector=vector(0, 0, 0, 0),
        persona=None,
        waiting=False,
        mass=0.0,
    )
    assert same(stub, expected)
    assert same((await stores.users.read([stub.key]))[0], expected)


async def test_what_is_written_is_read_back(stores: ProfileStores) -> None:
    (stub,) = await stores.users.claim([("t", "ann")], partition=3, token=Token(7))
    # Of unit length but for rounding, which must survive as it is.
    direction = vector(0.1, 0.2, 0.3, 0.9273619)
    everything = touched(stub, token=7, state=bytes(range(256)), direction=direction)
    written = replace(everything, version=2**40, mass=0.1, waiting=True, space=2**33)
    await stores.users.write([written])
    assert same((await stores.users.read([stub.key]))[0], written)


@pytest.mark.parametrize("awkward", AWKWARD_IDS)
async def test_any_id_and_tenant_is_kept_as_it_is(stores: ProfileStores, awkward: str) -> None:
    (stub,) = await stores.users.claim([(awkward, awkward)], partition=0, token=Token(1))
    await stores.users.write([touched(stub, token=1)])
    pages = [page async for page in stores.users.scan(tenant=awkward)]
    assert [(one.tenant, one.user_id) for page in pages for one in page] == [(awkward, awkward)]


async def test_claims_come_back_in_the_order_asked(stores: ProfileStores) -> None:
    names = [("t", f"user {number}") for number in range(700)]
    await write_users(stores, names[::3])
    claimed = await stores.users.claim(names, partition=0, token=Token(1))
    assert [(one.tenant, one.user_id) for one in claimed] == names
    assert [one.version for one in claimed[:4]] == [1, 0, 0, 1]


async def test_a_user_asked_for_twice_is_claimed_once_and_returned_twice(
    stores: ProfileStores,
) -> None:
    first, second = await stores.users.claim([("t", "ann")] * 2, partition=0, token=Token(1))
    assert same(first, second)
    assert await stores.users.count() == 1


async def test_reading_keeps_the_order_and_says_who_is_unknown(stores: ProfileStores) -> None:
    ann, bob = await write_users(stores, [("t", "ann"), ("t", "bob")])
    found = await stores.users.read([bob.key, user_key("t", "nobody"), ann.key])
    assert [None if one is None else one.user_id for one in found] == ["bob", None, "ann"]


async def test_nothing_asked_is_nothing_done(stores: ProfileStores) -> None:
    assert await stores.users.claim([], partition=0, token=Token(1)) == []
    assert await stores.users.read([]) == []
    await stores.users.write([])
    assert await stores.users.count() == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
async def test_a_vector_or_mass_that_is_not_finite_is_refused_and_nothing_written(
    stores: ProfileStores, bad: float
) -> None:
    ann, bob = await stores.users.claim([("t", "ann"), ("t", "bob")], partition=0, token=Token(1))
    with pytest.raises(ValueError, match="not finite"):
        await stores.users.write(
            [touched(ann, token=1), touched(bob, token=1, direction=vector(bad, 0, 0, 0))]
        )
    with pytest.raises(ValueError, match="not finite"):
        await stores.users.write([touched(ann, token=1), touched(bob, token=1, mass=bad)])
    with pytest.raises(ValueError, match="not finite"):
        await stores.users.similar(tenant="t", vector=vector(bad, 0, 0, 0), space=0, limit=1)
    assert [one and one.version for one in await stores.users.read([ann.key, bob.key])] == [0, 0]


async def test_a_vector_of_another_dimension_is_refused(stores: ProfileStores) -> None:
    (ann,) = await stores.users.claim([("t", "ann")], partition=0, token=Token(1))
    with pytest.raises(ValueError, match="4 d"):
        await stores.users.write([touched(ann, token=1, direction=vector(1, 0))])


async def test_a_vector_of_zeros_stays_zeros(stores: ProfileStores) -> None:
    (ann,) = await stores.users.claim([("t", "ann")], partition=0, token=Token(1))
    await stores.users.write([touched(ann, token=1, direction=vector(0, 0, 0, 0))])
    (found,) = await stores.users.read([ann.key])
    assert found is not None
    assert found.vector.tolist() == [0, 0, 0, 0]


async def test_scan_finds_what_matches_once_each_in_a_stable_order(stores: ProfileStores) -> None:
    for partition in range(2):
        names = [("t", f"{partition}/{number}") for number in range(30)]
        await write_users(stores, names, partition=partition)
    await write_users(stores, [("other", "0/0")])
    (waiting,) = await stores.users.claim([("t", "0/3")], partition=0, token=Token(1))
    await stores.users.write([touched(waiting, token=1, waiting=True)])

    async def ids(**selected: object) -> list[str]:
        pages = stores.users.scan(page=7, **selected)  # type: ignore[arg-type]
        return [one.user_id async for page in pages for one in page]

    everyone = await ids()
    assert everyone == await ids()
    assert len(everyone) == 61
    assert sorted(await ids(tenant="t", partition=1)) == sorted(f"1/{n}" for n in range(30))
    assert await ids(waiting=True) == ["0/3"]
    assert await ids(tenant="other", waiting=False) == ["0/0"]
    assert await ids(tenant="nobody") == []


async def test_scan_meets_everyone_who_was_there_while_others_are_written(
    stores: ProfileStores,
) -> None:
    names = [("t", f"user {number}") for number in range(100)]
    written = await write_users(stores, names)
    met: list[bytes] = []
    async for page in stores.users.scan(page=9):
        met += [one.key for one in page]
        await write_users(stores, [("t", f"newcomer {len(met)}")])
        await stores.users.write([touched(one, token=1, state=b"again") for one in written[::7]])
    assert len(met) == len(set(met))
    assert {one.key for one in written} <= set(met)


async def test_similar_users_are_of_the_tenant_and_have_evidence(stores: ProfileStores) -> None:
    names = [("t", "near"), ("t", "far"), ("t", "weightless"), ("t", "me"), ("other", "near")]
    near, far, weightless, me, foreign = await stores.users.claim(
        names, partition=0, token=Token(1)
    )
    await stores.users.claim([("t", "stub")], partition=0, token=Token(1))
    await stores.users.write(
        [
            touched(near, token=1, direction=vector(0.8, 0.6, 0, 0)),
            touched(far, token=1, direction=vector(0, 0, 1, 0)),
            touched(weightless, token=1, direction=vector(1, 0, 0, 0), mass=0.0),
            touched(me, token=1, direction=vector(1, 0, 0, 0)),
            touched(foreign, token=1, direction=vector(1, 0, 0, 0)),
        ]
    )
    found = await stores.users.similar(
        tenant="t", vector=vector(3, 0, 0, 0), space=0, limit=5, exclude=me.key
    )
    assert [one.record.user_id for one in found] == ["near", "far"]
    assert [one.score for one in found] == pytest.approx([0.8, 0.0], abs=1e-6)
    assert same(found[0].record, touched(near, token=1, direction=vector(0.8, 0.6, 0, 0)))
    best = await stores.users.similar(tenant="t", vector=vector(1, 0, 0, 0), space=0, limit=1)
    assert [one.record.user_id for one in best] == ["me"]


async def test_similar_users_are_those_of_the_same_space(stores: ProfileStores) -> None:
    names = [("t", f"user {number}") for number in range(6)]
    claimed = await stores.users.claim(names, partition=0, token=Token(1))
    await stores.users.write(
        [replace(touched(one, token=1), space=number % 2) for number, one in enumerate(claimed)]
    )
    for space in (0, 1, 2):
        found = await stores.users.similar(
            tenant="t", vector=vector(0.6, 0.8, 0, 0), space=space, limit=9
        )
        expected = {name for number, (_, name) in enumerate(names) if number % 2 == space}
        assert {one.record.user_id for one in found} == expected
        assert {one.record.space for one in found} <= {space}


async def test_a_scan_below_a_draw_is_a_sample_in_the_order_of_draws(
    stores: ProfileStores,
) -> None:
    names = [("t", f"user {number}") for number in range(60)]
    written = await write_users(stores, names[:40])
    stubs = await stores.users.claim(names[40:], partition=0, token=Token(1))
    draws = sorted(draw_of(one.key) for one in (*written, *stubs))
    bound = draws[20]

    async def found(draw_below: int | None) -> list[int]:
        pages = stores.users.scan(tenant="t", draw_below=draw_below, page=7)
        return [draw_of(one.key) async for page in pages for one in page]

    assert await found(bound) == draws[:20]
    assert await found(bound + 1) == draws[:21]
    assert await found(DRAWS) == await found(None) == draws
    assert await found(0) == []


async def test_versions_are_those_of_the_users_that_a_scan_finds(stores: ProfileStores) -> None:
    written = await write_users(stores, [("t", f"user {number}") for number in range(30)])
    await write_users(stores, [("other", "user")])
    again = [replace(touched(one, token=1), version=7) for one in written[::3]]
    await stores.users.write(again)
    (stub,) = await stores.users.claim([("t", "stub")], partition=0, token=Token(1))
    expected = {one.key: one.version for one in (*written, *again, stub)}

    async def found(draw_below: int | None) -> dict[bytes, int]:
        pages = stores.users.versions(tenant="t", draw_below=draw_below, page=7)
        return dict([one async for page in pages for one in page])

    assert await found(None) == expected
    bound = sorted(map(draw_of, expected))[11]
    sampled = {key: version for key, version in expected.items() if draw_of(key) < bound}
    assert await found(bound) == sampled
    assert list(await found(bound)) == sorted(sampled)


async def test_counting_is_exact_and_by_tenant(stores: ProfileStores) -> None:
    await write_users(stores, [("t", "ann"), ("t", "bob"), ("other", "ann")])
    counts = [await stores.users.count(tenant=tenant) for tenant in (None, "t", "other", "none")]
    assert counts == [3, 2, 1, 0]


async def test_stubs_are_counted_and_scanned_before_anything_is_written_of_them(
    stores: ProfileStores,
) -> None:
    await write_users(stores, [("t", "ann")], partition=1)
    await stores.users.claim([("t", "bob"), ("t", "cleo")], partition=1, token=Token(1))
    await stores.users.claim([("t", "dan")], partition=2, token=Token(1))
    assert await stores.users.count() == 4
    pages = [page async for page in stores.users.scan(partition=1)]
    assert sorted(one.user_id for page in pages for one in page) == ["ann", "bob", "cleo"]
    written = [record for page in pages for record in page if record.user_id == "bob"]
    await stores.users.write([touched(written[0], token=1, state=b"after the scan")])
    (bob,) = await stores.users.read([user_key("t", "bob")])
    assert bob is not None
    assert bob.state == b"after the scan"
    assert await stores.users.count() == 4


async def test_large_batches_are_written_and_read_whole(stores: ProfileStores) -> None:
    names = [("t", f"user {number}") for number in range(1500)]
    written = await write_users(stores, names)
    found = await stores.users.read([one.key for one in written])
    assert [one and one.version for one in found] == [1] * len(names)


async def test_a_reader_never_sees_half_a_write(stores: ProfileStores) -> None:
    (ann,) = await stores.users.claim([("t", "ann")], partition=0, token=Token(1))
    even, odd = vector(1, 0, 0, 0), vector(0, 1, 0, 0)

    async def write() -> None:
        for version in range(1, 200):
            direction = odd if version % 2 else even
            await stores.users.write(
                [replace(touched(ann, token=1, direction=direction), version=version)]
            )
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    seen = set()
    while not writing.done():
        (found,) = await stores.users.read([ann.key])
        assert found is not None
        seen.add(found.version)
        if found.version:
            assert found.vector.tolist() == (odd if found.version % 2 else even).tolist()
        await asyncio.sleep(0)
    await writing
    assert len(seen) > 1
