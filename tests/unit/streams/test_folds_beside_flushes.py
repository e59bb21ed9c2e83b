"""What is folded while others are stored belongs to the next flush, whole and only to it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from streams_world import Engines, World, item, liked

from profiles.ids import user_key
from profiles.ports import StoreUnavailable, UserRecord, UserStore
from profiles.state import DataType, decode_state
from schemas import topics
from streams import profiles
from streams.ownership import Doubtful, Released


class WaitingUsers:
    """The user store, whose next write waits until it is let through, or fails."""

    def __init__(self, users: UserStore) -> None:
        self._users = users
        self.reached = asyncio.Event()
        self.through = asyncio.Event()
        self.fails = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._users, name)

    async def write(self, records: Sequence[UserRecord]) -> None:
        self.reached.set()
        await self.through.wait()
        if self.fails:
            self.fails = False
            raise StoreUnavailable("timed out")
        await self._users.write(records)


async def owning_everything(world: World) -> Engines:
    """An engine that owns all partitions, with one item described."""
    world.publish(item("a", "sea"))
    engines = Engines(world)
    await engines.own_all()
    await engines.drain()
    return engines


async def at_a_write(world: World) -> tuple[Engines, WaitingUsers, "asyncio.Task[None]"]:
    """An engine whose flush of Ann's first event waits for the store."""
    engines = await owning_everything(world)
    users = WaitingUsers(world.profiles.users)
    engines.profiles._users = engines.profiles._storer._users = cast(UserStore, users)
    world.publish(liked("ann", "a", 1))
    await fold_all(engines)
    flushing = asyncio.create_task(engines.profiles.flush())
    await users.reached.wait()
    return engines, users, flushing


async def with_room_for_one_change(world: World) -> tuple[Engines, WaitingUsers]:
    """An engine that flushes as soon as one user has changed; its store waits."""
    engines = await owning_everything(world)
    users = WaitingUsers(world.profiles.users)
    engines.profiles._users = engines.profiles._storer._users = cast(UserStore, users)
    engines.profiles._dirty_users = lambda: 1
    return engines, users


async def fold_all(engines: Engines) -> None:
    """All events of users that there are; nothing is flushed by it."""
    consumer = engines.world.consumer
    for place in sorted(consumer.logs):
        if place[0] in topics.USER_TOPICS:
            while (batch := consumer.fetch(place)) is not None:
                await engines.profiles.handle(batch)


async def stored(world: World, user_id: str) -> tuple[int, int] | None:
    """Version and interactions of a user, as they are stored."""
    (record,) = await world.profiles.users.read([user_key("default", user_id)])
    if record is None or not record.version:
        return None
    rows = decode_state(record.state).sets.get(DataType.INTERACTIONS, ())
    return record.version, len(rows)


def committed(world: World) -> Mapping[tuple[str, int], int]:
    return {
        place: offset
        for place, offset in world.consumer.committed.items()
        if place[0] == topics.INTERACTIONS
    }


def test_an_event_that_comes_meanwhile_is_stored_and_committed_by_the_next_flush() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines, users, flushing = await at_a_write(world)
        world.publish(liked("ann", "a", 2))
        await fold_all(engines)
        users.through.set()
        await flushing
        assert await stored(world, "ann") == (1, 1)
        assert sum(committed(world).values()) == 1
        await engines.profiles.flush()
        assert await stored(world, "ann") == (2, 2)
        assert sum(committed(world).values()) == 2
        await engines.drain()
        totals = {
            table.series: counters
            for table, counters in (await world.counters()).items()
            if not table.scope
        }
        assert totals["events"] == {b"interactions/like": 2}

    asyncio.run(scenario())


def test_an_erasure_that_comes_meanwhile_is_noted_by_the_flush_that_stores_it() -> None:
    """Else a crash would leave it folded, skipped when it comes again, and never carried out."""

    async def scenario() -> None:
        world = await World.open()
        engines, users, flushing = await at_a_write(world)
        world.publish(
            {
                "event_id": "gone",
                "type": "erasure",
                "occurred_at": 1_650_000_100,
                "user_id": "ann",
            }
        )
        await fold_all(engines)
        users.through.set()
        await flushing
        # The first flush knows nothing of it: the user is stored as she was.
        assert await stored(world, "ann") == (1, 1)
        assert engines.erasing.counts["erased"] == 0
        await engines.profiles.flush()
        await engines.drain()
        await engines.erasing.settle(engines.profiles, engines.ownerships.held)
        assert engines.erasing.counts["erased"] == 1

    asyncio.run(scenario())


def test_a_flush_that_fails_takes_with_it_what_was_folded_meanwhile() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines, users, flushing = await at_a_write(world)
        users.fails = True
        world.publish(liked("ann", "a", 2))
        world.publish(liked("bob", "a", 1))
        await fold_all(engines)
        users.through.set()
        with pytest.raises(Doubtful):
            await flushing
        assert engines.profiles.dirty_users == 0
        await engines.profiles.flush()
        assert await stored(world, "bob") is None
        assert not any(committed(world).values())
        # As a worker does: partitions are taken anew, and all is read again.
        await engines.profiles.abandon()
        await engines.statistics.release()
        await engines.ownerships.release()
        await world.consumer.rewind({})
        await engines.own_all()
        await engines.drain()
        ann, bob = await stored(world, "ann"), await stored(world, "bob")
        assert ann is not None
        assert bob is not None
        assert (ann[1], bob[1]) == (2, 1)

    asyncio.run(scenario())


