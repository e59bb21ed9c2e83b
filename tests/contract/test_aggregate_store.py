from collections.abc import Mapping

import pytest
from store_records import AWKWARD_IDS

from profiles.ports import AggregateStore, Applied, CounterTable, Fenced, Increments, Token
from stores.connect import RedisStores

pytestmark = pytest.mark.anyio

ANN, BOB = bytes(16), bytes(range(16))
POPULARITY = CounterTable(tenant="t", scope="", series="popularity")
TRENDS = CounterTable(tenant="t", scope="p1", series="trends", part="2026-11-23T06")


async def build(redis_stores: RedisStores, *, token: int = 1, epoch: int = 1) -> AggregateStore:
    store = redis_stores.aggregates
    await store.begin_build(3, token=Token(token), epoch=epoch)
    return store


async def apply(
    store: AggregateStore,
    increments: Increments,
    *,
    token: int = 1,
    epoch: int = 1,
    expected: Mapping[bytes, int] | None = None,
    versions: Mapping[bytes, int] | None = None,
    watermarks_ms: Mapping[str, int] | None = None,
) -> bool:
    return await store.apply(
        partition=3,
        token=Token(token),
        epoch=epoch,
        expected=expected or {},
        versions=versions or {},
        increments=increments,
        watermarks_ms=watermarks_ms or {},
    )


async def everything(store: AggregateStore) -> object:
    tables = await store.tables(3)
    counters = await store.counters(3, tables)
    applied = await store.applied(3, [ANN, BOB])
    return tables, counters, applied, await store.watermarks_ms(3)


async def test_a_partition_never_built_takes_nothing(redis_stores: RedisStores) -> None:
    store = redis_stores.aggregates
    assert await store.applied(3, [ANN]) == Applied(epoch=None, versions={ANN: 0})
    assert not await apply(store, {POPULARITY: {b"item": 1}})
    assert await store.tables(3) == []


