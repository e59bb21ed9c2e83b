"""From fetched records to batches of an epoch, so that no record is passed over.

A fetch moves the consumer's position past what it returns. Whatever of it is then
not handed on — the group rebalanced meanwhile, or its reader dropped its work — must
be fetched again before anything that comes after it is: a user's position would
otherwise jump past records that had no effect.

Topics do not wait for each other. Whose agent has no room is not fetched until it has: users'
events go on while their updates are counted more slowly, and updates are counted while events
stand back.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from streams.batches import Record, RecordBatch
from streams.ownership import Place

__all__ = ["Delivery", "Source", "before"]

_AT_ONCE_S: Final = 0.01
"""In which an agent that has room takes what it is given."""


class Source(Protocol):
    """What `Delivery` needs of a consumer. Only `Delivery.step` calls it."""

    @property
    def flowing(self) -> bool:
        """Whether batches are taken now; not while the group rebalances."""
        ...

    async def fetch(self, *, without: frozenset[str]) -> Mapping[Place, Sequence[Record]]:
        """What comes next, by partition; positions move past it. Empty if nothing does.

        Args:
            without: Topics whose positions stay where they are. As long as there are any, it
                returns soon: they may be asked for again at any moment.
        """
        ...

    async def seek_to_committed(self) -> bool:
        """Put all positions back; False if that failed and must be tried again."""
        ...

    async def hand_on(self, batch: RecordBatch) -> None:
        """Give a batch to its agent; may return without, once `flowing` is false."""
        ...


@dataclass(slots=True)
class _Handing:
    """What was fetched of one topic on its way to the agent.

    Attributes:
        task: True if it was not all handed on.
        out_of_date: Its epoch has passed, and the positions are put back for it.
    """

    epoch: int
    task: asyncio.Task[bool]
    out_of_date: bool = False


class Delivery:
    """Fetches, and hands on under the epoch in force.

    One task calls `step` over and over, so that no fetch comes between a seek and
    the epoch it belongs to.

    Attributes:
        epoch: Raised whenever the assignment may change, and by every rewind; a
            batch of an earlier one must be left alone.
        began: The first offset that was fetched in it, by (topic, partition).
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._handing: dict[str, _Handing] = {}
        self._dropped = False
        self.epoch = 0
        self.began: dict[Place, int] = {}

    def reassigned(self) -> None:
        """The assignment may have changed: positions are no longer what they were."""
        self.epoch += 1
        self.began.clear()

    def read_again(self) -> None:
        """From now on nothing is handed on but what follows the committed offsets."""
        self.reassigned()
        self._dropped = True

    async def step(self) -> None:
        """Fetch once and hand it on, or put the positions back if something was dropped."""
        self._look_after_handing()
        if self._dropped:
            # Before the seek: whoever asks again while it is under way is heard.
            self._dropped = False
            if not await self._source.seek_to_committed():
                self._dropped = True
            return
        epoch = self.epoch
        fetched = await self._source.fetch(without=frozenset(self._handing))
        if fetched and not self._is_in_force(epoch):
            self._dropped = True
            return
        by_topic: dict[str, list[RecordBatch]] = {}
        for place, records in fetched.items():
            self.began.setdefault(place, records[0].offset)
            by_topic.setdefault(place[0], []).append(RecordBatch(*place, epoch, records))
        for topic, batches in by_topic.items():
            self._handing[topic] = _Handing(epoch, asyncio.create_task(self._hand_on(batches)))
        if by_topic:
            begun = [self._handing[topic].task for topic in by_topic]
            await asyncio.wait(begun, timeout=_AT_ONCE_S)

    async def _hand_on(self, batches: Sequence[RecordBatch]) -> bool:
        """Hand them on in order; True if their epoch ended, or the flow, before all were."""
        for batch in batches:
            if self._is_in_force(batch.epoch):
                await self._source.hand_on(batch)
            if not self._is_in_force(batch.epoch):
                return True
        return False

    def _look_after_handing(self) -> None:
        """See what came of batches on their way, before anything else is fetched.

        Those that are out of date go on: their agents leave them alone.
        """
        for topic, handing in list(self._handing.items()):
            if handing.task.done():
                del self._handing[topic]
                dropped = handing.task.result()
            else:
                dropped = handing.epoch != self.epoch
            if dropped and not handing.out_of_date:
                handing.out_of_date = True
                self._dropped = True

    def _is_in_force(self, epoch: int) -> bool:
        return epoch == self.epoch and self._source.flowing


def before(
    until: Mapping[Place, int], fetched: Mapping[Place, Sequence[Record]]
) -> Mapping[Place, Sequence[Record]]:
    """Only records below their place's offset in `until`; places with none left are left out."""
    if not until:
        return fetched
    kept = {
        place: [record for record in records if record.offset < until.get(place, record.offset + 1)]
        for place, records in fetched.items()
    }
    return {place: records for place, records in kept.items() if records}
