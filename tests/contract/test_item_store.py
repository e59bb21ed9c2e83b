import math
from dataclasses import replace

import pytest
from store_records import AWKWARD_IDS, described, vector

from profiles.ids import item_key
from profiles.ports import ItemRecord
from stores.connect import ProfileStores

pytestmark = pytest.mark.anyio


def same(a: ItemRecord | None, b: ItemRecord) -> bool:
    return (
        a is not None
        and a.vector.tobytes() == b.vector.tobytes()
        and replace(a, vector=b.vector) == b
    )


async def test_what_is_put_is_read_back_and_replaced_by_the_next(stores: ProfileStores) -> None:
    first = described("t", "moby dick", vector(0.1, 2, -3, 4e-9))
    await stores.items.put([first])
    assert same((await stores.items.read([first.key]))[0], first)
    second = replace(first, revision=2, retired=True, vector=vector(1, 1, 1, 1))
    await stores.items.put([second])
    assert same((await stores.items.read([first.key]))[0], second)


@pytest.mark.parametrize("key", [0, 1, 2**53 + 1, 2**63, 2**64 - 1])
async def test_keys_over_the_whole_range_are_kept_apart(stores: ProfileStores, key: int) -> None:
    item = replace(described("t", "an item", vector(1, 0, 0, 0)), key=key)
    neighbour = replace(item, key=key ^ 1, item_id="its neighbour")
    await stores.items.put([item, neighbour])
    assert same((await stores.items.read([key]))[0], item)
    assert [page async for page in stores.items.scan(page=1)] != []


@pytest.mark.parametrize("awkward", AWKWARD_IDS)
async def test_any_id_and_tenant_is_kept_as_it_is(stores: ProfileStores, awkward: str) -> None:
    await stores.items.put_stubs([(awkward, awkward)])
    (found,) = await stores.items.read([item_key(awkward, awkward)])
    assert found is not None
    assert (found.tenant, found.item_id) == (awkward, awkward)


async def test_a_stub_is_a_name_with_a_vector_of_zeros(stores: ProfileStores) -> None:
    await stores.items.put_stubs([("t", "unknown yet"), ("t", "unknown yet")])
    expected = ItemRecord(
        key=item_key("t", "unknown yet"),
        tenant="t",
        item_id="unknown yet",
        title="",
        text="",
        attributes=b"{}",
        described_ms=0,
        event_hash=0,
        content_hash=b"",
        revision=0,
        retired=False,
        vector=vector(0, 0, 0, 0),
    )
    assert same((await stores.items.read([expected.key]))[0], expected)


async def test_a_stub_never_replaces_anything(stores: ProfileStores) -> None:
    item = described("t", "moby dick", vector(1, 2, 3, 4))
    await stores.items.put([item])
    await stores.items.put_stubs([("t", "moby dick"), ("t", "new")])
    found, new = await stores.items.read([item.key, item_key("t", "new")])
    assert same(found, item)
    assert new is not None
    assert new.revision == 0


async def test_reading_keeps_the_order_and_says_what_is_unknown(stores: ProfileStores) -> None:
    await stores.items.put_stubs([("t", "a"), ("t", "b")])
    keys = [item_key("t", name) for name in ("b", "c", "a")]
    found = await stores.items.read(keys)
    assert [None if one is None else one.item_id for one in found] == ["b", None, "a"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
async def test_a_vector_that_is_not_finite_is_refused_and_nothing_written(
    stores: ProfileStores, bad: float
) -> None:
    good = described("t", "good", vector(1, 0, 0, 0))
    with pytest.raises(ValueError, match="not finite"):
        await stores.items.put([good, described("t", "bad", vector(0, bad, 0, 0))])
    with pytest.raises(ValueError, match="not finite"):
        await stores.items.nearest(tenant="t", vector=vector(0, bad, 0, 0), limit=1)
    assert [page async for page in stores.items.scan()] == []


async def test_nearest_items_are_the_tenants_described_and_offered(stores: ProfileStores) -> None:
    await stores.items.put_stubs([("t", "stub")])
    long, short = vector(4, 0, 0, 0), vector(1, 0, 0, 0)
    await stores.items.put(
        [
            described("t", "long", long),
            described("t", "short", short),
            described("t", "opposite", -short),
            described("t", "retired", long, retired=True),
            described("t", "excluded", long),
            described("other", "foreign", long),
        ]
    )
    found = await stores.items.nearest(
        tenant="t", vector=vector(2, 0, 0, 0), limit=9, exclude=[item_key("t", "excluded")]
    )
    # By dot product: length counts, and less than nothing is still an answer.
    assert [(one.record.item_id, one.score) for one in found] == [
        ("long", 8.0),
        ("short", 2.0),
        ("opposite", -2.0),
    ]
    assert same(found[0].record, described("t", "long", long))
    assert len(await stores.items.nearest(tenant="t", vector=long, limit=2)) == 2
    assert await stores.items.nearest_keys(
        tenant="t", vector=vector(2, 0, 0, 0), limit=9, exclude=[item_key("t", "excluded")]
    ) == [one.record.key for one in found]


async def test_many_items_can_be_excluded(stores: ProfileStores) -> None:
    items = [described("t", f"item {n}", vector(n, 0, 0, 0)) for n in range(1200)]
    await stores.items.put(items)
    found = await stores.items.nearest(
        tenant="t",
        vector=vector(1, 0, 0, 0),
        limit=3,
        exclude=(one.key for one in items[100:]),
    )
    assert [one.record.item_id for one in found] == ["item 99", "item 98", "item 97"]


async def test_scan_meets_every_item_once_and_by_tenant(stores: ProfileStores) -> None:
    names = [(tenant, f"item {n}") for tenant in ("t", "other") for n in range(40)]
    await stores.items.put_stubs(names)
    met = [one async for page in stores.items.scan(page=7) for one in page]
    assert sorted((one.tenant, one.item_id) for one in met) == sorted(names)
    ours = [one async for page in stores.items.scan(tenant="t", page=7) for one in page]
    assert {one.tenant for one in ours} == {"t"}
    assert len(ours) == 40
