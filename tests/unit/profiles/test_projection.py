"""The vector is a projection of the sets, and says how much stands behind it."""

import numpy as np
import pytest
from histories import DIMENSION, EventDict, catalogue, folded, histories, remembered
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from profiles.catalogue import DimensionMismatch, ItemCatalogue
from profiles.evidence import evidence_of
from profiles.ids import item_key
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.projection import decays, direction, interests, project, project_all
from profiles.state import EMPTY_STATE
from profiles.viewing import strongest

DAY_S = 86_400


def like(at_s: float, item: str, event_id: str, action: str = "like") -> EventDict:
    return {
        "type": "interaction",
        "event_id": event_id,
        "occurred_at": at_s,
        "user_id": "u",
        "item_id": item,
        "action": action,
    }


def neutral(at_s: float, item: str = "i1") -> EventDict:
    return like(at_s, item, f"neutral {at_s}", "rate") | {"value": 3.0}


def test_nobody_has_no_direction_and_no_evidence() -> None:
    found = project(EMPTY_STATE, catalogue(), DEFAULT_POLICY)
    assert not found.vector.any()
    assert (found.mass, found.effective_sample_size) == (0.0, 0.0)
    assert (found.waiting, found.newest_ms) == (False, None)


@given(histories(says=remembered))
def test_a_vector_has_length_one_or_is_zero(events: list[EventDict]) -> None:
    found = project(folded(events, DEFAULT_POLICY), catalogue(), DEFAULT_POLICY)
    length = float(np.linalg.norm(found.vector))
    assert length == pytest.approx(1.0, abs=1e-6) or not found.vector.any()
    assert 0 <= found.effective_sample_size <= 2 * len(events) + 1e-6
    assert (found.mass > 0) == (found.effective_sample_size > 0)


@given(histories(says=remembered))
def test_decay_is_one_for_the_newest_and_falls_with_age(events: list[EventDict]) -> None:
    rows = interests(folded(events, DEFAULT_POLICY))
    factors = decays(rows, DEFAULT_POLICY)
    assert (np.diff(factors) >= 0).all()
    if len(rows):
        assert factors[-1] == 1.0


def test_evidence_about_an_unknown_item_waits_until_it_is_known() -> None:
    state = folded([like(1, "i0", "e1"), like(2, "unseen", "e2")], DEFAULT_POLICY)
    items = catalogue()
    before = project(state, items, DEFAULT_POLICY)
    assert before.waiting
    assert before.vector.tolist() == [1.0, 0.0, 0.0, 0.0]
    items.put(item_key("default", "unseen"), np.array([0, 0, 0, 1], np.float32))
    after = project(state, items, DEFAULT_POLICY)
    assert not after.waiting
    assert after.vector[3] > 0.7
    assert after.mass > before.mass


def test_evidence_that_cancels_out_has_mass_but_no_direction() -> None:
    policy = Policy(half_rank=1e12)
    state = folded([like(1, "i0", "e1"), like(1, "opposite of i0", "e2")], policy)
    found = project(state, catalogue(), policy)
    assert not found.vector.any()
    assert found.mass == pytest.approx(2.0)


def test_neutral_evidence_alone_has_neither() -> None:
    found = project(folded([neutral(1)], DEFAULT_POLICY), catalogue(), DEFAULT_POLICY)
    assert (found.mass, found.effective_sample_size, found.newest_ms) == (0.0, 0.0, 1000)


@pytest.mark.parametrize("years", [40, 50, 60, 80, 100, 1000, 8000])
def test_evidence_ages_to_nothing_without_an_error(years: int) -> None:
    events = [like(0, "i0", "e1"), like(1, "i0", "e2"), neutral(years * 365 * DAY_S)]
    found = project(folded(events, DEFAULT_POLICY), catalogue(), DEFAULT_POLICY)
    assert 0 <= found.mass < 1e-100
    assert found.effective_sample_size == 0 or found.effective_sample_size == pytest.approx(2, 0.1)


def test_a_new_vector_of_an_item_is_a_new_projection_of_the_same_state() -> None:
    state = folded([like(1, "i0", "e1")], DEFAULT_POLICY)
    items = catalogue()
    items.put(item_key("default", "i0"), np.array([0, -2, 0, 0], np.float32))
    assert project(state, items, DEFAULT_POLICY).vector.tolist() == [0.0, -1.0, 0.0, 0.0]


def test_a_catalogue_refuses_vectors_of_another_space() -> None:
    with pytest.raises(DimensionMismatch, match=r"\(3,\)"):
        catalogue().put(1, np.zeros(3, np.float32))


@given(st.lists(histories(says=remembered), max_size=6))
def test_a_user_among_others_is_projected_as_alone(several: list[list[EventDict]]) -> None:
    states = [folded(events, DEFAULT_POLICY) for events in several]
    evidence = evidence_of(states, DEFAULT_POLICY)
    assert evidence.rows.tolist() == [row for state in states for row in interests(state).tolist()]
    factors = [decays(interests(state), DEFAULT_POLICY) for state in states]
    alone = [
        row["weight"] * factor for row, factor in zip(map(interests, states), factors, strict=True)
    ]
    assert evidence.worth.tolist() == np.concatenate([[], *alone]).tolist()
    together = project_all(evidence, catalogue())
    for state, among, most in zip(states, together, strongest(evidence), strict=True):
        found = project(state, catalogue(), DEFAULT_POLICY)
        assert among.vector.tobytes() == found.vector.tobytes()
        assert replace(among, vector=found.vector) == found
        (own,) = strongest(evidence_of([state], DEFAULT_POLICY))
        assert most == own


def test_a_catalogue_grows_and_keeps_what_it_had() -> None:
    items = ItemCatalogue(DIMENSION)
    for item in range(500):
        items.put(item, np.full(DIMENSION, item, np.float32))
    assert len(items) == 500
    for item in (0, 63, 64, 499):
        vector = items.vector(item)
        assert vector is not None
        assert vector.tolist() == [item] * DIMENSION
    rows = items.rows(list(range(500)))
    owner = np.ones(500, np.intp)
    assert items.weighted_sums(np.ones(500), rows, owner, 3).tolist() == [
        [0.0] * DIMENSION,
        [500 * 499 / 2] * DIMENSION,
        [0.0] * DIMENSION,
    ]
    assert items.weighted_sums(np.ones(0), rows[:0], owner[:0], 1).tolist() == [[0.0] * DIMENSION]
    assert items.rows([500]).tolist() == [-1]
    assert items.vector(500) is None
    assert 499 in items


@given(histories(says=remembered))
def test_a_direction_alone_is_that_of_the_projection(events: list[EventDict]) -> None:
    state, items = folded(events, DEFAULT_POLICY), catalogue()
    vectors = {
        key: vector
        for key in {int(key) for key in interests(state)["item"]}
        if (vector := items.vector(key)) is not None
    }
    found = direction(state, vectors, DEFAULT_POLICY)
    whole = project(state, items, DEFAULT_POLICY).vector
    if found is None:
        assert not whole.any()
    else:
        np.testing.assert_allclose(found, whole, atol=1e-6)
