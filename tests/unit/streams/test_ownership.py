"""What taking a partition checks, and what a newer owner means to an older one."""

import asyncio

import pytest
from streams_world import PARTITIONS, Engines, World, item, liked

from profiles.ports import Fenced
from schemas.topics import INTERACTIONS, USER_TOPICS
from streams.ownership import HistoryGone, TopicRecreated


def test_an_older_owner_is_refused_and_changes_nothing() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(item("a", "sea"))
        world.publish(liked("ann", "a", 1))
        old = Engines(world, nonce="old")
        await old.own_all()
        await old.drain()

        world.publish(liked("ann", "a", 2))
        place = next(place for place in world.consumer.logs if place[0] == INTERACTIONS)
        late = world.consumer.fetch(place)
        assert late is not None
        await old.profiles.handle(late)  # folded, not flushed: now it freezes

        new = Engines(world, nonce="new")
        world.consumer.rebalance()
        new.recall()
        await new.own_all()
        await new.drain()
        before = await world.counters()
        committed = dict(world.consumer.committed)
        sent = len(old.sender.sent)

        with pytest.raises(Fenced):
            await old.profiles.flush()
        assert await world.counters() == before
        assert world.consumer.committed == committed
        assert len(old.sender.sent) == sent

    asyncio.run(scenario())


def test_a_start_offset_is_committed_when_nothing_was() -> None:
    async def scenario() -> None:
        world = await World.open()
        await Engines(world).own_all()
        assert world.consumer.committed == {
            (topic, partition): 0 for topic in USER_TOPICS for partition in range(PARTITIONS)
        }

    asyncio.run(scenario())


def test_a_recreated_topic_stops_the_worker() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(liked("ann", "a", 1))
        first = Engines(world)
        await first.own_all()
        await first.drain()
        for log in world.consumer.logs.values():
            log.records.clear()
        world.consumer.committed.clear()
        with pytest.raises(TopicRecreated, match="recreated"):
            await Engines(world, nonce="two").own_all()

    asyncio.run(scenario())


def test_a_store_that_is_behind_reads_the_topic_again() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(item("a", "sea"))
        world.publish(liked("ann", "a", 1))
        done = Engines(world)
        await done.own_all()
        await done.drain()
        expected = await world.counters()

        # The same topics and group, but stores without anything in them.
        restored = await World.open()
        restored.consumer = world.consumer
        for place in list(restored.consumer.logs):
            if place[0] not in (*USER_TOPICS,):
                continue
            assert restored.consumer.committed[place] == restored.consumer.log(*place).end_offset
        world.consumer.rebalance()
        again = Engines(restored, nonce="two")
        again.recall()
        await again.own_all()
        await again.drain()
        assert await restored.counters() == expected

    asyncio.run(scenario())


def test_a_store_that_is_behind_what_the_topic_still_holds_stops_the_worker() -> None:
    async def scenario() -> None:
        world = await World.open()
        for number in range(5):
            world.publish(liked("ann", "a", number))
        done = Engines(world)
        await done.own_all()
        await done.drain()
        for log in world.consumer.logs.values():
            log.first_offset, log.records[:] = (
                log.first_offset + min(3, len(log.records)),
                log.records[3:],
            )
        restored = await World.open()
        restored.consumer = world.consumer
        with pytest.raises(HistoryGone, match=r"strata restore.*strata replay --into NAME"):
            await Engines(restored, nonce="two").own_all()

    asyncio.run(scenario())


def test_a_batch_of_an_earlier_assignment_is_dropped() -> None:
    async def scenario() -> None:
        world = await World.open()
        for number in range(4):
            world.publish(liked("ann", "a", number))
        place = next(iter(world.consumer.logs))
        engines = Engines(world)
        await engines.own_all()
        first = world.consumer.fetch(place, most=2)
        second = world.consumer.fetch(place, most=2)
        assert first is not None
        assert second is not None
        await engines.profiles.handle(first)
        world.consumer.rebalance()
        # Fetched before the rebalance: were it folded, offsets 0 and 1 would look old.
        await engines.profiles.handle(second)
        await engines.profiles.abandon()
        await world.consumer.rewind({})
        await engines.drain()
        assert engines.profiles.counts["folded"] == 2 + 4
        counters = await world.counters()
        (events,) = (
            t for table, t in counters.items() if (table.scope, table.series) == ("", "events")
        )
        assert events == {b"interactions/like": 4}

    asyncio.run(scenario())
