"""What `decode` refuses and why; what it accepts and how it reads it."""

import gzip
import json
from pathlib import Path
from typing import Final

import msgspec
import pytest
from event_strategies import dump

from schemas import fast
from schemas.colons import expected_colons, may_hide_colons
from schemas.fast import Limits, Reason, Rejection, decode
from schemas.json_values import Json
from schemas.wire import WireEvent

RECEIVED_MS: Final = 1_700_000_000_000  # 2023-11-14T22:13:20Z
VIEW: Final[dict[str, Json]] = {
    "event_id": "e1",
    "type": "interaction",
    "occurred_at": "2023-11-14T22:13:20Z",
    "user_id": "u1",
    "item_id": "i1",
    "action": "view",
}
CHOICE: Final[dict[str, Json]] = {
    "event_id": "e1",
    "type": "preference",
    "occurred_at": 1,
    "user_id": "u1",
    "chosen": {"item_id": "a"},
    "rejected": {"text": "b"},
}
DATA: Final = Path(__file__).resolve().parents[4] / "shared/data"
DATA_SETS: Final = ("movielens", "multipico", "polis", "stackexchange-beer", "ukpconvarg")


def view(**changes: Json) -> bytes:
    return dump(VIEW | changes)


def without(name: str) -> bytes:
    return dump({key: value for key, value in VIEW.items() if key != name})


def text(change: str) -> bytes:
    """The view with raw JSON text added at its end."""
    return view()[:-1] + b"," + change.encode() + b"}"


def event(kind: str, **fields: Json) -> bytes:
    return dump({"event_id": "e", "type": kind, "occurred_at": 1, "user_id": "u", **fields})


