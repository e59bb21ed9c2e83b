"""Every record becomes an event, a forwarded record or a dead letter, by itself alone."""

import json

import pytest

from schemas import topics
from schemas.keys import record_key
from schemas.rejection import Reason
from streams.batches import RecordBatch
from streams.gate import FORWARDED_HEADER, LETTER_BYTES, Gate
from streams.memory import MemoryRecord
from streams.partitions import partition_of

PARTITIONS = 4
NOW_MS = 1_700_000_000_000
HOME = partition_of(b"ann", PARTITIONS)
GOOD = {
    "event_id": "e1",
    "type": "interaction",
    "occurred_at": 1_600_000_000,
    "user_id": "ann",
    "item_id": "i",
    "action": "like",
}


def admit(
    value: bytes | None,
    *,
    key: bytes | None = b"ann",
    partition: int = HOME,
    topic: str = topics.INTERACTIONS,
) -> tuple[list[str], dict[str, str]]:
    """Kinds of what came out, and the headers of a dead letter if there is one."""
    record = MemoryRecord(7, NOW_MS, key, value)
    admitted = Gate(partitions=PARTITIONS).admit(RecordBatch(topic, partition, 1, [record]))
    kinds = [passed.event.type for passed in admitted.passed]
    headers: dict[str, str] = {}
    for outgoing in admitted.outgoing:
        kinds.append(outgoing.topic)
        headers = {name: text.decode() for name, text in outgoing.headers}
    return kinds, headers


def with_(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def test_a_good_event_passes() -> None:
    assert admit(with_()) == (["interaction"], {})


def test_a_record_in_a_wrong_partition_is_forwarded_to_its_own() -> None:
    wrong = (HOME + 1) % PARTITIONS
    record = MemoryRecord(7, NOW_MS, b"ann", with_(), (("trace", b"t"),))
    batch = RecordBatch(topics.INTERACTIONS, wrong, 1, [record])
    admitted = Gate(partitions=PARTITIONS).admit(batch)
    (sent,) = admitted.outgoing
    assert (sent.topic, sent.partition, sent.key, sent.value) == (
        topics.INTERACTIONS,
        HOME,
        b"ann",
        with_(),
    )
    assert list(sent.headers) == [("trace", b"t"), (FORWARDED_HEADER, f"{wrong}/7".encode())]
    assert (admitted.forwarded, admitted.passed) == (1, [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", Reason.NOT_JSON),
        (None, Reason.NOT_JSON),
        (b"\xff\xfe", Reason.NOT_UTF8),
        (with_(type="unheard-of"), Reason.UNKNOWN_TYPE),
        (with_(user_id=""), Reason.INVALID_ID),
        (with_(user_id="x" * 513), Reason.INVALID_ID),
        (with_(occurred_at=-1), Reason.TIME_OUT_OF_RANGE),
        (with_(occurred_at=NOW_MS // 1000 + 90_000), Reason.TIME_OUT_OF_RANGE),
        (with_(user_id="bob"), Reason.KEY_MISMATCH),
        (with_(tenant="other"), Reason.KEY_MISMATCH),
        (b"[" * 10_000, Reason.TOO_DEEP),
        (with_(value=10**400), Reason.NUMBER_OUT_OF_RANGE),
        (with_()[:-1] + b',"user_id":"ann"}', Reason.DUPLICATE_KEY),
    ],
)
def test_bad_input_becomes_a_dead_letter_that_says_why(value: bytes | None, reason: Reason) -> None:
    kinds, headers = admit(value)
    assert kinds == [topics.DEAD_LETTERS]
    assert headers["strata-reason"] == reason
    assert (headers["strata-topic"], headers["strata-partition"], headers["strata-offset"]) == (
        topics.INTERACTIONS,
        str(HOME),
        "7",
    )


def test_a_record_without_a_key_is_a_dead_letter() -> None:
    assert admit(with_(), key=None, partition=2)[1]["strata-reason"] == Reason.NULL_KEY


def test_an_event_in_another_types_topic_is_a_dead_letter() -> None:
    kinds, headers = admit(with_(), topic=topics.PREFERENCES)
    assert (kinds, headers["strata-reason"]) == ([topics.DEAD_LETTERS], Reason.WRONG_TOPIC)


def test_a_letter_is_cut_but_keeps_length_and_hash_of_the_whole() -> None:
    raw = b"x" * (LETTER_BYTES + 10)
    record = MemoryRecord(7, NOW_MS, b"ann", raw)
    batch = RecordBatch(topics.INTERACTIONS, HOME, 1, [record])
    (letter,) = Gate(partitions=PARTITIONS).admit(batch).outgoing
    headers = dict(letter.headers)
    assert letter.value == raw[:LETTER_BYTES]
    assert headers["strata-length"] == str(len(raw)).encode()
    assert len(headers["strata-sha256"]) == 64


def test_a_tombstone_of_an_item_is_passed_over() -> None:
    key = record_key("default", "i")
    place = partition_of(key, PARTITIONS)
    assert admit(None, key=key, partition=place, topic=topics.ITEMS) == ([], {})
