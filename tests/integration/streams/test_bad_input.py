"""Bad records land in dead letters, and nothing else changes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

import aiokafka
import pytest
from oracle import first_ten
from write_side.equality import differences
from write_side.ground import Ground
from write_side.observing import observe
from write_side.publishing import Event, Raw, publish, record_of
from write_side.running import options_of, running
from write_side.stories import village

from schemas import topics
from schemas.keys import record_key
from schemas.limits import Limits
from schemas.rejection import Reason
from streams.gate import LETTER_BYTES
from streams.partitions import partition_of

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

LIMITS: Final = Limits(max_record_bytes=300_000)
FAR_FUTURE: Final = "2999-01-01T00:00:00Z"
USER: Final = "reader-1"


def interaction(**changed: object) -> dict[str, object]:
    return {
        "event_id": "bad",
        "type": "interaction",
        "occurred_at": "2023-11-14T22:13:20Z",
        "user_id": USER,
        "item_id": "book-1",
        "action": "like",
        "value": 1,
    } | changed


def record(value: bytes, *, key: bytes | None = USER.encode()) -> Raw:
    return Raw(topic=topics.INTERACTIONS, key=key, value=value)


def changed(**fields: object) -> Raw:
    event = interaction(**fields)
    return record(json.dumps(event).encode(), key=record_key("default", str(event["user_id"])))


def with_value(literal: str) -> Raw:
    return record(json.dumps(interaction(value=None)).replace("null", literal).encode())


def without(field: str) -> Raw:
    event = interaction()
    del event[field]
    return record(json.dumps(event).encode())


BAD: Final[dict[str, tuple[Raw, Reason]]] = {
    "nothing at all": (record(b""), Reason.NOT_JSON),
    "a tombstone": (replace(record(b""), value=None), Reason.NOT_JSON),
    "not JSON": (record(b'{"event_id": "bad", '), Reason.NOT_JSON),
    "JSON, but no object": (record(b"[1, 2]"), Reason.WRONG_TYPE),
    "not UTF-8": (record(b'{"event_id": "\xff\xfe"}'), Reason.NOT_UTF8),
    "a wrong type": (changed(item_id=7), Reason.WRONG_TYPE),
    "no type": (without("type"), Reason.MISSING_TYPE),
    "no item": (without("item_id"), Reason.MISSING_FIELD),
    "an unknown type": (changed(type="purchase"), Reason.UNKNOWN_TYPE),
    "a key twice": (
        record(json.dumps(interaction()).replace('"value"', '"action"').encode()),
        Reason.DUPLICATE_KEY,
    ),
    "10 000 deep": (with_value("[" * 10_000 + "]" * 10_000), Reason.TOO_DEEP),
    "past 2^63": (with_value(str(2**63)), Reason.NUMBER_OUT_OF_RANGE),
    "NaN": (with_value("NaN"), Reason.NOT_JSON),
    "Infinity": (with_value("Infinity"), Reason.NOT_JSON),
    "1e400": (with_value("1e400"), Reason.NUMBER_OUT_OF_RANGE),
    "before 1970": (changed(occurred_at="1969-12-31T23:59:59Z"), Reason.TIME_OUT_OF_RANGE),
    "far ahead": (changed(occurred_at=FAR_FUTURE), Reason.TIME_OUT_OF_RANGE),
    "an empty id": (changed(item_id=""), Reason.INVALID_ID),
    "an over-long id": (changed(item_id="x" * 513), Reason.INVALID_ID),
    "an over-long user": (changed(user_id="x" * 513), Reason.INVALID_ID),
    "no key": (replace(changed(), key=None, partition=2), Reason.NULL_KEY),
    "over the size limit": (changed(context={"note": "x" * 900_000}), Reason.TOO_LARGE),
    "another user's key": (
        replace(changed(user_id="reader-2"), key=b"reader-1"),
        Reason.KEY_MISMATCH,
    ),
    "another topic's event": (
        replace(record_of(village().items[0]), topic=topics.INTERACTIONS),
        Reason.WRONG_TOPIC,
    ),
    "an item that is none": (
        Raw(topic=topics.ITEMS, key=b"book-1", value=b"{}"),
        Reason.MISSING_TYPE,
    ),
}


@dataclass(frozen=True, slots=True)
class Letter:
    place: tuple[str, int, int]
    reason: str
    key: bytes | None
    value: bytes
    length: int
    digest: str


async def read_letters(ground: Ground) -> list[Letter]:
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=ground.bootstrap)
    await consumer.start()
    try:
        places = [
            aiokafka.TopicPartition(topics.DEAD_LETTERS, place)
            for place in range(ground.partitions)
        ]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        left = sum((await consumer.end_offsets(places)).values())
        letters: list[Letter] = []
        while len(letters) < left:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                letters.extend(map(read_letter, records))
        return letters
    finally:
        await consumer.stop()


def read_letter(found: "aiokafka.ConsumerRecord[bytes, bytes]") -> Letter:
    headers = {name: value.decode() for name, value in found.headers}
    place = "strata-topic", "strata-partition", "strata-offset"
    assert found.key == "/".join(headers[name] for name in place).encode()
    return Letter(
        place=(
            headers["strata-topic"],
            int(headers["strata-partition"]),
            int(headers["strata-offset"]),
        ),
        reason=headers["strata-reason"],
        key=headers["strata-key"].encode() if "strata-key" in headers else None,
        value=found.value,
        length=int(headers["strata-length"]),
        digest=headers["strata-sha256"],
    )


def expected_letter(raw: Raw, reason: Reason, place: tuple[str, int, int]) -> Letter:
    value = raw.value or b""
    return Letter(
        place, reason.value, raw.key, value[:LETTER_BYTES], len(value), sha256(value).hexdigest()
    )


def interleaved(good: list[Event]) -> list[Event | Raw]:
    """One bad record after every tenth good one, so that good ones follow in each partition."""
    records: list[Event | Raw] = []
    bad = [raw for raw, _ in BAD.values()]
    for number, event in enumerate(good):
        records.append(event)
        if number % 10 == 0 and bad:
            records.append(bad.pop(0))
    assert not bad
    return records


async def test_each_bad_record_is_a_dead_letter_and_nothing_else_changes(ground: Ground) -> None:
    story = village(events_per_reader=12)
    good = [*story.items, *story.events]
    records = interleaved(good)
    places = await publish(ground.bootstrap, records, partitions=ground.partitions)
    options = replace(options_of(ground), limits=LIMITS)
    async with ground.opened() as opened, running(ground, opened, options=options) as work:
        offsets = await work.until_quiet()
        observed = await observe(ground, opened)
        counted = work.worker.duties.profiles.counts["dead-letters"]

    assert not offsets.behind
    place_of = {id(one): place for one, place in zip(records, places, strict=True)}
    expected = [expected_letter(raw, reason, place_of[id(raw)]) for raw, reason in BAD.values()]
    letters = await read_letters(ground)
    by_place: Callable[[Letter], tuple[str, int, int]] = lambda letter: letter.place  # noqa: E731
    assert sorted(letters, key=by_place) == sorted(expected, key=by_place)
    assert counted == len([raw for raw, _ in BAD.values() if raw.topic != topics.ITEMS])
    verdict = differences(observed, good, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert verdict.compared["users"] == 24


async def test_an_interaction_takes_effect_when_its_item_arrives(ground: Ground) -> None:
    story = village()
    known, late = story.items[:6], story.items[6:]
    await publish(ground.bootstrap, [*known, *story.events], partitions=ground.partitions)
    async with ground.opened() as opened, running(ground, opened) as work:
        await work.until_quiet()
        before = await observe(ground, opened)
        verdict = differences(before, [*known, *story.events], partitions=ground.partitions)
        assert not verdict.lines, first_ten(iter(verdict.lines))
        assert any(user.waiting for user in before.users.values())

        await publish(ground.bootstrap, late, partitions=ground.partitions)
        await work.until_quiet()
        after = await observe(ground, opened)
    verdict = differences(after, [*story.items, *story.events], partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert not any(user.waiting for user in after.users.values())


async def test_a_misplaced_record_is_forwarded_and_counted_once(ground: Ground) -> None:
    story = village()
    good = [*story.items, *story.events]

    def misplaced(event: Event) -> Raw:
        raw = record_of(event)
        assert raw.key is not None
        place = (partition_of(raw.key, ground.partitions) + 1) % ground.partitions
        return replace(raw, partition=place)

    records = [misplaced(event) if number % 3 == 0 else event for number, event in enumerate(good)]
    await publish(ground.bootstrap, records, partitions=ground.partitions)
    async with ground.opened() as opened, running(ground, opened) as work:
        await work.until_quiet()
        observed = await observe(ground, opened)
        counts = work.worker.duties.profiles.counts
    verdict = differences(observed, good, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    strayed = [one for one in records if isinstance(one, Raw) and one.topic != topics.ITEMS]
    assert counts["forwarded"] == len(strayed) > 0
    assert counts["folded"] == len(story.events)
