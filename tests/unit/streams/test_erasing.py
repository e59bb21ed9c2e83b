"""An erased user leaves every store, is given a receipt, and does not come back by a replay."""

from collections.abc import Mapping

import pytest
from streams_world import NOW_MS, PARTITIONS, SECRET, Engines, World

from profiles.ids import user_key
from profiles.ports import CounterTable
from profiles.privacy.erasure import Receipt
from profiles.privacy.pseudonyms import pseudonym, receipt_key
from profiles.state import decode_state
from schemas.instants import rfc3339
from streams.topics import LETTERS_GONE_MS

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000
ANN = user_key("default", "ann")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world() -> World:
    return await World.open()


def event(kind: str, number: int, user: str = "ann", **more: object) -> dict[str, object]:
    at = rfc3339(NOW_MS - HOUR_MS + number)
    return {
        "type": kind,
        "event_id": f"{user}-{kind}-{number}",
        "occurred_at": at,
        "user_id": user,
        **more,
    }


def like(number: int, item: str = "i", user: str = "ann") -> dict[str, object]:
    return event("interaction", number, user, item_id=item, action="like")


def lived(user: str) -> list[dict[str, object]]:
    return [
        like(1, "a", user),
        like(2, "b", user),
        event("attributes", 3, user, attributes={"country": "NL"}),
        event("consent", 4, user, data_type="documents", granted=True),
    ]


ERASED = event("erasure", 10)


async def settled(engines: Engines) -> None:
    await engines.drain()
    await engines.erasing.settle(engines.profiles, engines.ownerships.held)
    await engines.drain()


async def stored_ids(world: World) -> set[str]:
    return {record.user_id async for page in world.profiles.users.scan() for record in page}


async def test_an_erased_user_is_in_no_store_and_counted_nowhere(world: World) -> None:
    for one in [*lived("ann"), *lived("bea"), ERASED]:
        world.publish(one)
    await settled(Engines(world))
    alone = await World.open()
    for one in lived("bea"):
        alone.publish(one)
    await settled(Engines(alone))
    assert await stored_ids(world) == {"bea"}
    assert await world.counters() == await alone.counters()
    assert await world.redis.cache.get([ANN]) == [None]
    for partition in range(PARTITIONS):
        applied = await world.redis.aggregates.applied(partition, [ANN])
        assert applied.versions == {ANN: 0}


async def test_a_receipt_counts_what_there_was_and_what_is_left(world: World) -> None:
    for one in lived("ann"):
        world.publish(one)
    engines = Engines(world)
    await settled(engines)
    world.publish(ERASED)
    await settled(engines)
    key = receipt_key(SECRET, "default", "ann-erasure-10")
    receipt = await world.profiles.erasures.receipt(key)
    assert receipt is not None
    assert receipt.subject == pseudonym(SECRET, "default", "ann")
    assert receipt.before["users"] == {
        "records": 1,
        "interactions": 2,
        "preferences": 0,
        "documents": 0,
        "attributes": 1,
        "stated attributes": 1,
    }
    assert receipt.before["cache"] == {"views": 1}
    assert receipt.before["statistics"] == {"users": 1}
    assert receipt.after is not None
    assert sum(sum(counts.values()) for counts in receipt.after.values()) == 0
    assert (receipt.erased_ms, receipt.rewritten_ms) == (NOW_MS, NOW_MS)
    assert receipt.log_until_ms["strata.attributes"] is None
    day_ms = 86_400_000
    assert receipt.log_until_ms["strata.interactions"] == NOW_MS + 31 * day_ms
    assert receipt.log_until_ms["strata.dead-letters"] == NOW_MS + LETTERS_GONE_MS
    assert (receipt.letters, receipt.letters_ms) == (0, NOW_MS)
    assert world.rewrites == 1


async def test_a_replay_does_not_bring_an_erased_user_back(world: World) -> None:
    history = [*lived("ann"), ERASED]
    for one in history:
        world.publish(one)
    await settled(Engines(world))
    before = await world.counters()
    for one in history:
        world.publish(one)
    again = Engines(world, nonce="two")
    await settled(again)
    assert await stored_ids(world) == set()
    assert await world.counters() == before == {}


async def test_who_comes_back_begins_anew_and_is_counted_once(world: World) -> None:
    engines = Engines(world)
    for one in [*lived("ann"), ERASED]:
        world.publish(one)
    await settled(engines)
    world.publish(like(20, "c"))
    world.publish(like(5, "late"))
    await settled(engines)
    (record,) = await world.profiles.users.read([ANN])
    assert record is not None
    assert len(decode_state(record.state).entries("interactions")) == 1  # type: ignore[arg-type]
    counters = await world.counters()
    assert counters[CounterTable("default", "", "size")][b"users"] == 1
    assert counters[CounterTable("default", "", "events")] == {b"interactions/like": 1}
    world.publish(event("erasure", 30))
    await settled(engines)
    assert await world.counters() == {}
    assert await stored_ids(world) == set()


