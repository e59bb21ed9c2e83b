"""Dead letters of erased users, whenever and by whomever they are written."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_world import NOW_MS, SECRET, Engines, World

from profiles.privacy.pseudonyms import pseudonym
from schemas import topics
from schemas.instants import rfc3339
from schemas.letters import letter_key, people_named
from streams.emitter import Outgoing
from streams.memory import MemorySender
from streams.topics import LETTERS_SEGMENT_MS
from streams.version_topics import VersionSender, version_topics

pytestmark = pytest.mark.anyio

ERASED = {
    "type": "erasure",
    "event_id": "gone",
    "occurred_at": rfc3339(NOW_MS),
    "user_id": "ann",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world() -> World:
    return await World.open()


async def settled(engines: Engines) -> None:
    await engines.drain()
    await engines.erasing.settle(engines.profiles, engines.ownerships.held)
    await engines.drain()


def letters(world: World) -> set[bytes]:
    """Positions of those that a reader is shown."""
    shown: set[bytes] = set()
    for (topic, _), log in world.consumer.logs.items():
        if topic == topics.DEAD_LETTERS:
            for record in log.records:
                key = record.key or b""
                (shown.discard if record.value is None else shown.add)(key)
    return shown


async def test_erasure_takes_the_letters_of_one_user_out_and_no_other(world: World) -> None:
    for user in (b"ann", b"bob"):
        world.append(topics.INTERACTIONS, user, b"{")
    world.append(topics.INTERACTIONS, b"bob", b'{"user_id": "ann"}')
    engines = Engines(world)
    await engines.own_all()
    await settled(engines)
    before = letters(world)
    world.publish(ERASED)
    await settled(engines)
    place, log = next(
        (place, log)
        for place, log in world.consumer.logs.items()
        if place[0] == topics.INTERACTIONS and any(one.key == b"bob" for one in log.records)
    )
    (kept,) = (one for one in log.records if (one.key, one.value) == (b"bob", b"{"))
    assert len(before) == 3
    assert letters(world) == {letter_key(*place, kept.offset)}


@pytest.mark.parametrize(("received_ms", "shown"), [(NOW_MS, 0), (NOW_MS + 1, 1)])
async def test_what_came_before_an_erasure_leaves_no_letter_after_it(
    world: World, received_ms: int, shown: int
) -> None:
    engines = Engines(world)
    world.publish(ERASED)
    await settled(engines)
    world.append(topics.PREFERENCES, b"ann", b"{", received_ms=received_ms)
    await settled(engines)
    assert len(letters(world)) == shown


async def test_a_letter_of_a_dead_owner_falls_before_its_segment_is_closed(world: World) -> None:
    world.publish(ERASED)
    await settled(Engines(world))
    world.append(topics.INTERACTIONS, b"ann", b"{")
    stray = Engines(world)
    await stray.drain()
    (partition,) = (
        place
        for (topic, place), log in world.consumer.logs.items()
        if topic == topics.DEAD_LETTERS and log.records
    )
    log = world.consumer.log(topics.DEAD_LETTERS, partition)
    # It wrote once more, and came no further.
    log.records.append(replace(log.records[0], offset=log.end_offset))
    assert letters(world)
    later = Engines(world, now_ms=NOW_MS + LETTERS_SEGMENT_MS)
    await later.letters.keep([partition])
    later.deliver()
    assert not letters(world)
    before = log.end_offset
    await Engines(world, now_ms=NOW_MS + 2 * LETTERS_SEGMENT_MS).letters.keep([partition])
    assert log.end_offset == before


async def test_other_records_are_sent_as_they_are(world: World) -> None:
    engines = Engines(world)
    record = Outgoing(topics.INTERACTIONS, 0, b"ann", None)
    await engines.letters.send([record])
    assert engines.sender.sent == [record]


async def test_another_version_writes_no_letters_but_may_take_them_out() -> None:
    sender = MemorySender()
    letter = Outgoing(topics.DEAD_LETTERS, 0, b"strata.interactions/0/1", b"{")
    tombstone = Outgoing(topics.DEAD_LETTERS, 0, b"strata.interactions/0/1", None)
    await VersionSender(sender, version_topics("b")).send([letter, tombstone])
    assert sender.sent == [tombstone]


@pytest.mark.parametrize(
    ("topic", "key", "raw", "named"),
    [
        ("interactions", b'["shop","ann"]', b"", {("shop", "ann")}),
        ("interactions", None, b'{"tenant": "shop", "user_id": "b\\u00e9a"', {("shop", "béa")}),
        ("interactions", None, b'{"user_id": 7}', {("default", "7")}),
        ("identities", None, b'{"same_as":"guest"}', {("default", "guest")}),
        ("documents", None, rb'{"text": "say \"user_id\": \"ann\""}', set()),
        ("interactions", b"\xff", b'\xff\xfe"user_id": "\\ud800"', set()),
        ("interactions", rb'["shop","\ud800"]', b"", set()),
        ("interactions", b'["shop"]', b"", set()),
        ("interactions", b"[" * 100_000, b"", set()),
        (
            "interactions",
            b"[1]",
            b'"user_id" : "a", "user_id": "b"',
            {("default", x) for x in "ab"},
        ),
    ],
)
def test_a_letter_names_its_keys_user_and_whom_its_bytes_name(
    topic: str, key: bytes | None, raw: bytes, named: set[tuple[str, str]]
) -> None:
    assert people_named(f"strata.{topic}", key, raw) == named


@given(
    st.sampled_from([topics.INTERACTIONS, topics.ITEMS]),
    st.none() | st.binary(max_size=30),
    st.lists(
        st.sampled_from([b'"user_id"', b'"same_as"', b'"tenant"', b":", b'"', b"\\", b"7", b"{"])
        | st.binary(max_size=5),
        max_size=12,
    ).map(b"".join),
)
def test_whom_any_bytes_name_can_be_hashed(topic: str, key: bytes | None, raw: bytes) -> None:
    for person in people_named(topic, key, raw):
        assert len(pseudonym(SECRET, *person)) == 16
