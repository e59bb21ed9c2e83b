"""The client accepts exactly the events that the stream accepts, with the same meaning."""

from typing import Any, get_args

import msgspec
import pytest
from event_strategies import RECEIVED_MS, Members, dump, events, mutated_events
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import decoded
from schemas.events import Event as Model
from schemas.fast import Rejection, decode
from schemas.keys import event_key
from schemas.rejection import Reason
from schemas.topics import TOPIC_OF
from strata_client import Choice, Event, Interaction, Preference
from strata_client.events import NotAnEvent, checked, record_of

MINIMAL: dict[str, Members] = {
    "interaction": {"user_id": "u", "item_id": "i", "action": "a"},
    "preference": {"user_id": "u", "chosen": {"item_id": "i"}, "rejected": {"text": "t"}},
    "document": {"user_id": "u", "document_id": "d", "text": "t"},
    "attributes": {"user_id": "u", "attributes": {"k": 1}},
    "item": {"item_id": "i", "text": "t"},
    "consent": {"user_id": "u", "data_type": "documents", "granted": True},
    "erasure": {"user_id": "u"},
    "item_retired": {"item_id": "i"},
    "identity": {"user_id": "u", "same_as": "v"},
    "removal": {"user_id": "u", "data_type": "attributes", "attribute": "k"},
}


def verdict_of(members: Members) -> decoded.FastEvent | Rejection:
    return decode(dump(members), received_ms=RECEIVED_MS)


def refusal_of(members: Members) -> NotAnEvent | None:
    try:
        checked(members, now_ms=RECEIVED_MS)
    except NotAnEvent as refused:
        return refused
    return None


@settings(max_examples=1_500, deadline=None)
@given(st.one_of(events, mutated_events()))
@example({"event_id": "e", "type": "erasure", "occurred_at": True, "user_id": "u"})
@example({"event_id": "e", "type": ["erasure"], "occurred_at": 1, "user_id": "u"})
@example({"event_id": "e", "type": None, "occurred_at": 1, "user_id": "u"})
@example({"event_id": None, "type": "erasure", "occurred_at": 1, "user_id": "u"})
def test_the_client_accepts_what_the_stream_accepts(members: Members) -> None:
    verdict, refused = verdict_of(members), refusal_of(members)
    assert isinstance(verdict, Rejection) == (refused is not None), (verdict, refused)


@settings(max_examples=300, deadline=None)
@given(events)
def test_what_the_client_sends_is_the_same_event(members: Members) -> None:
    verdict = verdict_of(members)
    assert not isinstance(verdict, Rejection)
    record = record_of(members, tenant=verdict.tenant, now_ms=RECEIVED_MS)
    assert decode(record.value, received_ms=RECEIVED_MS) == verdict
    assert record.key == event_key(verdict)
    assert record.topic == TOPIC_OF[verdict.type]


@settings(max_examples=300, deadline=None)
@given(mutated_events())
def test_reasons_are_words_that_the_stream_knows(members: Members) -> None:
    refused = refusal_of(members)
    assert refused is None or refused.code in set(Reason)


@pytest.mark.parametrize("kind", MINIMAL)
def test_an_object_says_what_its_members_say(kind: str) -> None:
    common = {"event_id": "e", "occurred_at": "2020-01-01T00:00:00Z"}
    (struct,) = [one for one in get_args(Event) if one.__struct_config__.tag == kind]
    built = struct(**common, **_with_choices(MINIMAL[kind]))
    record = record_of(built, tenant="shop", now_ms=RECEIVED_MS)
    members = {"type": kind, "tenant": "shop", **common, **MINIMAL[kind]}
    assert decode(record.value, received_ms=RECEIVED_MS) == verdict_of(members)


def _with_choices(members: Members) -> dict[str, Any]:
    return {
        name: msgspec.convert(one, Choice) if name in {"chosen", "rejected"} else one
        for name, one in members.items()
    }


def test_every_event_type_and_field_of_the_stream_is_known() -> None:
    ours = {str(kind.__struct_config__.tag): kind for kind in get_args(Event)}
    theirs = {str(model.model_fields["type"].default): model for model in get_args(Model)}
    assert ours.keys() == theirs.keys() == TOPIC_OF.keys() == MINIMAL.keys()
    for kind, model in theirs.items():
        fields = {field.name: field.required for field in msgspec.structs.fields(ours[kind])}
        assert fields.keys() | {"type"} == model.model_fields.keys()
        for name, field in model.model_fields.items():
            # What an object may leave out, the client fills in.
            if name not in {"type", "event_id", "occurred_at"}:
                assert fields[name] == field.is_required(), (kind, name)


def test_an_object_gets_an_id_and_a_time_of_its_own() -> None:
    one, other = (Interaction(user_id="u", item_id="i", action="a") for _ in range(2))
    assert one.event_id != other.event_id
    now_ms = decode(record_of(one, tenant="default", now_ms=2**42).value, received_ms=2**42)
    assert not isinstance(now_ms, Rejection)
    assert now_ms.occurred_at_ms > RECEIVED_MS


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Interaction(user_id="u", item_id="i", action="a", value=float("nan")), "not-json"),
        (Interaction(user_id="u", item_id="i", action="a", context={"a": b"x"}), None),
        (Interaction(user_id=1, item_id="i", action="a"), "wrong-type"),  # type: ignore[arg-type]
        (Interaction(user_id="u", item_id="i", action="a", context={"a": object()}), "wrong-type"),
        (Interaction(user_id="u" * 513, item_id="i", action="a"), "invalid-id"),
        (Interaction(user_id="u", item_id="i", action="a", occurred_at="now"), "invalid-field"),
        (Interaction(user_id="u", item_id="i", action="a", occurred_at=1e11), "time-out-of-range"),
        (Interaction(user_id="\ud800", item_id="i", action="a"), "not-json"),
        (Preference(user_id="u", chosen=Choice(), rejected=Choice(text="t")), "invalid-field"),
    ],
)
def test_objects_are_checked_as_mappings_are(event: Event, code: str | None) -> None:
    if code is None:
        # Bytes become base64 text, as msgspec writes them.
        checked(event, now_ms=RECEIVED_MS * 2)
        return
    with pytest.raises(NotAnEvent) as refused:
        checked(event, now_ms=RECEIVED_MS * 2)
    assert refused.value.code == code


def test_another_tenants_event_is_refused() -> None:
    event = Interaction(user_id="u", item_id="i", action="a", tenant="other")
    with pytest.raises(NotAnEvent, match="tenant"):
        record_of(event, tenant="shop", now_ms=2**42)
    assert record_of(event, tenant="other", now_ms=2**42).key == b'["other","u"]'


def test_a_record_too_large_for_the_stream_is_refused() -> None:
    event = Interaction(user_id="u", item_id="i", action="a", context={"t": "x" * 2**20})
    with pytest.raises(NotAnEvent) as refused:
        record_of(event, tenant="default", now_ms=2**42)
    assert refused.value.code == "too-large"
