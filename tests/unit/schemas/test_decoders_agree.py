"""The stream's decoder and the pydantic models accept the same records with the same values."""

from typing import get_args

from event_strategies import (
    RECEIVED_MS,
    Members,
    dump,
    edited_records,
    events,
    mutated_events,
    records,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from pydantic import BaseModel

from schemas import events as models
from schemas import fast, wire
from schemas.cloudevents import Headers
from schemas.fast import Limits, Rejection, decode
from schemas.topics import TOPIC_OF

TIGHT = Limits(max_record_bytes=160, max_id_bytes=4, max_depth=4, ahead_ms=0)


def _plain(value: object) -> object:
    """Values with their JSON types, so that 1, 1.0 and True differ."""
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return type(value).__name__, value


def _values(event: fast.FastEvent | models.Event) -> dict[str, object]:
    struct = next(cls for cls in get_args(fast.FastEvent) if cls.type == event.type)
    values = {name: _plain(getattr(event, name)) for name in struct.__struct_fields__}
    if isinstance(event, models.Document) and event.about is None:
        values["about"] = []
    return values


def _assert_agreement(
    raw: bytes, *, limits: Limits = fast.DEFAULT_LIMITS, headers: Headers = ()
) -> fast.FastEvent | Rejection:
    decoded = decode(raw, received_ms=RECEIVED_MS, limits=limits, headers=headers)
    validated = models.validate(raw, received_ms=RECEIVED_MS, limits=limits, headers=headers)
    if isinstance(decoded, Rejection) or isinstance(validated, Rejection):
        assert isinstance(decoded, Rejection), (raw, decoded, validated)
        assert isinstance(validated, Rejection), (raw, decoded, validated)
        decoded.detail.encode()
    else:
        assert decoded.type == validated.type
        assert _values(decoded) == _values(validated)
    return decoded


def test_every_event_type_has_a_model_a_struct_a_wire_form_and_a_topic() -> None:
    names = set(TOPIC_OF)
    assert {model.model_fields["type"].default for model in get_args(models.Event)} == names
    assert {struct.type for struct in get_args(fast.FastEvent)} == names
    assert {str(form.__struct_config__.tag) for form in get_args(wire.WireEvent)} == names


@settings(max_examples=500, deadline=None)
@given(events)
def test_every_valid_event_is_accepted_by_both(members: Members) -> None:
    assert not isinstance(_assert_agreement(dump(members)), Rejection)


@settings(max_examples=1000, deadline=None)
@given(mutated_events())
def test_mutated_events_meet_the_same_fate(members: Members) -> None:
    _assert_agreement(dump(members))


@settings(max_examples=1500, deadline=None)
@given(edited_records())
def test_edited_bytes_meet_the_same_fate(raw: bytes) -> None:
    _assert_agreement(raw)


@settings(max_examples=500, deadline=None)
@given(records)
def test_tight_limits_are_kept_by_both(raw: bytes) -> None:
    _assert_agreement(raw, limits=TIGHT)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=60), st.text('{}[]":,\\0aeE+-.tn', max_size=30).map(str.encode))
)
def test_arbitrary_bytes_never_raise(raw: bytes) -> None:
    _assert_agreement(raw)
