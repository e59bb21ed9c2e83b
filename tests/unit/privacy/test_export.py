"""An export says all that is kept, as events that fold into the same again."""

import json
from collections.abc import Sequence

import pytest
from histories import ITEMS, EventDict, folded, histories, parsed
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from profiles.documents.passages import Passage, document_passages
from profiles.effects import UserEvent, effects_of
from profiles.fold import Sourced, fold
from profiles.ids import event_hash, exported_event, item_key, key_of_exported_text, user_key
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.privacy.exporting import exported_events, exported_items
from profiles.state import EMPTY_STATE, DataType, UserState, encode_state
from schemas import decoded
from schemas.fast import decode

NAMES = {item_key("default", name): name for name in ITEMS}
CRAMPED = Policy(kept=3)
USER = user_key("default", "u")


def kept_passages(happened: Sequence[UserEvent]) -> list[Passage]:
    """Of the latest version of each document, as the store keeps them."""
    latest: dict[str, tuple[Passage, ...]] = {}
    for event in happened:
        if isinstance(event, decoded.Document):
            passages, _ = document_passages(event, USER)
            held = latest.get(event.document_id)
            if held is None or held[0].version <= passages[0].version:
                latest[event.document_id] = passages
    return [passage for passages in latest.values() for passage in passages]


def exported(state: UserState, happened: Sequence[UserEvent], policy: Policy) -> list[bytes]:
    found = exported_events(
        "default", "u", state, items=NAMES, passages=kept_passages(happened), policy=policy
    )
    return [event.model_dump_json(exclude_none=True).encode() for event in found]


def read_back(lines: Sequence[bytes], policy: Policy) -> tuple[UserState, list[UserEvent]]:
    events: list[UserEvent] = []
    for line in lines:
        event = decode(line, received_ms=1 << 48)
        assert isinstance(
            event,
            decoded.Interaction
            | decoded.Preference
            | decoded.Document
            | decoded.Attributes
            | decoded.Consent
            | decoded.Removal,
        ), event
        events.append(event)
    batch = [Sourced("t", n, effects_of(event, policy)) for n, event in enumerate(events)]
    return fold(EMPTY_STATE, batch, policy).state, events


def kept(state: UserState) -> bytes:
    """What an export gives back: everything but counts of what is not kept, and controls."""
    sets = {kind: rows.copy() for kind, rows in state.sets.items()}
    sets.pop(DataType.CONTROLS, None)
    for rows in sets.values():
        # A value too small for the entry's 32 bits leaves its sign behind.
        rows["weight"] += 0.0
    return encode_state(
        replace(state, sets=sets, totals={}, positions={}, forget_before={}, persona=None)
    )


@given(histories(), st.sampled_from([DEFAULT_POLICY, CRAMPED]))
def test_an_export_folds_into_what_it_was_made_from(
    events: list[EventDict], policy: Policy
) -> None:
    events = [event for event in events if event["type"] != "erasure"]
    happened = [parsed(event) for event in events]
    state = folded(events, policy)
    again, _ = read_back(exported(state, happened, policy), policy)
    assert kept(again) == kept(state)


@given(histories())
def test_reading_an_export_back_into_the_same_state_changes_no_set(
    events: list[EventDict],
) -> None:
    events = [event for event in events if event["type"] != "erasure"]
    happened = [parsed(event) for event in events]
    state = folded(events, DEFAULT_POLICY)
    _, again = read_back(exported(state, happened, DEFAULT_POLICY), DEFAULT_POLICY)
    batch = [Sourced("t", 100 + n, effects_of(e, DEFAULT_POLICY)) for n, e in enumerate(again)]
    joined = fold(state, batch, DEFAULT_POLICY).state
    assert kept(joined) == kept(state)


def test_an_export_names_items_actions_values_and_texts() -> None:
    long = "One sentence about the sea.\n\n" * 60
    happened: list[UserEvent] = [
        decoded.Interaction("default", "a", 1_000, "u", "i0", "rate", 4.5, None),
        decoded.Interaction("default", "b", 2_000, "u", "i1", "view", None, None),
        decoded.Document("default", "c", 3_000, "u", "d", long, "Sea", "note", ("i0",)),
        decoded.Consent("default", "d", 4_000, "u", "preferences", granted=False),
    ]
    state = fold(
        EMPTY_STATE,
        [Sourced("t", n, effects_of(e, DEFAULT_POLICY)) for n, e in enumerate(happened)],
        DEFAULT_POLICY,
    ).state
    rated, viewed, wrote, withdrew = map(json.loads, exported(state, happened, DEFAULT_POLICY))
    assert (rated["item_id"], rated["action"], rated["value"]) == ("i0", "rate", 4.5)
    assert (viewed["item_id"], viewed.get("value")) == ("i1", None)
    assert wrote["text"].split() == long.split()
    assert (wrote["title"], wrote["kind"], wrote["about"]) == ("Sea", "note", ["i0"])
    assert (withdrew["data_type"], withdrew["granted"]) == ("preferences", False)


def test_all_items_that_an_export_names_are_asked_for() -> None:
    events: list[EventDict] = [
        {
            "event_id": "1",
            "type": "interaction",
            "occurred_at": 1,
            "user_id": "u",
            "item_id": "i0",
            "action": "view",
        },
        {
            "event_id": "2",
            "type": "preference",
            "occurred_at": 2,
            "user_id": "u",
            "chosen": {"item_id": "i1"},
            "rejected": {"text": "i2"},
        },
    ]
    state = folded(events, DEFAULT_POLICY)
    assert exported_items(state) == {item_key("default", "i0"), item_key("default", "i1")}


@pytest.mark.parametrize("name", ["exported:", "exported:12", "exported:0A0b0c0d", "e"])
def test_only_an_exported_name_stands_for_a_hash(name: str) -> None:
    assert key_of_exported_text(name) is None
    assert event_hash(name) != 0x0A0B0C0D
    assert exported_event(0x0A0B0C0D) == "exported:0a0b0c0d"
