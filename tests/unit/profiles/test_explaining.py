"""An explanation is the projection itself, taken apart."""

from dataclasses import replace

import numpy as np
import pytest
from histories import DIMENSION, EventDict, catalogue, folded, histories, remembered
from hypothesis import given
from hypothesis import strategies as st

from profiles.catalogue import ItemCatalogue
from profiles.explaining import explain
from profiles.ids import item_key
from profiles.policy import DEFAULT_POLICY
from profiles.projection import project
from profiles.state import EMPTY_STATE, DataType

DAY_S = 86_400.0
KNOWN = tuple(item_key("default", f"i{number}") for number in range(5))


def acted(at_s: float, item: str, action: str = "like") -> EventDict:
    return {
        "type": "interaction",
        "event_id": f"{item} {at_s}",
        "occurred_at": at_s,
        "user_id": "u",
        "item_id": item,
        "action": action,
    }


@given(histories(says=remembered), st.floats(0.1, 3_650.0), st.floats(0.5, 1_000.0))
def test_the_parts_of_events_add_up_to_how_near_the_user_is(
    events: list[EventDict], half_life_d: float, half_rank: float
) -> None:
    policy = replace(DEFAULT_POLICY, half_life_s=half_life_d * DAY_S, half_rank=half_rank)
    state, items = folded(events, policy), catalogue()
    found = explain(state, items, policy, KNOWN)
    direction = project(state, items, policy).vector.astype(np.float64)
    vectors = [items.vector(key) for key in KNOWN]
    expected = [0.0 if vector is None else float(direction @ vector) for vector in vectors]
    assert found.nearness == pytest.approx(expected, abs=1e-4)
    assert found.parts.sum(axis=0) == pytest.approx(found.nearness, abs=1e-9)
    counted = [abs(one.worth) for one in found.evidence if one.counts]
    assert sum(counted) == pytest.approx(found.projection.mass, rel=1e-9, abs=1e-12)


def test_nobody_is_explained_by_nothing() -> None:
    found = explain(EMPTY_STATE, catalogue(), DEFAULT_POLICY, KNOWN)
    assert found.evidence == ()
    assert found.parts.shape == (0, len(KNOWN))
    assert not found.nearness.any()


def test_evidence_is_newest_first_and_says_what_is_left_of_it() -> None:
    state = folded([acted(0, "i0"), acted(30 * DAY_S, "i1", "dislike")], DEFAULT_POLICY)
    policy = replace(DEFAULT_POLICY, half_life_s=30 * DAY_S, half_rank=1e9)
    newest, oldest = explain(state, catalogue(), policy).evidence
    assert (newest.item, newest.decay, newest.worth) == (item_key("default", "i1"), 1.0, -1.0)
    assert oldest.worth == pytest.approx(0.5)


def test_a_longer_half_life_gives_the_old_likes_their_say_again() -> None:
    space = ItemCatalogue(2)
    old, new = item_key("default", "old"), item_key("default", "new")
    space.put(old, np.array([1.0, 0.0], np.float32))
    space.put(new, np.array([0.0, 1.0], np.float32))
    state = folded(
        [acted(0, "old"), acted(60, "old", "save"), acted(900 * DAY_S, "new")], DEFAULT_POLICY
    )
    short = explain(state, space, replace(DEFAULT_POLICY, half_life_s=DAY_S), (old, new))
    long = explain(
        state, space, replace(DEFAULT_POLICY, half_life_s=1e6 * DAY_S, half_rank=1e9), (old, new)
    )
    assert short.nearness[0] < 0.01 < short.nearness[1]
    assert long.nearness[0] > long.nearness[1] > 0


def test_what_waits_for_its_item_is_shown_and_moves_nobody() -> None:
    state = folded([acted(0, "i0"), acted(1, "never described")], DEFAULT_POLICY)
    found = explain(state, catalogue(), DEFAULT_POLICY, KNOWN)
    assert [one.counts for one in found.evidence] == [False, True]
    assert not found.parts[0].any()
    assert found.parts[1].any()


def test_choices_are_told_from_other_acts() -> None:
    state = folded(
        [
            acted(0, "i0"),
            {
                "type": "preference",
                "event_id": "choice",
                "occurred_at": 5,
                "user_id": "u",
                "chosen": {"item_id": "i1"},
                "rejected": {"text": "something else"},
            },
        ],
        DEFAULT_POLICY,
    )
    found = explain(state, catalogue(), DEFAULT_POLICY)
    assert [one.data_type for one in found.evidence] == [
        DataType.PREFERENCES,
        DataType.PREFERENCES,
        DataType.INTERACTIONS,
    ]
    assert {one.item for one in found.evidence if not one.counts} == {None}
    assert found.projection.vector.shape[0] == DIMENSION
