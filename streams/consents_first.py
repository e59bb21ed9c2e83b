"""Data waits until the consents that were published before it have been read.

Topics are read side by side. After a pause, or in a replay, what somebody did is there before that
they agreed to it, and would be refused for good. So where consent decides, a batch of data is put
aside until the consents of its partition have been read as far as they went when it came.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from profiles.privacy.data_policy import DataPolicy
from profiles.state import DataType
from schemas import topics
from streams.batches import RecordBatch
from streams.ownership import Consumer

__all__ = ["ConsentsFirst"]

_KIND_OF: Final = {
    topics.INTERACTIONS: DataType.INTERACTIONS,
    topics.PREFERENCES: DataType.PREFERENCES,
    topics.DOCUMENTS: DataType.DOCUMENTS,
    topics.ATTRIBUTES: DataType.ATTRIBUTES,
}
_MOST_RECORDS: Final = 200_000
_LONGEST_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A batch, the offset up to which consents are to be read before it, and since when."""

    batch: RecordBatch
    consents: int
    since_s: float


@dataclass(slots=True)
class _Partition:
    """`read` is the next consent to be handled; None until that was asked for."""

    read: int | None = None
    waiting: list[_Waiting] = field(default_factory=list)


class ConsentsFirst:
    """Puts batches of one assignment in order.

    Consents are short beside what waits for them. If they do not come all the same (the end of a
    partition may be a marker that no reader is given), nothing waits longer than half a minute.
    """

    def __init__(
        self,
        *,
        data_policy: DataPolicy,
        consumer: Callable[[], Consumer],
        elapsed_s: Callable[[], float],
    ) -> None:
        self._topics = frozenset(
            topic for topic, kind in _KIND_OF.items() if kind in data_policy.consent_decides
        )
        self._consumer = consumer
        self._elapsed_s = elapsed_s
        self._epoch = -1
        self._partitions: dict[int, _Partition] = {}
        self.counts: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether more waits than should be held; what waits can be read again."""
        waiting = (one for own in self._partitions.values() for one in own.waiting)
        return sum(len(one.batch.records) for one in waiting) > _MOST_RECORDS

    async def next(self, batch: RecordBatch) -> list[RecordBatch]:
        """Batches that can be handled now that this one has come, in order."""
        if not self._topics:
            return [batch]
        if batch.epoch != self._epoch:
            self._epoch = batch.epoch
            self._partitions.clear()
        own = self._partitions.setdefault(batch.partition, _Partition())
        if batch.topic == topics.CONSENTS:
            own.read = max(own.read or 0, batch.next_offset)
            return [batch, *self._released(own)]
        if batch.topic not in self._topics:
            return [batch]
        place = (topics.CONSENTS, batch.partition)
        first, end = (await self._consumer().end_offsets([place]))[place]
        if own.read is None:
            own.read = (await self._consumer().committed_offsets([place]))[place] or first
        if end <= own.read and not own.waiting:
            return [batch]
        self.counts["waited"] += 1
        own.waiting.append(_Waiting(batch, end, self._elapsed_s()))
        return self._released(own)

    def overdue(self) -> list[RecordBatch]:
        """What has waited for too long."""
        return [batch for own in self._partitions.values() for batch in self._released(own)]

    def clear(self) -> None:
        """Partitions were given up, or are read again from what is committed."""
        self._partitions.clear()

    def _released(self, own: _Partition) -> list[RecordBatch]:
        """Those at the front, in the order in which they came."""
        now_s = self._elapsed_s()
        ready = 0
        for one in own.waiting:
            if one.consents > (own.read or 0) and now_s - one.since_s < _LONGEST_WAIT_S:
                break
            ready += 1
        released, own.waiting = own.waiting[:ready], own.waiting[ready:]
        return [one.batch for one in released]
