"""Kafka as the write side sees it: logs, committed offsets and one consumer group."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from schemas import topics
from simulation.clock import SimulatedLoop
from streams.emitter import Outgoing
from streams.memory import MemoryLog, MemoryRecord
from streams.ownership import PartitionLost, Place

__all__ = ["GROUP_TOPICS", "Broker", "Member"]

GROUP_TOPICS: Final = (*topics.USER_TOPICS, topics.ITEMS, topics.PROFILE_UPDATES)

_SESSION_S: Final = 0.8


class Member(Protocol):
    """A process as its group knows it."""

    @property
    def name(self) -> str: ...
    @property
    def beating(self) -> bool:
        """Whether it sends heartbeats: it is neither dead nor frozen."""
        ...


class Broker:
    """Logs by place, and a group that rebalances eagerly with range assignment.

    Args:
        loop: Its time is stamped on what is appended.
        committing: Told of every commit before it is taken.
    """

    def __init__(
        self,
        *,
        partitions: int,
        loop: SimulatedLoop,
        committing: Callable[[str, Mapping[Place, int]], None],
    ) -> None:
        self.partitions = partitions
        self.logs: dict[Place, MemoryLog] = {}
        self.committed: dict[Place, int] = {}
        self._loop = loop
        self._committing = committing
        self._members: dict[str, Member] = {}
        self._joined: dict[str, asyncio.Future[list[int] | None]] = {}
        self._moves: dict[str, asyncio.Event] = {}
        self._generations: dict[str, int] = {}
        self._generation = 0
        self._growing: list[asyncio.Future[None]] = []

    def log(self, place: Place) -> MemoryLog:
        return self.logs.setdefault(place, MemoryLog())

    def append(self, record: Outgoing) -> None:
        log = self.log((record.topic, record.partition))
        headers = tuple(record.headers)
        log.records.append(
            MemoryRecord(log.end_offset, self._loop.now_ms(), record.key, record.value, headers)
        )
        waiting, self._growing = self._growing, []
        for grown in waiting:
            if not grown.done():
                grown.set_result(None)

    def read(self, place: Place, position: int, *, most: int) -> Sequence[MemoryRecord]:
        log = self.log(place)
        start = position - log.first_offset
        return log.records[start : start + most]

    async def until_grown(self, *, timeout_s: float) -> None:
        """Until something was appended, or the time is over."""
        grown: asyncio.Future[None] = self._loop.passing(timeout_s)
        self._growing.append(grown)
        await grown

    async def join(self, member: Member) -> list[int] | None:
        """Partitions, once every member has come; None if the group did not wait for it."""
        name = member.name
        self._members[name] = member
        self._moves[name] = asyncio.Event()
        joined: asyncio.Future[list[int] | None] = asyncio.get_running_loop().create_future()
        self._joined[name] = joined
        for other, moves in self._moves.items():
            if other not in self._joined:
                moves.set()
        self._balance()
        return await joined

    async def until_moved(self, member: Member) -> None:
        """Until the group rebalances, or has gone on without this member."""
        await self._moves[member.name].wait()

    def rebalance(self) -> None:
        """Everybody has to come together again."""
        for moves in self._moves.values():
            moves.set()

    def leave(self, member: Member) -> None:
        self._drop(member.name)

    def silent(self, member: Member) -> None:
        """No heartbeat from now on: after its session the group goes on without it."""
        asyncio.get_running_loop().call_later(_SESSION_S, self._expire, member)

    def commit(self, member: Member, offsets: Mapping[Place, int]) -> None:
        """Raises PartitionLost for a member of an earlier generation, or of none."""
        if self._generations.get(member.name) != self._generation:
            raise PartitionLost(f"{member.name} is not of generation {self._generation}")
        self._committing(member.name, offsets)
        self.committed.update(offsets)

    def _expire(self, member: Member) -> None:
        if not member.beating:
            self._drop(member.name)

    def _drop(self, name: str) -> None:
        if self._members.pop(name, None) is None:
            return
        waiting = self._joined.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        self._generations.pop(name, None)
        # It learns of this too, should it ever wake up.
        self.rebalance()
        self._balance()

    def _balance(self) -> None:
        if not self._members or self._joined.keys() != self._members.keys():
            return
        self._generation += 1
        names = sorted(self._members)
        each, more = divmod(self.partitions, len(names))
        start = 0
        for number, name in enumerate(names):
            end = start + each + (number < more)
            self._generations[name] = self._generation
            self._moves[name].clear()
            self._joined.pop(name).set_result(list(range(start, end)))
            start = end
