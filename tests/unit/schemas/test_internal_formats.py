"""What workers write for each other reads back equal, and anything else is refused."""

from collections.abc import Callable

import msgspec
import pytest

from schemas.announcements import (
    AnnouncementFormatError,
    ItemVector,
    PersonaAnnouncement,
    decode_item_vector,
    decode_personas_announced,
    encode_announcement,
)
from schemas.snapshots import (
    CachedProfile,
    Interest,
    ItemCount,
    ItemTrend,
    SnapshotFormatError,
    StatisticsSnapshot,
    decode_profile,
    decode_statistics,
    encode_profile,
    encode_statistics,
    statistics_name,
)
from schemas.updates import (
    Change,
    ProfileUpdate,
    UpdateFormatError,
    WholeUser,
    decode_update,
    encode_update,
)

UPDATE = ProfileUpdate(
    tenant="t",
    user_id="u",
    key=bytes(range(16)),
    version=3,
    watermark_ms=5,
    persona_before=None,
    persona_after="p1",
    change=Change({("events", ""): {b"\xff\x00": -3}, ("size", ""): {b"x": 1}}, b"abcd", b"rows"),
    before=WholeUser(b"state", b"mean"),
)
ITEM = ItemVector("t", "i", 2**64 - 1, "Title", 2, False, ("sea",), b"\x00" * 8)
PERSONAS = PersonaAnnouncement("t", 4, 9, {"p1": b"\x00" * 8})
PROFILE = CachedProfile(
    "t",
    "u",
    3,
    None,
    1.5,
    2.0,
    False,
    None,
    7,
    b"",
    (Interest(1, -0.5, 2, "k", 3),),
    {"a/b": 1},
    {},
)
STATISTICS = StatisticsSnapshot(
    "t",
    "",
    1,
    True,
    2,
    1,
    {"a/b": 3},
    (ItemCount(1, 0.5, 2, 0),),
    {"1h": (ItemTrend(1, 1.5, 2, 0),)},
    {"age": {'"30s"': 2}},
    b"",
)
CASES = [
    pytest.param(encode_update(UPDATE), decode_update, UPDATE, UpdateFormatError, id="update"),
    pytest.param(
        encode_announcement(ITEM), decode_item_vector, ITEM, AnnouncementFormatError, id="item"
    ),
    pytest.param(
        encode_announcement(PERSONAS),
        decode_personas_announced,
        PERSONAS,
        AnnouncementFormatError,
        id="personas",
    ),
    pytest.param(
        encode_profile(PROFILE), decode_profile, PROFILE, SnapshotFormatError, id="profile"
    ),
    pytest.param(
        encode_statistics(STATISTICS),
        decode_statistics,
        STATISTICS,
        SnapshotFormatError,
        id="statistics",
    ),
]


@pytest.mark.parametrize(("encoded", "decode", "value", "refusal"), CASES)
def test_a_value_reads_back_equal(
    encoded: bytes,
    decode: Callable[[bytes], object],
    value: object,
    refusal: type[ValueError],  # noqa: ARG001
) -> None:
    assert decode(encoded) == value


@pytest.mark.parametrize(("encoded", "decode", "value", "refusal"), CASES)
def test_anything_cut_or_foreign_is_refused(
    encoded: bytes,
    decode: Callable[[bytes], object],
    value: object,  # noqa: ARG001
    refusal: type[ValueError],
) -> None:
    for cut in range(len(encoded)):
        with pytest.raises(refusal):
            decode(encoded[:cut])
    with pytest.raises(refusal):
        decode(b"\x7f" + encoded[1:])
    with pytest.raises(refusal):
        decode(b"{}")


def test_updates_from_before_declared_personas_are_read() -> None:
    fields = msgspec.msgpack.decode(encode_update(UPDATE)[1:])
    older = encode_update(UPDATE)[:1] + msgspec.msgpack.encode(fields[:-3])
    assert decode_update(older) == UPDATE
    assert UPDATE.scopes_before == {""}
    assert UPDATE.scopes_after == {"", "p1"}


def test_names_of_snapshots_do_not_meet() -> None:
    assert statistics_name("a", "1:b:c") != statistics_name("a:1:b", "c")
