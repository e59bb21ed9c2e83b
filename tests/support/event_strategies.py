"""Hypothesis strategies that draw events, as JSON values and as the bytes of records."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from schemas.json_values import INT64_MAX, INT64_MIN, Json, Scalar

RECEIVED_MS: Final = 1_700_000_000_000
_RECEIVED_S: Final = RECEIVED_MS // 1000

Members = dict[str, Json]

texts: st.SearchStrategy[str] = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
identifiers: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(["u1", "a:b", "[x", "ü:{", '"', "\\", "x" * 512, "€" * 170, "\x00", "é" * 256]),
    texts.filter(bool),
)
integers: st.SearchStrategy[int] = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([INT64_MIN, INT64_MAX, 2**53 + 1]),
    st.integers(INT64_MIN, INT64_MAX),
)
finite: st.SearchStrategy[float] = st.floats(allow_nan=False, allow_infinity=False)
scalars: st.SearchStrategy[Scalar] = st.one_of(texts, integers, finite, st.booleans())
json_values: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), scalars),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
numbers: st.SearchStrategy[float] = st.one_of(integers, finite)


@st.composite
def date_times(draw: st.DrawFn) -> str:
    moment = draw(st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2023, 11, 14)))  # noqa: DTZ001
    decimals = draw(st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,12}", fullmatch=True)))
    zone = draw(st.sampled_from(["Z", "Z", "z", "+00:00", "-00:00", "+23:59", "-11:30"]))
    separator = draw(st.sampled_from(["T", "T", "t"]))
    return moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S") + decimals + zone


instants: st.SearchStrategy[str | float] = st.one_of(
    date_times(),
    date_times(),
    st.integers(0, _RECEIVED_S + 86_400),
    st.floats(0, _RECEIVED_S + 86_400),
)


def _event(
    kind: str,
    required: dict[str, st.SearchStrategy[Json]],
    optional: dict[str, st.SearchStrategy[Json]] | None = None,
) -> st.SearchStrategy[Members]:
    return st.fixed_dictionaries(
        {"event_id": identifiers, "type": st.just(kind), "occurred_at": instants, **required},
        optional={
            "tenant": st.one_of(st.none(), st.just("default"), identifiers),
            "unknown:": json_values,
            **{name: st.none() | strategy for name, strategy in (optional or {}).items()},
        },
    )


_item_choice: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"item_id": identifiers}, optional={"text": st.none(), "note": json_values}
)
_text_choice: st.SearchStrategy[Json] = st.fixed_dictionaries({"text": texts})


def _named(choice: Json) -> tuple[Json, Json]:
    assert isinstance(choice, dict)
    return choice.get("item_id"), choice.get("text")


_choices = st.one_of(_item_choice, _text_choice)
_strengths = st.one_of(st.sampled_from([0, 0.0, 1]), st.floats(0, allow_infinity=False))
_item_attributes: st.SearchStrategy[Json] = st.dictionaries(
    texts, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=3
)

interactions = _event(
    "interaction",
    {"user_id": identifiers, "item_id": identifiers, "action": identifiers},
    {"value": numbers, "context": st.dictionaries(texts, json_values, max_size=3)},
)
events: st.SearchStrategy[Members] = st.one_of(
    interactions,
    _event(
        "preference",
        {"user_id": identifiers, "chosen": _choices, "rejected": _choices},
        {"prompt": texts, "strength": _strengths},
    ).filter(lambda members: _named(members["chosen"]) != _named(members["rejected"])),
    _event(
        "document",
        {"user_id": identifiers, "document_id": identifiers, "text": texts},
        {"title": texts, "kind": texts, "about": st.lists(identifiers, max_size=3)},
    ),
    _event(
        "attributes",
        {"user_id": identifiers, "attributes": st.dictionaries(texts, scalars, max_size=3)},
    ),
    _event(
        "item",
        {"item_id": identifiers, "text": texts},
        {"title": texts, "attributes": _item_attributes},
    ),
    _event(
        "consent",
        {
            "user_id": identifiers,
            "data_type": st.sampled_from(
                ["documents", "attributes", "interactions", "preferences"]
            ),
            "granted": st.booleans(),
        },
    ),
    _event("erasure", {"user_id": identifiers}),
    _event(
        "removal",
        {"user_id": identifiers, "data_type": st.just("attributes"), "attribute": texts},
    ),
    _event(
        "removal",
        {
            "user_id": identifiers,
            "data_type": st.sampled_from(["documents", "interactions", "preferences"]),
            "removed_id": identifiers,
            "removed_at": instants,
        },
    ),
    _event("item_retired", {"item_id": identifiers}),
    _event("identity", {"user_id": identifiers, "same_as": identifiers}).filter(
        lambda members: members["user_id"] != members["same_as"]
    ),
)

# Values that some field of some type must refuse.
strange_values: st.SearchStrategy[Json] = st.one_of(
    json_values,
    st.sampled_from(
        ["", "x" * 513, "€" * 171, 0, -1, -0.0, 2**63 - 1, True, [], {}, [""], "NaN", "1970-01-01"]
    ),
    st.sampled_from(
        [
            "2020-01-01T00:00:60Z",
            "2020-02-30T00:00:00Z",
            "2020-01-01 00:00:00Z",
            "2020-W01-1T00:00:00Z",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00.Z",
            "1969-12-31T23:59:59.999Z",
            "2023-11-15T22:13:20.001Z",
            "2020-01-01T00:00:00+24:00",
            "\uff12020-01-01T00:00:00Z",
            "2020-01-01T00:00:00Z\n",
            {"item_id": "i", "text": "t"},
            {"item_id": None, "text": None},
            {"item_id": ""},
        ]
    ),
)


@st.composite
def mutated_events(draw: st.DrawFn) -> Members:
    """An event with a field dropped, replaced, renamed or added."""
    members = dict(draw(events))
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(members)))
        match draw(st.sampled_from(["drop", "replace", "null", "retype", "steal"])):
            case "drop":
                del members[name]
            case "replace":
                members[name] = draw(strange_values)
            case "null":
                members[name] = None
            case "retype":
                members["type"] = draw(
                    st.sampled_from(["item", "interaction", "view", "", "identity"])
                )
            case _:
                members |= draw(events)
        if not members:
            return members
    return members


def dump(value: Json, *, ascii_only: bool = False) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode()


def _escape_some(raw: bytes, at: int) -> bytes:
    byte = raw[at]
    return raw[:at] + rb"\u00" + f"{byte:02x}".encode() + raw[at + 1 :]


def _repeat_members(raw: bytes, at: int) -> bytes:
    return raw[:-1] + b"," + raw[1 + at % 2 :] if raw.endswith(b"}") else raw + raw


_EDITS: Final[tuple[Callable[[bytes, int], bytes], ...]] = (
    _escape_some,
    _repeat_members,
    lambda raw, at: raw[:at] + b" \t\r\n" + raw[at:],
    lambda raw, at: raw[:at] + raw[at + 1 :],
    lambda raw, at: raw[:at] + bytes([raw[at] ^ 0x80]) + raw[at + 1 :],
    lambda raw, at: raw[:at] + b"9" * 20 + raw[at:],
    lambda raw, at: raw[:at] + b"e400" + raw[at:],
    lambda raw, at: raw[:at] + rb"\ud800" + raw[at:],
    lambda raw, at: raw[:at] + b':"' + raw[at:],
    lambda raw, at: raw.replace(b'"item_id"', b'"user_id"', 1 + at % 2),
    lambda raw, at: raw.replace(b'"user_id"', b'"event_id"', 1 + at % 2),
    lambda raw, at: raw.replace(b"{", b'{"type":"item",', 1 + at % 2),
    lambda raw, at: raw.replace(b"{", b'{"x":' + b"[" * at + b"]" * at + b",", 1),
    lambda raw, _: b"\xef\xbb\xbf" + raw,
    lambda raw, at: raw + raw[:at],
)


@st.composite
def edited_records(draw: st.DrawFn) -> bytes:
    """The bytes of an event with edits that no JSON writer would make."""
    raw = dump(draw(events), ascii_only=draw(st.booleans()))
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(raw) - 1))
        raw = draw(st.sampled_from(_EDITS))(raw, at)
    return raw


records: st.SearchStrategy[bytes] = st.one_of(
    events.map(dump),
    mutated_events().map(dump),
    edited_records(),
    json_values.map(dump),
    st.binary(max_size=40),
)