async def test_data_later_than_the_erasure_stays_and_the_receipt_says_so(world: World) -> None:
    for one in [*lived("ann"), like(11, "later"), ERASED]:
        world.publish(one)
    await settled(Engines(world))
    receipt = await world.profiles.erasures.receipt(
        receipt_key(SECRET, "default", "ann-erasure-10")
    )
    assert receipt is not None
    assert receipt.after is not None
    assert receipt.after["users"]["interactions"] == 1
    assert receipt.erased_ms is not None


async def test_updates_sent_again_after_an_erasure_change_nothing(world: World) -> None:
    engines = Engines(world)
    for one in lived("ann"):
        world.publish(one)
        await engines.drain()
    world.publish(ERASED)
    await settled(engines)
    await world.consumer.rewind({})
    sent = [place for place in world.consumer.logs if place[0] == "strata.profile-updates"]
    assert sent
    world.consumer.committed.update(dict.fromkeys(sent, 0))
    again = Engines(world, nonce="two")
    await settled(again)
    assert await world.counters() == {}


async def test_an_update_that_comes_late_from_an_owner_before_counts_nobody_who_left(
    world: World,
) -> None:
    """It stood still between storing a new user and sending them on, and thaws afterwards."""
    world.publish(like(1))
    await Engines(world).drain()
    (log,) = (
        log
        for (topic, _), log in world.consumer.logs.items()
        if topic == "strata.profile-updates" and log.records
    )
    late = log.records[0]
    successor = Engines(world, nonce="two")
    await successor.own_all()
    world.publish(ERASED)
    await settled(successor)
    assert await world.counters() == {}
    log.append(late.key, late.value, timestamp_ms=NOW_MS)
    await settled(successor)
    assert await world.counters() == {}


async def test_what_an_owner_left_unfinished_the_next_one_finishes(world: World) -> None:
    first = Engines(world)
    for one in [*lived("ann"), ERASED]:
        world.publish(one)
    await first.drain()
    assert await stored_ids(world) == {"ann"}
    second = Engines(world, nonce="two")
    await second.own_all()
    await settled(second)
    assert await stored_ids(world) == set()
    receipt = await world.profiles.erasures.receipt(
        receipt_key(SECRET, "default", "ann-erasure-10")
    )
    assert receipt is not None
    assert receipt.rewritten_ms == NOW_MS


async def test_who_comes_back_before_the_removal_has_a_receipt_too(world: World) -> None:
    engines = Engines(world)
    for one in [*lived("ann"), ERASED]:
        world.publish(one)
    await engines.drain()
    world.publish(like(20, "c"))
    await settled(engines)
    await engines.erasing.settle(engines.profiles, engines.ownerships.held)
    (stored,) = await world.profiles.users.read([ANN])
    assert stored is not None
    assert not stored.vacant
    receipt = await world.profiles.erasures.receipt(
        receipt_key(SECRET, "default", "ann-erasure-10")
    )
    assert receipt is not None
    assert receipt.rewritten_ms == NOW_MS
    assert receipt.after is not None
    assert receipt.after["users"]["interactions"] == 1
    rewrites = world.rewrites
    for _ in range(3):
        await engines.erasing.settle(engines.profiles, engines.ownerships.held)
    assert world.rewrites == rewrites


async def test_a_removal_that_was_not_told_of_is_told_of_by_the_next_owner(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        """SIGKILL."""

    reach = world.profiles.erasures.reach

    async def dies(receipts: Mapping[bytes, Receipt]) -> None:
        if any(receipt.erased_ms is not None for receipt in receipts.values()):
            raise Died
        await reach(receipts)

    async def goes_on(engines: Engines) -> None:
        while await stored_ids(world):
            await settled(engines)

    first = Engines(world)
    for one in [*lived("ann"), ERASED]:
        world.publish(one)
    await first.drain()
    with monkeypatch.context() as patch:
        patch.setattr(world.profiles.erasures, "reach", dies)
        with pytest.raises(Died):
            await goes_on(first)
    second = Engines(world, nonce="two")
    await second.own_all()
    await settled(second)
    receipt = await world.profiles.erasures.receipt(
        receipt_key(SECRET, "default", "ann-erasure-10")
    )
    assert receipt is not None
    assert receipt.erased_ms == receipt.rewritten_ms == NOW_MS
