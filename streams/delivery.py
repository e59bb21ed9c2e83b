"""From fetched records to batches of an epoch, so that no record is passed over.

A fetch moves the consumer's position past what it returns. Whatever of it is then
not handed on — the group rebalanced meanwhile, or its reader dropped its work — must
be fetched again before anything that comes after it is: a user's position would
otherwise jump past records that had no effect.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from streams.batches import Record, RecordBatch
from streams.ownership import Place

__all__ = ["Delivery", "Source", "before"]


class Source(Protocol):
    """What `Delivery` needs of a consumer. Only `Delivery.step` calls it."""

    @property
    def flowing(self) -> bool:
        """Whether batches are taken now; not while the group rebalances."""
        ...

    async def fetch(self) -> Mapping[Place, Sequence[Record]]:
        """What comes next, by partition; positions move past it. Empty if nothing does."""
        ...

    async def seek_to_committed(self) -> bool:
        """Put all positions back; False if that failed and must be tried again."""
        ...

    async def hand_on(self, batch: RecordBatch) -> None:
        """Give a batch to its agent; may return without, once `flowing` is false."""
        ...


class Delivery:
    """Fetches, and hands on under the epoch in force.

    One task calls `step` over and over, so that no fetch comes between a seek and
    the epoch it belongs to.

    Attributes:
        epoch: Raised whenever the assignment may change, and by every rewind; a
            batch of an earlier one must be left alone.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._dropped = False
        self.epoch = 0

    def reassigned(self) -> None:
        """The assignment may have changed: positions are no longer what they were."""
        self.epoch += 1

    def read_again(self) -> None:
        """From now on nothing is handed on but what follows the committed offsets."""
        self.epoch += 1
        self._dropped = True

    async def step(self) -> None:
        """Fetch once and hand it on, or put the positions back if something was dropped."""
        if self._dropped:
            # Before the seek: whoever asks again while it is under way is heard.
            self._dropped = False
            if not await self._source.seek_to_committed():
                self._dropped = True
            return
        epoch = self.epoch
        fetched = await self._source.fetch()
        for place, records in fetched.items():
            if epoch == self.epoch and self._source.flowing:
                await self._source.hand_on(RecordBatch(*place, epoch, records))
            if epoch != self.epoch or not self._source.flowing:
                self._dropped = True
                return


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
