"""The fold's promises: order, repetition and batch cuts do not matter; positions guard totals."""

from random import Random

import pytest
from histories import (
    EventDict,
    edge_times_ms,
    folded,
    histories,
    parsed,
    pieces,
    remembered,
    sourced,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from observed import observed_state

from profiles.effects import effects_of
from profiles.fold import Sourced, fold
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.state import EMPTY_STATE, DataType, UserState, encode_state

ROOMY = DEFAULT_POLICY
CRAMPED = Policy(kept=3)


def lasting(state: UserState) -> bytes:
    """All of a state that must not depend on how its events arrived."""
    return encode_state(replace(state, totals={}, positions={}))


def in_batches(deliveries: list[Sourced], cuts: list[int], policy: Policy) -> UserState:
    state = EMPTY_STATE
    for batch in pieces(deliveries, cuts):
        state = fold(state, batch, policy).state
    return state


arrivals = st.lists(st.integers(0, 20), max_size=4)


@given(histories(), st.randoms(use_true_random=False), arrivals, st.sampled_from([ROOMY, CRAMPED]))
def test_order_repetition_and_cuts_do_not_matter(
    events: list[EventDict], random: Random, cuts: list[int], policy: Policy
) -> None:
    shuffled = events + random.choices(events, k=3) if events else []
    random.shuffle(shuffled)
    straight = folded(events, policy)
    other = in_batches(sourced(shuffled, policy), cuts, policy)
    assert lasting(other) == lasting(straight)


@given(histories(), st.randoms(use_true_random=False), arrivals)
def test_totals_do_not_depend_on_arrival_while_all_is_kept(
    events: list[EventDict], random: Random, cuts: list[int]
) -> None:
    shuffled = events + random.choices(events, k=3) if events else []
    random.shuffle(shuffled)
    other = in_batches(sourced(shuffled, ROOMY), cuts, ROOMY)
    assert observed_state(other)["totals"] == observed_state(folded(events, ROOMY))["totals"]


@given(histories(), histories(says=remembered), arrivals)
def test_redelivery_changes_nothing(
    events: list[EventDict], more: list[EventDict], cuts: list[int]
) -> None:
    later = [event | {"event_id": f"later {event['event_id']}"} for event in more]
    deliveries = sourced(events + later, CRAMPED)
    state = in_batches(deliveries, cuts, CRAMPED)
    again = fold(state, deliveries, CRAMPED)
    assert encode_state(again.state) == encode_state(state)
    assert (again.counted, again.repeated, again.redelivered) == (0, 0, len(deliveries))


@given(histories(at_ms=edge_times_ms), st.randoms(use_true_random=False))
def test_the_first_and_the_last_millisecond_fold_like_others(
    events: list[EventDict], random: Random
) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)
    assert lasting(folded(shuffled, CRAMPED)) == lasting(folded(events, CRAMPED))


@given(histories(), histories())
def test_the_state_folded_into_is_not_changed(
    events: list[EventDict], more: list[EventDict]
) -> None:
    state = folded(events, CRAMPED)
    before = encode_state(state)
    folded(more, CRAMPED, state=state, first=100)
    assert encode_state(state) == before


@given(histories(), histories())
def test_one_batch_is_as_good_as_one_event_at_a_time(
    events: list[EventDict], more: list[EventDict]
) -> None:
    deliveries = sourced(events + more, ROOMY)
    one_by_one = in_batches(deliveries, list(range(len(deliveries))), ROOMY)
    assert encode_state(one_by_one) == encode_state(fold(EMPTY_STATE, deliveries, ROOMY).state)


LIKE: EventDict = {
    "type": "interaction",
    "event_id": "e1",
    "occurred_at": 100,
    "user_id": "u",
    "item_id": "i0",
    "action": "like",
}
CHOICE: EventDict = {
    "type": "preference",
    "event_id": "e2",
    "occurred_at": 100,
    "user_id": "u",
    "chosen": {"item_id": "i0"},
    "rejected": {"item_id": "i1"},
}
ERASE: EventDict = {"type": "erasure", "event_id": "e3", "occurred_at": 100, "user_id": "u"}


