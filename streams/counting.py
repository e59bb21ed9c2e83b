"""Updates on their way into the counters: gathered, and of each partition counted by itself.

What one partition waits for of its store, others compute; and none waits until another's backlog
has been counted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from streams.batches import RecordBatch
from streams.gathering import MANY, Gathering
from streams.ownership import Place

__all__ = ["Counting"]

_MOST: Final = 4 * MANY
"""Updates of a partition that may wait for those before them; then whoever brings more waits."""


class Counting:
    """At most one task of each partition, which counts what is due of it.

    Args:
        count: Brings a batch into the counters and commits it. Lets no exception out.
        interval_s: As of `Gathering`.
        held: Nothing is counted until `let`.
    """

    def __init__(
        self,
        count: Callable[[RecordBatch], Awaitable[None]],
        *,
        interval_s: float,
        elapsed_s: Callable[[], float],
        held: bool = False,
    ) -> None:
        self._count = count
        self._may = asyncio.Event()
        if not held:
            self._may.set()
        self._elapsed_s = elapsed_s
        self._gathering = Gathering(interval_s=interval_s, elapsed_s=elapsed_s)
        self._tasks: dict[Place, asyncio.Task[None]] = {}

    @property
    def held(self) -> bool:
        """Whether everything waits."""
        return not self._may.is_set()

    def let(self) -> None:
        """Count from now on."""
        self._may.set()
        self.begin()

    async def take(self, batch: RecordBatch) -> None:
        """Have it counted in its turn; returns before it is, if not much waits of its partition."""
        place = batch.topic, batch.partition
        self._gathering.add(batch)
        self.begin()
        if self._gathering.waiting(place) >= _MOST:
            await self._may.wait()
        while self._gathering.waiting(place) >= _MOST and place in self._tasks:
            await asyncio.wait((self._tasks[place],))

    def begin(self) -> None:
        """Begin to count what is due, of partitions of which nothing is being counted."""
        if self.held:
            return
        for batch in self._gathering.due(without=self._tasks.keys()):
            place = batch.topic, batch.partition
            self._tasks[place] = asyncio.create_task(self._count_one(place, batch))

    def clear(self) -> None:
        """Partitions were given up: leave out what waits. What is being counted is out of date."""
        self._gathering.clear()

    async def ended(self) -> None:
        """Return when nothing is being counted."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def close(self) -> None:
        """End what is under way; what is not counted is read again."""
        self.clear()
        while self._tasks:
            # Once is not enough: a cancellation that reaches redis-py together with the answer
            # it waits for is lost there.
            for task in self._tasks.values():
                task.cancel()
            await asyncio.wait(self._tasks.values(), timeout=0.5)

    async def _count_one(self, place: Place, batch: RecordBatch) -> None:
        began_s = self._elapsed_s()
        try:
            await self._count(batch)
        finally:
            self._gathering.took(batch, self._elapsed_s() - began_s)
            del self._tasks[place]
            # What has come meanwhile may be due by now.
            self.begin()
