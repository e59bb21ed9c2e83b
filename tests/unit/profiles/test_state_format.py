"""Stored states read back as they were, and nothing else reads at all."""

import msgspec
import pytest
from histories import EventDict, edge_times_ms, folded, histories
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from observed import observed_state

from profiles.policy import DEFAULT_POLICY
from profiles.state import (
    EMPTY_STATE,
    DataType,
    StateFormatError,
    decode_state,
    encode_state,
)

LIKE: EventDict = {
    "type": "interaction",
    "event_id": "e1",
    "occurred_at": 100,
    "user_id": "u",
    "item_id": "i0",
    "action": "like",
}
MANY = [
    LIKE | {"event_id": f"e{number}", "occurred_at": 100 + number, "item_id": f"i{number}"}
    for number in range(40)
]


@given(
    st.one_of(histories(), histories(least=40, most=60)),
    st.integers(0, 2**40),
    st.one_of(st.none(), st.just("p1")),
)
def test_a_state_reads_back_as_it_was(
    events: list[EventDict], version: int, persona: str | None
) -> None:
    state = replace(folded(events, DEFAULT_POLICY), version=version, persona=persona)
    encoded = encode_state(state)
    back = decode_state(encoded)
    assert observed_state(back) == observed_state(state)
    assert (back.version, back.persona, back.positions) == (version, persona, state.positions)
    assert encode_state(back) == encoded


@given(histories(at_ms=edge_times_ms), histories())
def test_a_state_that_was_stored_folds_as_one_that_was_not(
    events: list[EventDict], more: list[EventDict]
) -> None:
    state = folded(events, DEFAULT_POLICY)
    stored = decode_state(encode_state(state))
    kept = folded(more, DEFAULT_POLICY, state=state, first=100)
    assert encode_state(folded(more, DEFAULT_POLICY, state=stored, first=100)) == encode_state(kept)


def test_equal_states_have_equal_bytes_whatever_order_their_parts_were_written_in() -> None:
    one = replace(EMPTY_STATE, positions={"a": 1, "b": 2}, totals={DataType.CONTROLS: {"x": 1}})
    other = replace(EMPTY_STATE, positions={"b": 2, "a": 1}, totals={DataType.CONTROLS: {"x": 1}})
    assert encode_state(one) == encode_state(other)


def test_no_bytes_are_the_empty_state() -> None:
    assert decode_state(b"") is EMPTY_STATE
    assert observed_state(decode_state(encode_state(EMPTY_STATE))) == observed_state(EMPTY_STATE)


@given(st.binary(min_size=1, max_size=60))
def test_garbage_is_no_state(garbage: bytes) -> None:
    with pytest.raises(StateFormatError):
        decode_state(garbage)


@given(st.data())
def test_a_damaged_state_reads_as_a_state_or_is_refused(data: st.DataObject) -> None:
    events = [LIKE] if data.draw(st.booleans()) else MANY
    encoded = bytearray(encode_state(folded(events, DEFAULT_POLICY)))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        state = decode_state(bytes(encoded))
    except StateFormatError:
        return
    assert decode_state(encode_state(state)).positions == state.positions


@given(st.data())
def test_a_state_cut_short_is_refused(data: st.DataObject) -> None:
    encoded = encode_state(folded([LIKE], DEFAULT_POLICY))
    with pytest.raises(StateFormatError):
        decode_state(encoded[: data.draw(st.integers(1, len(encoded) - 1))])


def test_entries_of_the_wrong_length_are_no_state() -> None:
    raw = msgspec.msgpack.decode(encode_state(folded([LIKE], DEFAULT_POLICY)))
    raw[3]["interactions"] += b"x"
    with pytest.raises(StateFormatError):
        decode_state(msgspec.msgpack.encode(raw))


@given(st.one_of(histories(), histories(least=40, most=60)), st.integers(1, 2**40))
def test_a_state_of_the_format_before_is_still_read(events: list[EventDict], version: int) -> None:
    state = replace(folded(events, DEFAULT_POLICY), version=version)
    raw = msgspec.msgpack.decode(encode_state(state))
    raw[0] = 1
    raw[3] = {kind.value: rows.tobytes() for kind, rows in state.sets.items() if len(rows)}
    assert encode_state(decode_state(msgspec.msgpack.encode(raw))) == encode_state(state)


def test_a_newer_format_is_refused_by_its_number() -> None:
    raw = msgspec.msgpack.decode(encode_state(folded([LIKE], DEFAULT_POLICY)))
    raw[0], raw[3]["interactions"] = 3, b"of another kind"
    with pytest.raises(StateFormatError, match="format 3"):
        decode_state(msgspec.msgpack.encode(raw))
    with pytest.raises(StateFormatError, match="not a user state of format 2"):
        decode_state(msgspec.msgpack.encode([2, "of another shape"]))