def test_a_producers_duplicate_at_a_new_offset_is_not_counted() -> None:
    outcome = fold(EMPTY_STATE, sourced([LIKE, LIKE], ROOMY), ROOMY)
    assert (outcome.counted, outcome.repeated, outcome.redelivered) == (1, 1, 0)
    later = fold(outcome.state, sourced([LIKE], ROOMY, first=2), ROOMY)
    assert (later.counted, later.repeated, later.redelivered) == (0, 1, 0)
    assert later.state.totals == {DataType.INTERACTIONS: {"like": 1}}
    assert later.state.positions == {"t": 2}


@pytest.mark.parametrize("cuts", [[], [1]])
def test_choices_that_share_an_id_join_in_any_order(cuts: list[int]) -> None:
    impostor = CHOICE | {"rejected": {"item_id": "i2"}}
    one = in_batches(sourced([CHOICE, impostor], ROOMY), cuts, ROOMY)
    other = in_batches(sourced([impostor, CHOICE], ROOMY), cuts, ROOMY)
    assert lasting(one) == lasting(other)
    assert len(one.entries(DataType.PREFERENCES)) == 3


def test_positions_are_per_topic() -> None:
    effects = effects_of(parsed(LIKE), ROOMY)
    other = effects_of(parsed(CHOICE), ROOMY)
    outcome = fold(EMPTY_STATE, [Sourced("a", 7, effects), Sourced("b", 3, other)], ROOMY)
    assert outcome.counted == 2
    assert outcome.state.positions == {"a": 7, "b": 3}


def test_a_choice_counts_once_for_its_two_entries() -> None:
    state = folded([CHOICE], ROOMY)
    assert len(state.entries(DataType.PREFERENCES)) == 2
    assert state.totals == {DataType.PREFERENCES: {"choose": 1}}


@pytest.mark.parametrize("order", [[LIKE, CHOICE, ERASE], [ERASE, LIKE, CHOICE]])
def test_erasure_takes_all_up_to_its_time(order: list[EventDict]) -> None:
    state = folded(order, ROOMY)
    assert (state.sets, state.totals, state.is_vacant) == ({}, {}, True)


@pytest.mark.parametrize("erase_first", [True, False])
def test_what_is_later_than_an_erasure_keeps_its_name_in_the_totals(*, erase_first: bool) -> None:
    later = [
        LIKE | {"occurred_at": 101, "action": "wave"},
        CHOICE | {"occurred_at": 101},
        {
            "type": "document",
            "event_id": "e4",
            "occurred_at": 101,
            "user_id": "u",
            "document_id": "d",
            "text": "…",
            "kind": "review",
        },
    ]
    state = folded([ERASE, *later] if erase_first else [*later, ERASE], ROOMY)
    assert {kind.value: dict(counts) for kind, counts in state.totals.items()} == {
        "interactions": {"wave": 1},
        "preferences": {"choose": 1},
        "documents": {"review": 1},
    }
    assert not state.is_vacant


def test_consents_up_to_an_erasure_are_forgotten_whenever_they_arrive() -> None:
    granted = ERASE | {
        "type": "consent",
        "event_id": "e5",
        "occurred_at": 99,
        "data_type": "documents",
        "granted": True,
    }
    late = granted | {"event_id": "e6", "occurred_at": 101}
    assert folded([granted, ERASE], ROOMY) == folded([ERASE, granted], ROOMY)
    assert folded([granted, ERASE], ROOMY).is_vacant
    assert folded([ERASE, granted, late], ROOMY).consents[DataType.DOCUMENTS].value is True


def test_consent_given_again_brings_nothing_back() -> None:
    withdrawn = ERASE | {"type": "consent", "data_type": "interactions", "granted": False}
    granted = withdrawn | {"event_id": "e5", "occurred_at": 200, "granted": True}
    state = folded([LIKE, withdrawn, granted, LIKE], ROOMY)
    assert DataType.INTERACTIONS not in state.sets
    assert state.consents[DataType.INTERACTIONS].value is True


def test_the_version_and_the_persona_are_the_callers() -> None:
    held = replace(EMPTY_STATE, version=4, persona="p1")
    state = folded([LIKE], ROOMY, state=held)
    assert (state.version, state.persona) == (4, "p1")
