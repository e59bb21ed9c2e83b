"""Bad input through a real Kafka: one dead letter each, the rest as if it had never come."""

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

import aiokafka
import pytest
from aiokafka import TopicPartition
from oracle import first_ten
from write_side.equality import differences
from write_side.ground import Ground
from write_side.observing import observe
from write_side.publishing import Event, Raw, publish
from write_side.running import options_of, running
from write_side.stories import village

from schemas import topics
from schemas.limits import Limits
from streams.partitions import partition_of

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

LIMITS: Final = Limits(max_record_bytes=20_000)
GOOD: Final[Mapping[str, Any]] = {
    "event_id": "bad-1",
    "type": "interaction",
    "occurred_at": 1_600_000_000,
    "user_id": "mallory",
    "item_id": "i",
    "action": "like",
}


def raw(text: bytes, *, key: bytes | None = b"mallory") -> Raw:
    return Raw(topic=topics.INTERACTIONS, key=key, value=text)


def changed(*without: str, **fields: object) -> bytes:
    event = {name: value for name, value in GOOD.items() if name not in without}
    return json.dumps({**event, **fields}).encode()


BAD: Final[Mapping[str, tuple[Raw, str]]] = {
    "not JSON": (raw(b"{"), "not-json"),
    "nothing at all": (raw(b""), "not-json"),
    "a tombstone": (replace(raw(b""), value=None), "not-json"),
    "not UTF-8": (raw(b"\xff\xfe\x00"), "not-utf8"),
    "a wrong type": (raw(changed(item_id=7)), "wrong-type"),
    "no type": (raw(changed("type")), "missing-type"),
    "an unknown type": (raw(changed(type="rumour")), "unknown-type"),
    "a missing field": (raw(changed("action")), "missing-field"),
    "a duplicate key": (raw(changed()[:-1] + b',"action":"hide"}'), "duplicate-key"),
    "nesting": (raw(b"[" * 10_000 + b"]" * 10_000), "too-deep"),
    "an integer past 2^63": (raw(changed(value=2**63)), "number-out-of-range"),
    "NaN": (raw(changed()[:-1] + b',"value":NaN}'), "not-json"),
    "infinity": (raw(changed()[:-1] + b',"value":Infinity}'), "not-json"),
    "1e400": (raw(changed()[:-1] + b',"value":1e400}'), "number-out-of-range"),
    "before 1970": (raw(changed(occurred_at=-5)), "time-out-of-range"),
    "the far future": (raw(changed(occurred_at="2999-01-01T00:00:00Z")), "time-out-of-range"),
    "an empty id": (raw(changed(item_id="")), "invalid-id"),
    "a long id": (raw(changed(item_id="x" * 513)), "invalid-id"),
    "no key": (replace(raw(changed(), key=None), partition=2), "null-key"),
    "another's key": (raw(changed(), key=b"alice"), "key-mismatch"),
    "another tenant": (raw(changed(tenant="elsewhere")), "key-mismatch"),
    "another topic": (replace(raw(changed()), topic=topics.PREFERENCES), "wrong-topic"),
    "a large record": (raw(changed(context={"x": "y" * 30_000})), "too-large"),
}


async def letters(bootstrap: str) -> list[tuple[dict[str, str], bytes | None, bytes]]:
    """Headers, key and value of all dead letters."""
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topics.DEAD_LETTERS, partition) for partition in range(4)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        left = sum((await consumer.end_offsets(places)).values())
        found = []
        while left:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                left -= len(records)
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers}
                    found.append((headers, record.key, record.value))
        return found
    finally:
        await consumer.stop()


async def test_each_lands_once_with_its_reason_and_changes_nothing_else(ground: Ground) -> None:
    story = village()
    good: list[Event] = [*story.items, *story.events]
    # Between good events of every partition, so that one that stuck would be seen.
    mixed: list[Event | Raw] = []
    bad = list(BAD.values())
    for number, event in enumerate(good):
        mixed.append(event)
        if number % 3 == 0 and number // 3 < len(bad):
            mixed.append(bad[number // 3][0])
    assert sum(isinstance(one, Raw) for one in mixed) == len(bad)

    async with ground.opened() as opened:
        options = replace(options_of(ground), limits=LIMITS)
        async with running(ground, opened, options=options) as work:
            places = await publish(ground.bootstrap, mixed, partitions=ground.partitions)
            await work.until_quiet()
            assert work.worker.profiles.counts["dead-letters"] == len(bad)
        observed = await observe(ground, opened)
    verdict = differences(observed, good, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert ("default", "mallory") not in observed.users

    found = {
        (
            headers["strata-topic"],
            int(headers["strata-partition"]),
            int(headers["strata-offset"]),
        ): (headers, key, value)
        for headers, key, value in await letters(ground.bootstrap)
    }
    assert len(found) == len(bad)
    sent = [(one, place) for one, place in zip(mixed, places, strict=True) if isinstance(one, Raw)]
    for name, (record, place) in zip(BAD, sent, strict=True):
        headers, key, value = found[place]
        assert headers["strata-reason"] == BAD[name][1], name
        assert (key, value) == (record.key, record.value or b""), name
        assert headers["strata-sha256"] == sha256(record.value or b"").hexdigest(), name


async def test_a_record_in_a_wrong_partition_counts_once_where_it_belongs(ground: Ground) -> None:
    story = village()
    good: list[Event] = [*story.items, *story.events]
    misplaced: list[Event | Raw] = []
    for number, event in enumerate(good):
        home = partition_of(str(event.get("user_id", "")).encode(), ground.partitions)
        if event["type"] != "interaction" or number % 2 or event.get("tenant"):
            misplaced.append(event)
            continue
        misplaced.append(
            Raw(
                topic=topics.INTERACTIONS,
                key=str(event["user_id"]).encode(),
                value=json.dumps(event).encode(),
                partition=(home + 1) % ground.partitions,
            )
        )
    moved = sum(isinstance(one, Raw) for one in misplaced)
    assert moved > 10
    async with ground.opened() as opened:
        async with running(ground, opened) as work:
            await publish(ground.bootstrap, misplaced, partitions=ground.partitions)
            await work.until_quiet()
            assert work.worker.profiles.counts["forwarded"] == moved
        observed = await observe(ground, opened)
    verdict = differences(observed, good, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
