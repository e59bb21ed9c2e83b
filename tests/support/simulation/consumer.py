"""A worker's consumer and sender over the simulated broker."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from schemas import topics
from simulation.broker import GROUP_TOPICS, Broker
from simulation.network import Process
from streams.batches import Record, RecordBatch
from streams.delivery import Delivery, Source
from streams.emitter import Outgoing, Sender
from streams.ownership import Consumer, PartitionLost, Place

__all__ = ["SimulatedConsumer", "SimulatedSender"]

_IDLE_S: Final = 0.4
_BUSY_S: Final = 0.02
_BUFFERED: Final = 4


class SimulatedConsumer(Consumer, Source):
    """Positions, and a fetch that other calls can overtake, as in a thread of its own.

    Attributes:
        queues: What waits for each agent: "events", "items" and "updates".
    """

    def __init__(self, broker: Broker, process: Process) -> None:
        self._broker = broker
        self._process = process
        self._positions: dict[Place, int] = {}
        self._flowing = False
        self._resumed = asyncio.Event()
        self._suspended = asyncio.Event()
        self.delivery = Delivery(self)
        self.queues: dict[str, asyncio.Queue[RecordBatch]] = {
            agent: asyncio.Queue(_BUFFERED) for agent in ("events", "items", "updates")
        }

    @property
    def epoch(self) -> int:
        return self.delivery.epoch

    @property
    def flowing(self) -> bool:
        return self._flowing

    def suspend(self) -> None:
        """A rebalance begins: what is buffered is dropped."""
        self.delivery.reassigned()
        self.stop_flow()
        for queue in self.queues.values():
            while not queue.empty():
                queue.get_nowait()

    def stop_flow(self) -> None:
        self._flowing = False
        self._resumed.clear()
        self._suspended.set()

    def resume(self, partitions: Sequence[int]) -> frozenset[Place]:
        """These partitions are read from now on, from what is committed."""
        places = [(topic, partition) for topic in GROUP_TOPICS for partition in partitions]
        self._positions = {place: self._committed(place) for place in places}
        self.delivery.reassigned()
        self._flowing = True
        self._suspended.clear()
        self._resumed.set()
        return frozenset(places)

    async def drain(self) -> None:
        """What the transport's own task does."""
        while True:
            if self._flowing:
                await self.delivery.step()
                await asyncio.sleep(0)
            else:
                await self._resumed.wait()

    async def fetch(self, *, without: frozenset[str]) -> Mapping[Place, Sequence[Record]]:
        chance = self._process.chance
        await self._process.pause(0.01)
        fetched: dict[Place, Sequence[Record]] = {}
        for place, position in self._positions.items():
            if place[0] in without:
                continue
            records: Sequence[Record] = self._broker.read(
                place, position, most=chance.choice((1, 2, 3, 8))
            )
            if records and chance.random() < 0.7:
                fetched[place] = records
        for place, records in fetched.items():
            self._positions[place] = records[-1].offset + 1
        if not fetched:
            await self._broker.until_grown(timeout_s=_BUSY_S if without else _IDLE_S)
        await self._process.pause(0.01)
        return dict(chance.sample(list(fetched.items()), len(fetched)))

    async def seek_to_committed(self) -> bool:
        places = list(self._positions)
        await self._process.pause()
        committed = {place: self._committed(place) for place in places}
        await self._process.pause()
        if self._process.chance.random() < 0.1:
            return False
        for place, offset in committed.items():
            if place in self._positions:
                self._positions[place] = offset
        return True

    async def hand_on(self, batch: RecordBatch) -> None:
        put = asyncio.ensure_future(self.queues[_agent_of(batch.topic)].put(batch))
        suspended = asyncio.ensure_future(self._suspended.wait())
        await asyncio.wait((put, suspended), return_when=asyncio.FIRST_COMPLETED)
        put.cancel()
        suspended.cancel()

    async def committed_offsets(self, partitions: Sequence[Place]) -> dict[Place, int | None]:
        await self._process.pause()
        return {place: self._broker.committed.get(place) for place in partitions}

    def fetched(self) -> dict[Place, tuple[int, int]]:
        began = self.delivery.began
        return {
            place: (first, self._broker.log(place).end_offset) for place, first in began.items()
        }

    async def end_offsets(self, partitions: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        await self._process.pause()
        logs = {place: self._broker.log(place) for place in partitions}
        return {place: (log.first_offset, log.end_offset) for place, log in logs.items()}

    async def commit_offsets(self, offsets: Mapping[Place, int]) -> None:
        asked = dict(offsets)
        await self._process.pause()
        if not self._positions.keys() >= asked.keys():
            raise PartitionLost("not assigned")
        self._broker.commit(self._process, asked)
        await self._process.pause()

    async def rewind(self, offsets: Mapping[Place, int]) -> None:
        if offsets:
            await self.commit_offsets(offsets)
        self.delivery.read_again()

    def _committed(self, place: Place) -> int:
        return self._broker.committed.get(place, self._broker.log(place).first_offset)


def _agent_of(topic: str) -> str:
    return {topics.ITEMS: "items", topics.PROFILE_UPDATES: "updates"}.get(topic, "events")


class SimulatedSender(Sender):
    """Appends one by one; after a record that is not taken, none goes to that partition first.

    As `streams.emitter.Emitter`, whose order within a partition is what readers rely on.

    Args:
        sending: Told of every record before it is appended.
    """

    def __init__(
        self, broker: Broker, process: Process, sending: Callable[[str, Outgoing], None]
    ) -> None:
        self._broker = broker
        self._process = process
        self._sending = sending

    async def send(self, records: Sequence[Outgoing]) -> None:
        left = list(records)
        while left:
            await self._process.pause(0.005)
            later: list[Outgoing] = []
            for record in left:
                drawn = self._process.chance.random()
                place = (record.topic, record.partition)
                if drawn < 0.03 or any(place == (one.topic, one.partition) for one in later):
                    later.append(record)
                    continue
                self._sending(self._process.name, record)
                self._broker.append(record)
                if drawn < 0.15:
                    # What follows may be lost with the process.
                    await self._process.pause(0.005)
            left = later
