"""CloudEvents in binary and structured mode are the same events."""

from typing import Final

import pytest
from event_strategies import RECEIVED_MS, dump, json_values
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as models
from schemas import fast
from schemas.cloudevents import Headers
from schemas.fast import Reason, Rejection, decode
from schemas.json_values import Json

DATA: Final[dict[str, Json]] = {"user_id": "u", "item_id": "i", "action": "view"}
PLAIN: Final = dump(
    DATA | {"event_id": "e", "type": "interaction", "occurred_at": "2020-01-01T00:00:00Z"}
)
ENVELOPE: Final[dict[str, Json]] = {
    "specversion": "1.0",
    "type": "strata.interaction.v1",
    "source": "/shop",
    "id": "e",
    "time": "2020-01-01T01:00:00+01:00",
    "data": DATA,
}
BINARY: Final[list[tuple[str, bytes]]] = [
    ("ce_specversion", b"1.0"),
    ("ce_type", b"strata.interaction.v1"),
    ("ce_source", b"/shop"),
    ("ce_id", b"e"),
    ("ce_time", b"2020-01-01T00:00:00.000Z"),
    ("content-type", b"application/json; charset=utf-8"),
    ("traceparent", b"\xff\x00"),
]
STRUCTURED: Final[list[tuple[str, bytes]]] = [
    ("content-type", b"application/cloudevents+json; charset=UTF-8")
]


def replaced(name: str, value: bytes | None) -> Headers:
    return [(key, value if key == name else old) for key, old in BINARY]


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (dump(DATA), BINARY),
        (dump(DATA | {"event_id": "e", "type": "interaction", "occurred_at": 1577836800}), BINARY),
        (PLAIN, [("ce_specversion", b"1.0")]),
        (dump(ENVELOPE), STRUCTURED),
        (dump(ENVELOPE), []),
        (dump(ENVELOPE | {"datacontenttype": "application/json", "x": 1}), []),
        (PLAIN, [("traceparent", b"00-1"), ("content-type", b"application/json")]),
        (PLAIN, [("content-type", None)]),
    ],
)
def test_an_enveloped_event_is_the_plain_event(raw: bytes, headers: Headers) -> None:
    plain = decode(PLAIN, received_ms=RECEIVED_MS)
    assert isinstance(plain, fast.Interaction)
    assert decode(raw, received_ms=RECEIVED_MS, headers=headers) == plain


@pytest.mark.parametrize(
    ("raw", "headers", "reason"),
    [
        (dump(DATA | {"event_id": "f"}), BINARY, Reason.ENVELOPE_CONFLICT),
        (dump(DATA | {"type": "item"}), BINARY, Reason.ENVELOPE_CONFLICT),
        (dump(DATA | {"occurred_at": 5}), BINARY, Reason.ENVELOPE_CONFLICT),
        (dump(DATA | {"occurred_at": True}), BINARY, Reason.ENVELOPE_CONFLICT),
        (dump(ENVELOPE | {"data": DATA | {"event_id": "f"}}), [], Reason.ENVELOPE_CONFLICT),
        (dump(DATA), replaced("ce_specversion", b"0.3"), Reason.INVALID_FIELD),
        (dump(DATA), replaced("ce_type", b"interaction"), Reason.UNKNOWN_TYPE),
        (dump(DATA), replaced("ce_type", b"strata.view.v1"), Reason.UNKNOWN_TYPE),
        (dump(DATA), replaced("ce_type", b"strata.interaction.v2"), Reason.UNKNOWN_TYPE),
        (dump(DATA), replaced("ce_type", None), Reason.MISSING_TYPE),
        (dump(DATA), replaced("ce_id", b"\xff"), Reason.NOT_UTF8),
        (dump(DATA), replaced("ce_id", b""), Reason.INVALID_ID),
        (dump(DATA), replaced("ce_id", None), Reason.MISSING_FIELD),
        (dump(DATA), replaced("ce_time", b"now"), Reason.INVALID_FIELD),
        (dump(DATA), replaced("content-type", b"application/avro"), Reason.INVALID_FIELD),
        (dump(DATA), [*BINARY, ("ce_id", b"e")], Reason.DUPLICATE_KEY),
        (b"[]", BINARY, Reason.WRONG_TYPE),
        (PLAIN, STRUCTURED, Reason.MISSING_FIELD),
        (PLAIN, [("content-type", b"application/cloudevents+avro")], Reason.INVALID_FIELD),
        (PLAIN, [("Content-Type", b"application/cloudevents-batch+json")], Reason.INVALID_FIELD),
        (dump(ENVELOPE | {"data": "x"}), [], Reason.WRONG_TYPE),
        (dump(ENVELOPE | {"data": None}), [], Reason.MISSING_FIELD),
        (dump(ENVELOPE | {"specversion": "1.1"}), [], Reason.INVALID_FIELD),
        (dump(ENVELOPE | {"id": 7}), [], Reason.WRONG_TYPE),
        (dump(ENVELOPE | {"datacontenttype": "text/plain"}), [], Reason.INVALID_FIELD),
    ],
)
def test_a_bad_envelope_is_refused_for_its_reason(
    raw: bytes, headers: Headers, reason: Reason
) -> None:
    refused = decode(raw, received_ms=RECEIVED_MS, headers=headers)
    assert isinstance(refused, Rejection)
    assert refused.reason is reason, refused


header_values = st.one_of(
    st.none(), st.binary(max_size=8), st.sampled_from([value for _, value in BINARY + STRUCTURED])
)
headers_drawn = st.lists(
    st.tuples(st.sampled_from([name for name, _ in BINARY] + ["Content-Type", "x"]), header_values),
    max_size=8,
)
bodies = st.one_of(
    st.sampled_from([PLAIN, dump(DATA), dump(ENVELOPE)]),
    st.dictionaries(st.sampled_from(sorted(ENVELOPE)), json_values).map(
        lambda changes: dump(ENVELOPE | changes)
    ),
)


@settings(max_examples=500, deadline=None)
@given(bodies, headers_drawn)
def test_both_decoders_agree_on_any_headers(raw: bytes, headers: Headers) -> None:
    decoded = decode(raw, received_ms=RECEIVED_MS, headers=headers)
    validated = models.validate(raw, received_ms=RECEIVED_MS, headers=headers)
    if isinstance(decoded, Rejection) or isinstance(validated, Rejection):
        assert isinstance(decoded, Rejection)
        assert isinstance(validated, Rejection)
    else:
        assert (decoded.type, decoded.event_id) == (validated.type, validated.event_id)
        assert decoded.occurred_at_ms == validated.occurred_at_ms
