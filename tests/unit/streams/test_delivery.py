"""Topics do not wait for each other, and nothing is passed over for that."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from streams.batches import Record, RecordBatch
from streams.delivery import Delivery, Source
from streams.memory import MemoryRecord
from streams.ownership import Place

pytestmark = pytest.mark.anyio

EVENTS, UPDATES = "events", "updates"


@dataclass
class Topics(Source):
    """A few records of two topics, whose agents take one batch at a time when they have room.

    Attributes:
        rooms: Set while the agent of that topic takes what it is given.
        handed: What agents were given, in that order.
    """

    rooms: dict[str, asyncio.Event]
    flowing: bool = True
    handed: list[RecordBatch] = field(default_factory=list)
    seeks: int = 0
    positions: Counter[Place] = field(default_factory=Counter)

    async def fetch(self, *, without: frozenset[str]) -> Mapping[Place, Sequence[Record]]:
        await asyncio.sleep(0)
        places = [(topic, number) for topic in (EVENTS, UPDATES) for number in range(2)]
        fetched: dict[Place, Sequence[Record]] = {}
        for place in places:
            if place[0] not in without:
                fetched[place] = [MemoryRecord(self.positions[place], 0, b"", b"")]
                self.positions[place] += 1
        return fetched

    async def seek_to_committed(self) -> bool:
        await asyncio.sleep(0)
        self.positions.clear()
        self.seeks += 1
        return True

    async def hand_on(self, batch: RecordBatch) -> None:
        await self.rooms[batch.topic].wait()
        self.handed.append(batch)

    def offsets(self, topic: str, *, epoch: int) -> list[int]:
        """Of its first partition, as they were handed on."""
        return [
            batch.first_offset
            for batch in self.handed
            if (batch.topic, batch.partition, batch.epoch) == (topic, 0, epoch)
        ]


@pytest.fixture
def source() -> Topics:
    rooms = {topic: asyncio.Event() for topic in (EVENTS, UPDATES)}
    rooms[EVENTS].set()
    return Topics(rooms)


async def test_a_topic_whose_agent_is_busy_holds_up_no_other(source: Topics) -> None:
    delivery = Delivery(source)
    for _ in range(5):
        await delivery.step()
    assert source.offsets(EVENTS, epoch=0) == [0, 1, 2, 3, 4]
    # Nor is more and more of it fetched.
    assert source.positions[UPDATES, 0] == 1
    source.rooms[UPDATES].set()
    for _ in range(3):
        await delivery.step()
    assert source.offsets(UPDATES, epoch=0) == [0, 1, 2]
    assert source.seeks == 0


async def test_what_an_agent_had_no_room_for_is_read_again_before_what_follows(
    source: Topics,
) -> None:
    delivery = Delivery(source)
    for _ in range(3):
        await delivery.step()
    delivery.reassigned()
    # It is still on its way when the next assignment's records are fetched.
    for _ in range(4):
        await delivery.step()
    assert source.seeks == 1
    assert source.offsets(EVENTS, epoch=1) == [0, 1, 2]
    source.rooms[UPDATES].set()
    for _ in range(4):
        await delivery.step()
    assert source.seeks == 1
    # What was on its way is out of date, and its agent leaves it alone.
    assert source.offsets(UPDATES, epoch=0) == [0]
    assert source.offsets(UPDATES, epoch=1) == [0, 1, 2]


async def test_a_flow_that_stops_meanwhile_has_it_read_again(source: Topics) -> None:
    delivery = Delivery(source)
    await delivery.step()
    source.flowing = False
    delivery.reassigned()
    source.rooms[UPDATES].set()
    await asyncio.sleep(0)
    source.flowing = True
    for _ in range(4):
        await delivery.step()
    assert source.seeks == 1
    # The second partition's batch was never given to anybody.
    for topic in (EVENTS, UPDATES):
        offsets = source.offsets(topic, epoch=1)
        assert offsets[0] == 0
        assert all(after == before + 1 for before, after in pairwise(offsets))


async def test_an_agent_that_fails_is_not_overlooked(source: Topics) -> None:
    class Broken(Topics):
        async def hand_on(self, batch: RecordBatch) -> None:
            raise RuntimeError(f"no such agent: {batch.topic}")

    delivery = Delivery(Broken(source.rooms))
    await delivery.step()
    with pytest.raises(RuntimeError, match="no such agent"):
        await delivery.step()


async def test_where_reading_began_is_known_of_each_epoch(source: Topics) -> None:
    source.rooms[UPDATES].set()
    source.positions[EVENTS, 1] = 7
    delivery = Delivery(source)
    assert delivery.began == {}
    for _ in range(3):
        await delivery.step()
    begun = {(EVENTS, 0): 0, (EVENTS, 1): 7, (UPDATES, 0): 0, (UPDATES, 1): 0}
    assert delivery.began == begun
    delivery.read_again()
    assert delivery.began == {}
    # The first step puts positions back.
    for _ in range(2):
        await delivery.step()
    assert delivery.began == dict.fromkeys(begun, 0)
