"""Kafka's side of the engines, in memory: for unit tests and simulation."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas import topics
from streams.batches import Record, RecordBatch
from streams.emitter import Outgoing
from streams.ownership import Place

__all__ = ["MemoryConsumer", "MemoryLetterLog", "MemoryLog", "MemoryRecord", "MemorySender"]


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """A record as `streams.batches.Record` describes it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class MemorySender:
    """Keeps what was sent, in order."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send(self, records: Sequence[Outgoing]) -> None:
        self.sent.extend(records)

    def to(self, topic: str) -> list[Outgoing]:
        """What was sent to one topic."""
        return [record for record in self.sent if record.topic == topic]


@dataclass(slots=True)
class MemoryLog:
    """One partition: records from `first_offset` on."""

    records: list[MemoryRecord] = field(default_factory=list)
    first_offset: int = 0

    @property
    def end_offset(self) -> int:
        return self.first_offset + len(self.records)

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        *,
        timestamp_ms: int,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        self.records.append(MemoryRecord(self.end_offset, timestamp_ms, key, value, headers))


class MemoryLetterLog:
    """Dead letters among logs by place, as `streams.letters.LetterLog`."""

    def __init__(self, logs: Mapping[Place, MemoryLog]) -> None:
        self._logs = logs

    async def read(self, partitions: Sequence[int]) -> AsyncIterator[RecordBatch]:
        for partition in partitions:
            log = self._logs.get((topics.DEAD_LETTERS, partition))
            if log is not None and log.records:
                yield RecordBatch(topics.DEAD_LETTERS, partition, 0, tuple(log.records))

    async def last(self, partitions: Sequence[int]) -> dict[int, Record]:
        logs = {place: self._logs.get((topics.DEAD_LETTERS, place)) for place in partitions}
        return {place: log.records[-1] for place, log in logs.items() if log and log.records}


class MemoryConsumer:
    """Partitions, committed offsets and read positions of one group.

    Attributes:
        epoch: As of `streams.transport.BatchConsumer`.
    """

    def __init__(self) -> None:
        self.logs: dict[Place, MemoryLog] = {}
        self.committed: dict[Place, int] = {}
        self.epoch = 1
        self._positions: dict[Place, int] = {}

    def log(self, topic: str, partition: int) -> MemoryLog:
        return self.logs.setdefault((topic, partition), MemoryLog())

    def fetch(self, place: Place, *, most: int = 1_000) -> RecordBatch | None:
        """The next batch of a partition, or None at its end."""
        log = self.log(*place)
        position = self._positions.get(place, self.committed.get(place, log.first_offset))
        start = position - log.first_offset
        records = log.records[start : start + most]
        if not records:
            return None
        self._positions[place] = records[-1].offset + 1
        return RecordBatch(place[0], place[1], self.epoch, records)

    def rebalance(self) -> None:
        """A new assignment: everything is read again from what is committed."""
        self.epoch += 1
        self._positions.clear()

    async def committed_offsets(self, partitions: Iterable[Place]) -> dict[Place, int | None]:
        return {place: self.committed.get(place) for place in partitions}

    def fetched(self) -> dict[Place, tuple[int, int]]:
        return {place: (log.first_offset, log.end_offset) for place, log in self.logs.items()}

    async def end_offsets(self, partitions: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        found: dict[Place, tuple[int, int]] = {}
        for place in partitions:
            log = self.log(*place)
            found[place] = (log.first_offset, log.end_offset)
        return found

    async def commit_offsets(self, offsets: Mapping[Place, int]) -> None:
        self.committed.update(offsets)

    async def rewind(self, offsets: Mapping[Place, int]) -> None:
        self.committed.update(offsets)
        self.rebalance()
