"""What was dropped is read again before anything that came after it is folded."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from streams_world import Engines, World, item, liked

from profiles.ids import user_key
from profiles.state import DataType, decode_state
from schemas import topics
from streams.batches import Record, RecordBatch
from streams.delivery import Delivery, Source
from streams.memory import MemoryRecord
from streams.ownership import Place, Released


async def likes_of(world: World, name: str) -> int:
    (record,) = await world.profiles.users.read([user_key("default", name)])
    state = decode_state(record.state if record is not None else b"")
    return len(state.entries(DataType.INTERACTIONS))


def place_of_likes(world: World) -> Place:
    return next(place for place in world.consumer.logs if place[0] == topics.INTERACTIONS)


def test_no_batch_is_folded_after_an_earlier_one_of_its_epoch_was_dropped() -> None:
    async def scenario() -> None:
        world = await World.open()
        for number in range(4):
            world.publish(liked("ann", "a", number))
        engines = Engines(world)
        await engines.own_all()
        place = place_of_likes(world)
        first = world.consumer.fetch(place, most=2)
        second = world.consumer.fetch(place, most=2)
        assert first is not None
        assert second is not None
        await engines.profiles.handle(first)
        await engines.profiles.abandon()
        # It was fetched before: its offsets would make the dropped ones look old.
        await engines.profiles.handle(second)
        await engines.profiles.flush()
        assert await likes_of(world, "ann") == 0
        await world.consumer.rewind({})
        await engines.drain()
        assert await likes_of(world, "ann") == 4

    asyncio.run(scenario())


def test_a_user_claimed_under_an_earlier_token_is_not_written() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(liked("ann", "a", 1))
        engines = Engines(world)
        await engines.own_all()
        batch = world.consumer.fetch(place_of_likes(world))
        assert batch is not None
        await engines.profiles.handle(batch)
        # Another task starts over and takes the partitions anew; the store would
        # refuse the write in silence, and the control point would be ours.
        await engines.ownerships.release()
        await engines.own_all()
        with pytest.raises(Released):
            await engines.profiles.flush()
        assert not engines.sender.to(topics.PROFILE_UPDATES)
        await world.consumer.rewind({})
        await engines.drain()
        assert await likes_of(world, "ann") == 1

    asyncio.run(scenario())


def test_a_flush_that_was_interrupted_gives_no_second_contents_to_its_versions() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(item("a", "sea"))
        for number in range(2):
            world.publish(liked("ann", "a", number))
        seams: list[str] = []

        def interrupt(name: str) -> None:
            seams.append(name)
            if seams.count("emitted") == 1 and name == "emitted":
                raise Released("drawn")

        engines = Engines(world, seam=interrupt)
        await engines.own_all()
        place = place_of_likes(world)
        batch = world.consumer.fetch(place, most=1)
        assert batch is not None
        await engines.profiles.handle(batch)
        with pytest.raises(Released):
            await engines.profiles.flush()
        after = world.consumer.fetch(place)
        assert after is not None
        await engines.profiles.handle(after)
        await engines.profiles.flush()
        await world.consumer.rewind({})
        await engines.drain()
        before = await world.counters()
        await world.redis.aggregates.want_rebuild()
        await engines.statistics.ensure_built(range(2))
        assert await world.counters() == before
        assert await likes_of(world, "ann") == 2

    asyncio.run(scenario())


def test_who_knows_less_than_the_last_owner_sweeps_again_once_it_knows() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(item("a", "sea storm"))
        first = Engines(world)
        await first.own_all()
        await first.drain()  # swept up to the announcement of "a"

        second = Engines(world, nonce="two")
        world.consumer.rebalance()
        await second.own_all()
        world.publish(liked("ann", "a", 1))
        await second.drain()  # it has not read the announcement yet
        (ann,) = await world.profiles.users.read([user_key("default", "ann")])
        assert ann is not None
        assert ann.waiting
        second.recall()
        await second.drain()
        (ann,) = await world.profiles.users.read([user_key("default", "ann")])
        assert ann is not None
        assert not ann.waiting

    asyncio.run(scenario())


def test_snapshots_that_were_lost_are_published_again() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(liked("ann", "a", 1))
        engines = Engines(world)
        await engines.own_all()
        await engines.statistics.ensure_built(range(2))
        await engines.drain()
        await engines.personas.tick()
        store = world.redis.aggregates
        published = dict(vars(store)["_snapshots"])
        assert published
        # Emptied and rebuilt between two ticks: the leader sees nothing of it.
        vars(store)["_snapshots"].clear()
        await engines.personas.tick()
        assert vars(store)["_snapshots"].keys() == published.keys()

    asyncio.run(scenario())


def test_storage_is_synced_before_anything_is_sent() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(liked("ann", "a", 1))
        engines = Engines(world)
        sent_at_sync: list[int] = []

        async def sync() -> None:
            sent_at_sync.append(len(engines.sender.sent))

        engines.profiles._storer._sync = sync
        await engines.own_all()
        batch = world.consumer.fetch(place_of_likes(world))
        assert batch is not None
        await engines.profiles.handle(batch)
        await engines.profiles.flush()
        # A loss of power must not undo a version that somebody has counted.
        assert sent_at_sync == [0]
        assert engines.sender.sent

    asyncio.run(scenario())


@dataclass
class Scripted(Source):
    """A consumer whose seek can be overtaken."""

    records: Sequence[Record]
    position: int = 0
    flowing: bool = True
    handed: list[RecordBatch] = field(default_factory=list)

    async def fetch(self, *, without: frozenset[str]) -> Mapping[Place, Sequence[Record]]:
        assert not without
        found = self.records[self.position : self.position + 1]
        self.position += len(found)
        return {("t", 0): found} if found else {}

    async def seek_to_committed(self) -> bool:
        await asyncio.sleep(0)
        self.position = 0
        return True

    async def hand_on(self, batch: RecordBatch) -> None:
        self.handed.append(batch)


def test_nothing_is_handed_on_between_a_rewind_and_its_seek() -> None:
    async def scenario() -> None:
        source = Scripted([MemoryRecord(offset, 0, b"", b"") for offset in range(3)])
        delivery = Delivery(source)
        await delivery.step()
        delivery.read_again()
        for _ in range(4):
            await delivery.step()
        of_epoch = [batch.first_offset for batch in source.handed if batch.epoch == delivery.epoch]
        assert of_epoch == [0, 1, 2]

    asyncio.run(scenario())
