"""What the transport delivers: all records fetched of one partition, as one event."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Record", "RecordBatch"]


class Record(Protocol):
    """The part of `aiokafka.ConsumerRecord` that agents use."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Broker time, ms since the epoch (topics are LogAppendTime)."""
        ...

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition in offset order, none left out.

    Attributes:
        epoch: Assignment under which the records were fetched. A batch of an
            earlier epoch is dropped: its partition may have been rewound since,
            and folding it first would make the rewound records look old.
    """

    topic: str
    partition: int
    epoch: int
    records: Sequence[Record]

    @property
    def first_offset(self) -> int:
        return self.records[0].offset

    @property
    def next_offset(self) -> int:
        """The offset to commit once every record has had its effect."""
        return self.records[-1].offset + 1

    def chunks(self, size: int) -> Iterator["RecordBatch"]:
        """The same records in batches of at most `size`, so that no step is long."""
        for start in range(0, len(self.records), size):
            yield RecordBatch(
                self.topic, self.partition, self.epoch, self.records[start : start + size]
            )
