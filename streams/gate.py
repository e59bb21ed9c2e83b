"""The gate every record passes: an event, a record to forward, or a dead letter.

Pure: what it decides depends on the record alone, so a redelivered or replayed
record meets the same fate. Bad input is a value here, never an exception.
"""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from msgspec import Struct

from profiles.vocabulary import ANY_ATTRIBUTES, Vocabulary
from schemas import decoded as events
from schemas import topics
from schemas.fast import decode
from schemas.keys import event_key
from schemas.letters import KEY_HEADER, RECEIVED_HEADER, letter_key
from schemas.limits import DEFAULT_LIMITS, Limits
from schemas.rejection import Reason, Rejection
from streams.batches import Record, RecordBatch
from streams.emitter import Outgoing
from streams.partitions import partition_of

__all__ = ["FORWARDED_HEADER", "LETTER_BYTES", "Admitted", "Gate", "Passed", "dead_letter"]

LETTER_BYTES: Final = 256 * 1024
FORWARDED_HEADER: Final = "strata-forwarded-from"


class Passed(Struct, frozen=True, gc=False):
    """An event and the offset and broker time (ms) of its record."""

    offset: int
    received_ms: int
    event: events.FastEvent


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of a batch's records.

    Attributes:
        outgoing: Forwarded records and dead letters, to be sent before the
            batch's offsets are committed.
        rejected: Count per reason.
    """

    passed: list[Passed] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    forwarded: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)


class Gate:
    """Decodes and checks records.

    Args:
        partitions: Count of every user- and item-keyed topic.
        limits: Sizes and times accepted.
        vocabulary: Attributes that users may state.
        mixed: A topic that holds events of users of all types; None if there is none.
    """

    def __init__(
        self,
        *,
        partitions: int,
        limits: Limits = DEFAULT_LIMITS,
        vocabulary: Vocabulary = ANY_ATTRIBUTES,
        mixed: str | None = None,
    ) -> None:
        self._partitions = partitions
        self._vocabulary = vocabulary
        self._limits = limits
        self._mixed = mixed

    def admit(self, batch: RecordBatch) -> Admitted:
        passed: list[Passed] = []
        outgoing: list[Outgoing] = []
        rejected: Counter[Reason] = Counter()
        forwarded = 0
        for record in batch.records:
            key, value = record.key, record.value
            if key is not None:
                place = partition_of(key, self._partitions)
                if place != batch.partition:
                    forwarded += 1
                    outgoing.append(_forward(record, batch, place))
                    continue
                if value is None and batch.topic == topics.ITEMS:
                    # A tombstone lets compaction drop the item's descriptions; what
                    # is known of it stays, as `item_retired` is how to withdraw it.
                    continue
            verdict = self._verdict(batch.topic, record)
            if isinstance(verdict, Rejection):
                rejected[verdict.reason] += 1
                outgoing.append(dead_letter(record, batch.topic, batch.partition, verdict))
            else:
                passed.append(Passed(record.offset, record.timestamp, verdict))
        return Admitted(passed, outgoing, forwarded, rejected)

    def _verdict(self, topic: str, record: Record) -> events.FastEvent | Rejection:
        if record.key is None:
            return Rejection(
                Reason.NULL_KEY, "the record has no key; it must be its user's or item's"
            )
        event = decode(
            record.value or b"",
            received_ms=record.timestamp,
            limits=self._limits,
            headers=record.headers,
        )
        if isinstance(event, Rejection):
            return event
        own = topics.TOPIC_OF[event.type]
        if own != topic and (topic != self._mixed or own not in topics.USER_TOPICS):
            return Rejection(Reason.WRONG_TOPIC, f"{event.type} events have their own topic")
        if event_key(event) != record.key:
            return Rejection(Reason.KEY_MISMATCH, "the key is not that of the event's user or item")
        if isinstance(event, events.Attributes):
            refusal = self._vocabulary.refusal(event.attributes)
            if refusal is not None:
                return Rejection(Reason.INVALID_FIELD, refusal)
        return event


def _forward(record: Record, batch: RecordBatch, partition: int) -> Outgoing:
    source = f"{batch.partition}/{record.offset}".encode()
    headers = (*record.headers, (FORWARDED_HEADER, source))
    return Outgoing(batch.topic, partition, record.key, record.value, headers)


def dead_letter(record: Record, topic: str, partition: int, rejection: Rejection) -> Outgoing:
    """The record as it came, cut at 256 KiB, with where it came from and why it stays out.

    It lies under its position, so that a repeated letter is seen to be the same one and
    can be taken back alone. The original key is kept, so that erasure reaches the letter.
    """
    raw = record.value or b""
    key = () if record.key is None else ((KEY_HEADER, record.key),)
    headers = (
        ("strata-reason", rejection.reason.value.encode()),
        ("strata-detail", rejection.detail.encode("utf-8", "replace")),
        ("strata-topic", topic.encode()),
        ("strata-partition", str(partition).encode()),
        ("strata-offset", str(record.offset).encode()),
        (RECEIVED_HEADER, str(record.timestamp).encode()),
        ("strata-length", str(len(raw)).encode()),
        ("strata-sha256", sha256(raw).hexdigest().encode()),
        *key,
    )
    place = letter_key(topic, partition, record.offset)
    return Outgoing(topics.DEAD_LETTERS, partition, place, raw[:LETTER_BYTES], headers)