def test_users_claimed_while_a_flush_failed_are_not_folded_into() -> None:
    """Their records would lack what had been folded and was forgotten."""

    async def scenario() -> None:
        world = await World.open()
        engines, users, flushing = await at_a_write(world)
        users.fails = True
        claim, claimed = world.profiles.users.claim, asyncio.Event()

        async def slowly(*args: object, **options: object) -> list[UserRecord]:
            records = await claim(*args, **options)  # type: ignore[arg-type]  # as they come
            claimed.set()
            users.through.set()
            await asyncio.wait([flushing])
            return records

        users.claim = slowly  # type: ignore[attr-defined]  # a store that answers late
        world.publish(liked("bob", "a", 1))
        with pytest.raises(Released):
            await fold_all(engines)
        assert claimed.is_set()
        with pytest.raises(Doubtful):
            await flushing
        assert engines.profiles.held_users == 0
        assert not any(committed(world).values())

    asyncio.run(scenario())


def test_an_event_shows_before_storage_is_synced_and_nothing_is_sent_or_committed_until_then() -> (
    None
):
    async def scenario() -> None:
        world = await World.open()
        engines, users, flushing = await at_a_write(world)
        syncing, synced = asyncio.Event(), asyncio.Event()

        async def sync() -> None:
            syncing.set()
            await synced.wait()

        engines.profiles._storer._sync = sync
        sent = len(engines.sender.sent)
        users.through.set()
        await syncing.wait()
        (view,) = await world.redis.cache.get([user_key("default", "ann")])
        assert view is not None
        assert len(engines.sender.sent) == sent
        assert not any(committed(world).values())
        synced.set()
        await flushing
        assert len(engines.sender.sent) == sent + 1
        assert sum(committed(world).values()) == 1

    asyncio.run(scenario())


def test_too_many_changed_users_are_stored_while_more_is_folded() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines, users = await with_room_for_one_change(world)
        world.publish(liked("ann", "a", 1))
        # The store does not answer, and the fold is done all the same.
        await fold_all(engines)
        await users.reached.wait()
        world.publish(liked("bob", "a", 1))
        more = asyncio.create_task(fold_all(engines))
        await asyncio.sleep(0.01)
        # But no second flush begins, so that is where it waits.
        assert not more.done()
        assert engines.profiles.dirty_users == 2
        users.through.set()
        await more
        await engines.profiles.flush()
        assert (await stored(world, "ann"), await stored(world, "bob")) == ((1, 1), (1, 1))
        assert sum(committed(world).values()) == 2

    asyncio.run(scenario())


def test_a_flush_that_nobody_waits_for_fails_the_next_one() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines, users = await with_room_for_one_change(world)
        users.fails = True
        users.through.set()
        world.publish(liked("ann", "a", 1))
        await fold_all(engines)
        with pytest.raises(Doubtful):
            await engines.profiles.flush()
        assert await stored(world, "ann") is None
        assert not any(committed(world).values())

    asyncio.run(scenario())


def test_users_of_the_next_records_are_claimed_meanwhile_and_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profiles, "_CHUNK", 1)

    async def scenario() -> None:
        world = await World.open()
        engines = await owning_everything(world)
        claim, asked = world.profiles.users.claim, list[str]()
        two = asyncio.Event()

        async def together(names: Sequence[tuple[str, str]], **options: object) -> object:
            asked.extend(user_id for _, user_id in names)
            if len(asked) == 2:
                two.set()
            # Nobody is answered before somebody else has been asked for.
            await two.wait()
            return await claim(names, **options)  # type: ignore[arg-type]  # as they come

        monkeypatch.setattr(world.profiles.users, "claim", together)
        # All of one partition.
        for number, user_id in enumerate(("ann", "bob", "ann", "bob")):
            world.publish(liked(user_id, "a", number))
        async with asyncio.timeout(60):
            await fold_all(engines)
        assert asked == ["ann", "bob"]
        await engines.profiles.flush()
        assert (await stored(world, "ann"), await stored(world, "bob")) == ((1, 2), (1, 2))

    asyncio.run(scenario())


def test_a_user_who_leaves_memory_between_looking_ahead_and_folding_is_claimed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profiles, "_CHUNK", 1)

    async def scenario() -> None:
        world = await World.open()
        engines = await owning_everything(world)
        engines.profiles._users_in_memory = 0
        engines.profiles._dirty_users = lambda: 1
        for number, user_id in enumerate(("ann", "bob", "ann", "bob", "ann")):
            world.publish(liked(user_id, "a", number))
        await fold_all(engines)
        await engines.profiles.flush()
        rows = [
            found and found[1] for found in (await stored(world, "ann"), await stored(world, "bob"))
        ]
        assert rows == [3, 2]

    asyncio.run(scenario())
