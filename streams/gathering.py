"""Batches of profile updates wait for each other, so that few of them are not counted alone.

What counting costs is mostly paid per step and per table, however few users are in it. So of one
partition it is done once a second where little comes, or a tenth of the time where that is more
seldom, as long as more is coming; where much comes, at once.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import chain
from typing import Final

from streams.batches import RecordBatch
from streams.ownership import Place

__all__ = ["MANY", "Gathering"]

MANY: Final = 1_024
"""Records that do not wait."""
_REST: Final = 9
"""Times as long as counting took, little waits for more of its kind ..."""
_LONGEST_REST: Final = 5
"""... but not longer than so many intervals."""


@dataclass(slots=True)
class _Waiting:
    """Batches of one partition and epoch that follow each other."""

    batches: list[RecordBatch]
    since_s: float
    """When the last of them came."""

    @property
    def records(self) -> int:
        return sum(len(batch.records) for batch in self.batches)

    def whole(self) -> RecordBatch:
        if len(self.batches) == 1:
            return self.batches[0]
        first = self.batches[0]
        records = list(chain.from_iterable(batch.records for batch in self.batches))
        return RecordBatch(first.topic, first.partition, first.epoch, records)


class Gathering:
    """Keeps what has come of each partition until it is due.

    It is due as soon as there are many records, or nothing of the partition has been due for as
    long as the interval, or longer where counting takes long and more is coming: if nothing came
    for an interval, nothing is worth waiting for. What waits is not committed: if it is lost, it is
    read again.

    Args:
        interval_s: Between two times that little of a partition is due; 0 to keep nothing.
    """

    def __init__(self, *, interval_s: float, elapsed_s: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._elapsed_s = elapsed_s
        self._waiting: dict[Place, _Waiting] = {}
        self._due_s: dict[Place, float] = {}
        self._rested_s: dict[Place, float] = {}

    def add(self, batch: RecordBatch) -> None:
        """One more, which follows what waits of its partition.

        A batch of another epoch than those that wait is of another reading: they are left out, as
        they are out of date.
        """
        place = batch.topic, batch.partition
        known = self._waiting.get(place)
        if known is None or known.batches[0].epoch != batch.epoch:
            self._waiting[place] = _Waiting([batch], self._elapsed_s())
        else:
            known.batches.append(batch)
            known.since_s = self._elapsed_s()

    def waiting(self, place: Place) -> int:
        """Records that are kept of it."""
        known = self._waiting.get(place)
        return known.records if known is not None else 0

    def due(self, *, without: Collection[Place] = ()) -> list[RecordBatch]:
        """What waits no longer, one batch of each partition.

        Args:
            without: Places of which everything waits on.
        """
        now_s = self._elapsed_s()
        ready = [
            place
            for place, waiting in self._waiting.items()
            if place not in without
            if waiting.records >= MANY or self._has_waited(place, waiting, now_s)
        ]
        for place in ready:
            self._due_s[place] = now_s + self._interval_s
        return [self._waiting.pop(place).whole() for place in ready]

    def took(self, batch: RecordBatch, seconds: float) -> None:
        """This, which was due, took so long, until now.

        So little is counted a tenth of the time at most, but for what takes longer than the longest
        rest allows: the more updates go into one step, the less each of them takes. How long many
        took says nothing of how long little takes, which may be all that is left.
        """
        if len(batch.records) >= MANY:
            return
        place = batch.topic, batch.partition
        rest_s = min(_REST * seconds, _LONGEST_REST * self._interval_s)
        self._rested_s[place] = self._elapsed_s() + rest_s

    def _has_waited(self, place: Place, waiting: _Waiting, now_s: float) -> bool:
        if now_s < self._due_s.get(place, now_s):
            return False
        if now_s >= self._rested_s.get(place, now_s):
            return True
        return now_s >= waiting.since_s + self._interval_s

    def clear(self) -> None:
        """Partitions were given up, or are read again from what is committed."""
        self._waiting.clear()
