"""A write that was not answered may land later; it must not bring back what was."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from streams_world import PARTITIONS, Engines, World, item, liked

from profiles.ids import user_key
from profiles.ports import StoreUnavailable, UserRecord, UserStore
from profiles.state import DataType, decode_state
from streams.ownership import Doubtful


class SlowUsers:
    """The user store, but one write is answered with a timeout and lands when told to."""

    def __init__(self, users: UserStore) -> None:
        self._users = users
        self._late: Sequence[UserRecord] = ()
        self.times_out = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._users, name)

    async def write(self, records: Sequence[UserRecord]) -> None:
        if self.times_out:
            self.times_out = False
            self._late = records
            raise StoreUnavailable("timed out")
        await self._users.write(records)

    async def land(self) -> None:
        await self._users.write(self._late)


async def retake(engines: Engines) -> None:
    """What the worker does about a doubtful write."""
    await engines.profiles.abandon()
    await engines.statistics.release()
    await engines.ownerships.release()
    await engines.world.consumer.rewind({})
    await engines.own_all()


@pytest.mark.parametrize("lands", ["at once", "before the users are claimed", "at the end"])
def test_a_late_write_changes_nothing(lands: str) -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(item("a", "sea"))
        engines = Engines(world)
        await engines.own_all()
        await engines.drain()

        slow = SlowUsers(world.profiles.users)
        engines.profiles._storer._users = cast(UserStore, slow)
        slow.times_out = True
        world.publish(liked("ann", "a", 1))
        with pytest.raises(Doubtful):
            await engines.drain()
        if lands == "at once":
            await slow.land()
        await retake(engines)
        if lands == "before the users are claimed":
            await slow.land()
        world.publish(liked("ann", "a", 2))
        await engines.drain()
        if lands == "at the end":
            await slow.land()

        (ann,) = await world.profiles.users.read([user_key("default", "ann")])
        assert ann is not None
        state = decode_state(ann.state)
        assert len(state.entries(DataType.INTERACTIONS)) == 2
        assert state.totals == {DataType.INTERACTIONS: {"like": 2}}
        before = await world.counters()
        await world.redis.aggregates.want_rebuild()
        await engines.statistics.ensure_built(range(PARTITIONS))
        assert await world.counters() == before

    asyncio.run(scenario())