BAD: Final[list[tuple[str, bytes, Reason]]] = [
    ("nothing", b"", Reason.NOT_JSON),
    ("not JSON", b"hello", Reason.NOT_JSON),
    ("cut short", view()[:-1], Reason.NOT_JSON),
    ("two values", view() + view(), Reason.NOT_JSON),
    ("a comment", view() + b"//", Reason.NOT_JSON),
    ("a trailing comma", view()[:-1] + b",}", Reason.NOT_JSON),
    ("a byte order mark", b"\xef\xbb\xbf" + view(), Reason.NOT_JSON),
    ("a control character", view(user_id="u?").replace(b"?", b"\x01"), Reason.NOT_JSON),
    ("not UTF-8", view(user_id="u?").replace(b"?", b"\xff"), Reason.NOT_UTF8),
    ("UTF-16", view().decode().encode("utf-16-le"), Reason.NOT_JSON),
    ("a surrogate in bytes", view(user_id="?").replace(b"?", b"\xed\xa0\x80"), Reason.NOT_UTF8),
    ("half a surrogate pair", text(r'"x":"\ud800"'), Reason.NOT_UTF8),
    ("half a pair in a key", text(r'"x":[{"\udc00":1}]'), Reason.NOT_UTF8),
    ("an array", b"[]", Reason.WRONG_TYPE),
    ("a string", b'"interaction"', Reason.WRONG_TYPE),
    ("null", b"null", Reason.WRONG_TYPE),
    ("a duplicate key", text('"user_id":"u1"'), Reason.DUPLICATE_KEY),
    ("a duplicate type", text('"type":"interaction"'), Reason.DUPLICATE_KEY),
    ("a duplicate unknown key", text('"x":1,"x":1'), Reason.DUPLICATE_KEY),
    ("a duplicate after null", text('"value":null,"value":1'), Reason.DUPLICATE_KEY),
    ("an escaped duplicate", text(r'"user\u005fid":"u2"'), Reason.DUPLICATE_KEY),
    (
        "a duplicate behind an escaped colon",
        view(user_id="a?").replace(b"?", rb"\u003a")[:-1] + b',"action":"view"}',
        Reason.DUPLICATE_KEY,
    ),
    (
        "a duplicate behind an escaped colon in capitals",
        view(user_id="a?").replace(b"?", rb"\u003A")[:-1] + b',"action":"view"}',
        Reason.DUPLICATE_KEY,
    ),
    ("a duplicate inside", text('"context":{"a":1,"a":2}'), Reason.DUPLICATE_KEY),
    (
        "a duplicate inside a choice",
        dump(CHOICE).replace(b'{"item_id":"a"}', b'{"item_id":"x","item_id":"a"}'),
        Reason.DUPLICATE_KEY,
    ),
    ("10 000 arrays", b"[" * 10_000, Reason.TOO_DEEP),
    ("10 000 objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, Reason.TOO_DEEP),
    ("10 000 deep in a field", text(f'"x":{"[" * 10_000}{"]" * 10_000}'), Reason.TOO_DEEP),
    (
        "10 000 deep context",
        text('"context":' + '{"a":' * 10_000 + "1" + "}" * 10_000),
        Reason.TOO_DEEP,
    ),
    ("65 levels", text(f'"x":{"[" * 64}{"]" * 64}'), Reason.TOO_DEEP),
    ("2^63", view(value=2**63), Reason.NUMBER_OUT_OF_RANGE),
    ("-2^63-1", view(value=-(2**63) - 1), Reason.NUMBER_OUT_OF_RANGE),
    ("2^63 in an unknown field", text(f'"x":{2**63}'), Reason.NUMBER_OUT_OF_RANGE),
    ("2^63 in context", text(f'"context":{{"x":[{2**63}]}}'), Reason.NUMBER_OUT_OF_RANGE),
    ("5 000 digits", text('"x":' + "1" * 5_000), Reason.NUMBER_OUT_OF_RANGE),
    ("NaN", text('"value":NaN'), Reason.NOT_JSON),
    ("Infinity", text('"value":Infinity'), Reason.NOT_JSON),
    ("-Infinity", text('"value":-Infinity'), Reason.NOT_JSON),
    ("1e400", text('"value":1e400'), Reason.NUMBER_OUT_OF_RANGE),
    ("-1e400 in an unknown field", text('"x":-1e400'), Reason.NUMBER_OUT_OF_RANGE),
    ("no type", without("type"), Reason.MISSING_TYPE),
    ("a null type", view(type=None), Reason.MISSING_TYPE),
    ("an unknown type", view(type="click"), Reason.UNKNOWN_TYPE),
    ("a type of a wrong type", view(type=["interaction"]), Reason.UNKNOWN_TYPE),
    ("no user", without("user_id"), Reason.MISSING_FIELD),
    ("no event id", without("event_id"), Reason.MISSING_FIELD),
    ("no time", without("occurred_at"), Reason.MISSING_FIELD),
    ("a null item", view(item_id=None), Reason.MISSING_FIELD),
    ("a number for an id", view(user_id=7), Reason.WRONG_TYPE),
    ("an object for an action", view(action={}), Reason.WRONG_TYPE),
    ("text for a value", view(value="5"), Reason.WRONG_TYPE),
    ("true for a value", view(value=True), Reason.WRONG_TYPE),
    ("an array for context", view(context=[]), Reason.WRONG_TYPE),
    ("true for a time", view(occurred_at=True), Reason.WRONG_TYPE),
    ("an empty user", view(user_id=""), Reason.INVALID_ID),
    ("an empty event id", view(event_id=""), Reason.INVALID_ID),
    ("an empty tenant", view(tenant=""), Reason.INVALID_ID),
    ("513 bytes of user", view(user_id="x" * 513), Reason.INVALID_ID),
    ("257 two-byte characters", view(item_id="é" * 257), Reason.INVALID_ID),
    (
        "an empty item in about",
        event("document", document_id="d", text="", about=[""]),
        Reason.INVALID_ID,
    ),
    ("an empty action", view(action=""), Reason.INVALID_FIELD),
    ("a time in words", view(occurred_at="yesterday"), Reason.INVALID_FIELD),
    ("a time without a zone", view(occurred_at="2020-01-01T00:00:00"), Reason.INVALID_FIELD),
    ("a leap second", view(occurred_at="2016-12-31T23:59:60Z"), Reason.INVALID_FIELD),
    ("the 30th of February", view(occurred_at="2020-02-30T00:00:00Z"), Reason.INVALID_FIELD),
    ("before 1970", view(occurred_at="1969-12-31T23:59:59.999Z"), Reason.TIME_OUT_OF_RANGE),
    (
        "before 1970 by its zone",
        view(occurred_at="1970-01-01T00:59:59+01:00"),
        Reason.TIME_OUT_OF_RANGE,
    ),
    ("a negative time", view(occurred_at=-0.001), Reason.TIME_OUT_OF_RANGE),
    (
        "a day and 1 ms ahead",
        view(occurred_at="2023-11-15T22:13:20.001Z"),
        Reason.TIME_OUT_OF_RANGE,
    ),
    ("milliseconds for seconds", view(occurred_at=RECEIVED_MS), Reason.TIME_OUT_OF_RANGE),
    ("a huge time", view(occurred_at=1e308), Reason.TIME_OUT_OF_RANGE),
    (
        "a choice of two things",
        dump(CHOICE | {"chosen": {"item_id": "a", "text": "t"}}),
        Reason.INVALID_FIELD,
    ),
    ("a choice of nothing", dump(CHOICE | {"rejected": {}}), Reason.INVALID_FIELD),
    ("the same twice", dump(CHOICE | {"rejected": {"item_id": "a"}}), Reason.INVALID_FIELD),
    ("a choice that is a string", dump(CHOICE | {"chosen": "a"}), Reason.WRONG_TYPE),
    ("negative strength", dump(CHOICE | {"strength": -1.5}), Reason.INVALID_FIELD),
    ("nested attributes", event("attributes", attributes={"a": {}}), Reason.WRONG_TYPE),
    (
        "a list for a user's attribute",
        event("attributes", attributes={"a": ["x"]}),
        Reason.WRONG_TYPE,
    ),
    ("a null attribute", event("attributes", attributes={"a": None}), Reason.WRONG_TYPE),
    (
        "consent to something else",
        event("consent", data_type="x", granted=True),
        Reason.INVALID_FIELD,
    ),
    ("consent by 1", event("consent", data_type="documents", granted=1), Reason.WRONG_TYPE),
    ("oneself as alias", event("identity", same_as="u"), Reason.INVALID_FIELD),
    ("over the size limit", view(user_id="u", x="y" * 1_048_576), Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("raw", "reason"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_is_refused_for_its_reason(raw: bytes, reason: Reason) -> None:
    refused = decode(raw, received_ms=RECEIVED_MS)
    assert isinstance(refused, Rejection)
    assert refused.reason is reason, refused


def test_a_rejection_quotes_no_values() -> None:
    personal = "anna@example.org"
    for raw in (
        view(value=personal),
        view(action={"a": personal}),
        view(type=personal),
        view(occurred_at=personal),
        event("consent", data_type=personal, granted=True),
        event("attributes", attributes={personal: None}),
        view(user_id=personal * 100),
    ):
        refused = decode(raw, received_ms=RECEIVED_MS)
        assert isinstance(refused, Rejection)
        assert personal not in refused.detail


@pytest.mark.parametrize(
    "raw",
    [
        view(),
        view(value=4.5, tenant="shop:1", user_id="a:b:c"),
        dump(CHOICE),
        event("document", document_id="d", text="a: b", about=["i:1", "i:2"], title="t:"),
        event("item", item_id="i", text="", attributes={"genres": ["a:b", 1, True]}).replace(
            b'"user_id":"u",', b""
        ),
        view(user_id='quote: " line:\n', item_id="back\\slash"),
        json.dumps(VIEW | {"item_id": "é: \U0001f600"}).encode(),
        view(context={"page:": {"of": [1, "x:"]}}),
    ],
)
def test_typical_records_take_the_fast_lane(raw: bytes) -> None:
    wire: WireEvent = msgspec.json.decode(raw, type=WireEvent)
    assert expected_colons(wire, max_depth=64) == raw.count(b":")
    assert not may_hide_colons(raw)


def test_every_read_value_is_where_it_belongs() -> None:
    assert decode(
        view(value=3, tenant="t", x={"y": 1}), received_ms=RECEIVED_MS
    ) == fast.Interaction("t", "e1", RECEIVED_MS, "u1", "i1", "view", 3.0, None)
    assert decode(dump(CHOICE | {"prompt": "p"}), received_ms=RECEIVED_MS) == fast.Preference(
        "default", "e1", 1000, "u1", fast.Choice(item_id="a"), fast.Choice(text="b"), "p", None
    )


@pytest.mark.parametrize(
    ("occurred_at", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-11-14t22:13:20.5z", RECEIVED_MS + 500),
        ("2023-11-14T23:13:20.123999999999+01:00", RECEIVED_MS + 123),
        ("2023-11-14T22:13:20.999Z", RECEIVED_MS + 999),
        ("2023-11-14T18:43:20-03:30", RECEIVED_MS),
        ("2023-11-15T22:13:20.0009Z", RECEIVED_MS + 86_400_000),
        ("2020-02-29T12:00:00Z", 1_582_977_600_000),
        (1_700_000_000, RECEIVED_MS),
        (1_700_000_000.123, RECEIVED_MS + 123),
        (1.001, 1001),
        (0.0009, 0),
        (-0.0, 0),
    ],
)
def test_times_are_floored_to_milliseconds(occurred_at: Json, ms: int) -> None:
    decoded = decode(view(occurred_at=occurred_at), received_ms=RECEIVED_MS)
    assert isinstance(decoded, fast.Interaction)
    assert decoded.occurred_at_ms == ms


def test_how_far_ahead_is_configurable() -> None:
    raw = view(occurred_at="2023-11-14T22:13:20.001Z")
    assert isinstance(decode(raw, received_ms=RECEIVED_MS), fast.Interaction)
    refused = decode(raw, received_ms=RECEIVED_MS, limits=Limits(ahead_ms=0))
    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.TIME_OUT_OF_RANGE


def test_sixty_four_levels_are_not_too_deep() -> None:
    raw = text(f'"context":{{"x":{"[" * 62}{"]" * 62}}}')
    assert isinstance(decode(raw, received_ms=RECEIVED_MS), fast.Interaction)


def test_ids_of_exactly_512_bytes_are_accepted() -> None:
    for user_id in ("x" * 512, "é" * 256, "\U0001f600" * 128):
        assert isinstance(decode(view(user_id=user_id), received_ms=RECEIVED_MS), fast.Interaction)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", [b'\\"', b'"', b"[]", b"{", b'"\\', b"\\u0061", b'{"a":[],'])
def test_a_megabyte_of_malice_is_refused_in_linear_time(unit: bytes) -> None:
    raw = b'["' + unit * (1_000_000 // len(unit))
    assert isinstance(decode(raw, received_ms=RECEIVED_MS), Rejection)
    assert isinstance(decode(raw[1:], received_ms=RECEIVED_MS), Rejection)


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_event_of_the_real_data_decodes(name: str) -> None:
    if not DATA.is_dir():
        pytest.skip("the data sets are not on this machine")
    kinds: set[str] = set()
    for part in ("items", "events"):
        with gzip.open(DATA / name / f"{part}.jsonl.gz") as lines:
            for line in lines:
                decoded = decode(line, received_ms=2_000_000_000_000)
                assert not isinstance(decoded, Rejection), (decoded, line[:200])
                kinds.add(decoded.type)
    assert {"item"} < kinds


def test_bounds_out_of_range_are_refused() -> None:
    for bad in ({"max_record_bytes": 0}, {"max_id_bytes": 0}, {"ahead_ms": -1}, {"max_depth": 3}):
        with pytest.raises(ValueError, match="must"):
            Limits(**bad)


def test_reasons_keep_their_names() -> None:
    assert json.dumps([*Reason]) == json.dumps(
        [
            "not-utf8",
            "not-json",
            "duplicate-key",
            "too-deep",
            "too-large",
            "number-out-of-range",
            "missing-type",
            "unknown-type",
            "missing-field",
            "wrong-type",
            "invalid-field",
            "invalid-id",
            "time-out-of-range",
            "envelope-conflict",
            "null-key",
            "key-mismatch",
            "wrong-topic",
        ]
    )
