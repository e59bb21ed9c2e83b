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


async def at_a_write(world: World) -> tuple[Engines, WaitingUsers, "asyncio.Task[None]"]:
    """An engine whose flush of Ann's first event waits for the store."""
    world.publish(item("a", "sea"))
    engines = Engines(world)
    await engines.own_all()
    await engines.drain()
    users = WaitingUsers(world.profiles.users)
    engines.profiles._users = cast(UserStore, users)
    world.publish(liked("ann", "a", 1))
    await fold_all(engines)
    flushing = asyncio.create_task(engines.profiles.flush())
    await users.reached.wait()
    return engines, users, flushing


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