async def test_increments_add_up_and_versions_are_kept(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    first: Increments = {POPULARITY: {b"a": 2, b"b": -1}, TRENDS: {b"a": 1}}
    assert await apply(store, first, versions={ANN: 1}, watermarks_ms={"t": 50, "u": 9})
    second: Increments = {POPULARITY: {b"a": 5}}
    assert await apply(
        store,
        second,
        expected={ANN: 1, BOB: 0},
        versions={ANN: 2, BOB: 1},
        watermarks_ms={"t": 40, "u": 10},
    )
    assert await store.tables(3) == [POPULARITY, TRENDS]
    assert await store.counters(3, [TRENDS, POPULARITY]) == [{b"a": 1}, {b"a": 7, b"b": -1}]
    assert await store.applied(3, [ANN, BOB]) == Applied(epoch=1, versions={ANN: 2, BOB: 1})
    assert await store.watermarks_ms(3) == {"t": 50, "u": 10}


async def test_numbers_of_builds_are_told_apart_up_to_63_bits(redis_stores: RedisStores) -> None:
    """They hold an epoch and a version; what is not exact beyond 2^53 would mix them up."""
    newest = 2**63 - 1
    store = await build(redis_stores, epoch=newest)
    assert (await store.applied(3, [])).epoch == newest
    assert not await apply(store, {POPULARITY: {b"item": 1}}, epoch=newest - 1)
    assert await apply(store, {POPULARITY: {b"item": 1}}, epoch=newest)
    await store.finish_build(3, token=Token(1), epoch=newest - 1)
    assert await store.built_epoch(3) is None
    await store.finish_build(3, token=Token(1), epoch=newest)
    assert await store.built_epoch(3) == newest


@pytest.mark.parametrize(
    "refused",
    [
        {"epoch": 2},
        {"epoch": 0},
        {"token": 4},
        {"expected": {ANN: 0}},
        {"expected": {ANN: 2}},
        {"expected": {ANN: 1, BOB: 1}},
    ],
    ids=repr,
)
async def test_a_refused_apply_changes_nothing(
    redis_stores: RedisStores, refused: dict[str, int]
) -> None:
    store = await build(redis_stores, token=5)
    held: Increments = {POPULARITY: {b"a": 1}}
    assert await apply(store, held, token=5, versions={ANN: 1}, watermarks_ms={"t": 5})
    before = await everything(store)
    offered: Increments = {POPULARITY: {b"a": -1, b"b": 2}, TRENDS: {b"c": 1}}
    options = {"token": 5, "versions": {ANN: 9, BOB: 9}, "watermarks_ms": {"t": 99}, **refused}
    assert not await apply(store, offered, **options)  # type: ignore[arg-type]
    assert await everything(store) == before
    assert await apply(store, offered, token=5, expected={ANN: 1}, versions={ANN: 2})


async def test_a_newer_token_fences_the_older_from_its_first_apply_on(
    redis_stores: RedisStores,
) -> None:
    store = await build(redis_stores, token=1)
    assert await apply(store, {POPULARITY: {b"a": 1}}, token=2)
    assert not await apply(store, {POPULARITY: {b"a": 1}}, token=1)
    assert await apply(store, {POPULARITY: {b"a": 1}}, token=2)
    assert await store.counters(3, [POPULARITY]) == [{b"a": 2}]


async def test_the_same_apply_again_is_refused(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    outcomes = [
        await apply(store, {POPULARITY: {b"a": 1}}, expected={ANN: 0}, versions={ANN: 1})
        for _ in range(2)
    ]
    assert outcomes == [True, False]
    assert await store.counters(3, [POPULARITY]) == [{b"a": 1}]


async def test_a_counter_that_reaches_zero_vanishes_and_its_table_with_it(
    redis_stores: RedisStores,
) -> None:
    store = await build(redis_stores)
    await apply(store, {POPULARITY: {b"a": 2, b"b": 1}, TRENDS: {b"a": 1, b"zero": 0}})
    await apply(store, {POPULARITY: {b"a": -2}, TRENDS: {b"a": -1}})
    assert await store.tables(3) == [POPULARITY]
    assert await store.counters(3, [POPULARITY, TRENDS]) == [{b"b": 1}, {}]


async def test_a_version_of_zero_is_as_if_never_applied(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    assert await apply(store, {}, versions={ANN: 4})
    assert await apply(store, {}, expected={ANN: 4}, versions={ANN: 0})
    assert (await store.applied(3, [ANN])).versions == {ANN: 0}
    assert await apply(store, {}, expected={ANN: 0}, versions={ANN: 1})


async def test_names_with_any_characters_are_kept_apart(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    tables = [
        CounterTable(tenant=a, scope=b, series="popularity", part=a)
        for a in AWKWARD_IDS
        for b in ("", a, "x")
    ]
    increments: Increments = {
        table: {table.tenant.encode(): number + 1} for number, table in enumerate(tables)
    }
    watermarks = dict.fromkeys(AWKWARD_IDS, 7)
    assert await apply(store, increments, watermarks_ms=watermarks)
    assert await store.tables(3) == sorted(tables)
    assert await store.counters(3, tables) == [increments[table] for table in tables]
    assert await store.watermarks_ms(3) == watermarks


async def test_shifting_the_border_between_parts_names_another_table(
    redis_stores: RedisStores,
) -> None:
    store = await build(redis_stores)
    one = CounterTable(tenant="a", scope="bc", series="s")
    other = CounterTable(tenant="ab", scope="c", series="s")
    await apply(store, {one: {b"f": 1}, other: {b"f": 10}})
    assert await store.counters(3, [one, other]) == [{b"f": 1}, {b"f": 10}]


async def test_large_numbers_stay_exact(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    for _ in range(3):
        assert await apply(store, {POPULARITY: {b"a": 2**53, b"b": -(2**53)}})
    assert await apply(store, {POPULARITY: {b"a": 1, b"b": -1}})
    exact = 3 * 2**53 + 1
    assert await store.counters(3, [POPULARITY]) == [{b"a": exact, b"b": -exact}]


async def test_an_increment_beyond_the_exact_range_is_refused_before_anything_is_written(
    redis_stores: RedisStores,
) -> None:
    store = await build(redis_stores)
    with pytest.raises(ValueError, match="exceeds"):
        await apply(store, {TRENDS: {b"a": 1}, POPULARITY: {b"a": 2**53 + 1}})
    assert await store.tables(3) == []


async def test_partitions_are_separate(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    await apply(store, {POPULARITY: {b"a": 1}}, versions={ANN: 1})
    assert await store.tables(2) == []
    assert await store.applied(2, [ANN]) == Applied(epoch=None, versions={ANN: 0})
    await store.begin_build(2, token=Token(1), epoch=1)
    assert await store.counters(3, [POPULARITY]) == [{b"a": 1}]


@pytest.mark.parametrize("partition", [-1, 8])
async def test_a_partition_that_does_not_exist_is_refused(
    redis_stores: RedisStores, partition: int
) -> None:
    with pytest.raises(ValueError, match="partition"):
        await redis_stores.aggregates.tables(partition)


async def test_a_build_is_finished_only_when_it_says_so(redis_stores: RedisStores) -> None:
    store = await build(redis_stores, token=2, epoch=4)
    assert await store.built_epoch(3) is None
    assert (await store.applied(3, [])).epoch == 4
    await store.finish_build(3, token=Token(2), epoch=3)
    assert await store.built_epoch(3) is None
    await store.finish_build(3, token=Token(2), epoch=4)
    assert await store.built_epoch(3) == 4


async def test_a_new_build_starts_empty(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    await apply(
        store, {POPULARITY: {b"a": 1}, TRENDS: {b"a": 1}}, versions={ANN: 1}, watermarks_ms={"t": 1}
    )
    await store.finish_build(3, token=Token(1), epoch=1)
    await store.begin_build(3, token=Token(1), epoch=2)
    assert await everything(store) == ([], [], Applied(epoch=2, versions={ANN: 0, BOB: 0}), {})
    assert await store.counters(3, [POPULARITY, TRENDS]) == [{}, {}]
    assert await store.built_epoch(3) is None
    assert not await apply(store, {POPULARITY: {b"a": 1}}, epoch=1)


async def test_an_older_owner_neither_begins_nor_finishes_a_build(
    redis_stores: RedisStores,
) -> None:
    store = await build(redis_stores, token=2)
    await apply(store, {POPULARITY: {b"a": 1}}, token=3)
    with pytest.raises(Fenced):
        await store.begin_build(3, token=Token(2), epoch=9)
    with pytest.raises(Fenced):
        await store.finish_build(3, token=Token(2), epoch=1)
    assert await store.built_epoch(3) is None
    assert await store.counters(3, [POPULARITY]) == [{b"a": 1}]


async def test_trim_keeps_the_largest_and_breaks_ties_by_field(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    await apply(store, {POPULARITY: {b"a": 1, b"d": 5, b"c": 5, b"b": 5, b"e": -7, b"f": 40}})
    await store.trim(3, POPULARITY, keep=3)
    assert await store.counters(3, [POPULARITY]) == [{b"f": 40, b"b": 5, b"c": 5}]
    await store.trim(3, POPULARITY, keep=0)
    assert await store.tables(3) == []


async def test_dropped_tables_are_gone(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    await apply(store, {POPULARITY: {b"a": 1}, TRENDS: {b"a": 1}})
    await store.drop(3, [TRENDS, CounterTable("t", "", "never there")])
    await store.drop(3, [])
    assert await store.tables(3) == [POPULARITY]
    assert await store.counters(3, [TRENDS]) == [{}]


async def test_a_large_batch_is_applied_whole(redis_stores: RedisStores) -> None:
    store = await build(redis_stores)
    fields = {number.to_bytes(8, "big"): number + 1 for number in range(100_000)}
    users = {number.to_bytes(16, "big"): 1 for number in range(2000)}
    assert await apply(
        store, {POPULARITY: fields}, expected=dict.fromkeys(users, 0), versions=users
    )
    assert await store.counters(3, [POPULARITY]) == [fields]
    assert (await store.applied(3, list(users))).versions == users


async def test_a_wanted_epoch_only_grows(redis_stores: RedisStores) -> None:
    store = redis_stores.aggregates
    assert await store.wanted_epoch() == 1
    assert [await store.want_rebuild() for _ in range(2)] == [2, 3]
    assert await store.wanted_epoch() == 3


async def test_snapshots_are_read_back_by_name(redis_stores: RedisStores) -> None:
    store = redis_stores.aggregates
    for name in AWKWARD_IDS:
        await store.put_snapshot(name, name.encode() + b"\0\xff")
    await store.put_snapshot("again", b"first")
    await store.put_snapshot("again", b"second")
    assert await store.get_snapshots(["again", "absent", *AWKWARD_IDS]) == [
        b"second",
        None,
        *(name.encode() + b"\0\xff" for name in AWKWARD_IDS),
    ]
    assert await store.get_snapshots([]) == []


async def test_a_snapshot_is_swapped_for_what_was_there(redis_stores: RedisStores) -> None:
    store = redis_stores.aggregates
    assert await store.swap_snapshot("seal", b"one\0", beside={}) is None
    assert await store.swap_snapshot("seal", b"two", beside={"a": b"1", "b": b"2"}) == b"one\0"
    assert await store.get_snapshots(["seal", "a", "b"]) == [b"two", b"1", b"2"]


async def test_dropped_snapshots_are_gone_and_the_others_stay(redis_stores: RedisStores) -> None:
    store = redis_stores.aggregates
    for name in (*AWKWARD_IDS, "kept"):
        await store.put_snapshot(name, b"body")
    await store.drop_snapshots([*AWKWARD_IDS, "absent"])
    await store.drop_snapshots([])
    found = await store.get_snapshots([*AWKWARD_IDS, "kept"])
    assert found == [*([None] * len(AWKWARD_IDS)), b"body"]
