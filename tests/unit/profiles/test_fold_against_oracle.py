"""Fold, projection and contributions against the oracle on random small histories."""

from dataclasses import replace as with_settings

import numpy as np
import pytest
from histories import (
    DIMENSION,
    ITEMS,
    VECTORS,
    EventDict,
    catalogue,
    edge_times_ms,
    folded,
    histories,
    remembered,
    seen,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from observed import observed_population, observed_state, sum_of
from oracle import (
    OracleUser,
    Settings,
    compare,
    first_ten,
    hash_of_action,
    hash_of_event,
    hash_of_item,
    hash_of_user,
    population,
    tell,
)

from profiles.contributions import contribution, unpacked
from profiles.ids import action_code, event_hash, item_key, user_key
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.projection import project
from profiles.state import UserState

CRAMPED = Policy(kept=4, half_rank=2.5, half_life_s=3_600.0, co_occurrence_window=2)
CRAMPED_SETTINGS = Settings(kept=4, half_rank=2.5, half_life_s=3_600.0, co_occurrence_window=2)
policies = st.sampled_from([(DEFAULT_POLICY, Settings()), (CRAMPED, CRAMPED_SETTINGS)])


def told(events: list[EventDict], settings: Settings) -> OracleUser:
    everyone = tell(events, VECTORS, dimension=DIMENSION, settings=settings)
    return everyone["default", "u"]


def expected_state(user: OracleUser) -> dict[str, object]:
    return {
        "sets": user.sets,
        "forget_before": user.forget_before,
        "totals": user.totals,
        "attributes": user.attributes,
        "consents": user.consents,
    }


def assert_equal_state(user: OracleUser, state: UserState) -> None:
    said = first_ten(compare(expected_state(user), observed_state(state)))
    assert not said, said


@given(histories().filter(bool))
def test_states_equal_the_oracles(events: list[EventDict]) -> None:
    assert_equal_state(told(events, Settings()), folded(events, DEFAULT_POLICY))


@given(histories(says=remembered).filter(bool))
def test_states_that_dropped_entries_equal_the_oracles(events: list[EventDict]) -> None:
    assert_equal_state(told(events, CRAMPED_SETTINGS), folded(events, CRAMPED))


@given(histories(at_ms=edge_times_ms).filter(bool))
def test_states_at_the_ends_of_time_equal_the_oracles(events: list[EventDict]) -> None:
    assert_equal_state(told(events, Settings()), folded(events, DEFAULT_POLICY))


def assert_equal_projection(user: OracleUser, state: UserState, policy: Policy) -> None:
    found = project(state, catalogue(), policy)
    assert np.linalg.norm(found.vector - np.array(user.vector)) < 1e-5
    assert found.mass == pytest.approx(user.mass, rel=1e-9)
    assert found.effective_sample_size == pytest.approx(user.effective_sample_size, rel=1e-9)
    assert found.waiting == user.waiting
    newest_ms = user.evidence[-1].time_ms if user.evidence else None
    assert found.newest_ms == newest_ms


@given(histories().filter(bool), policies)
def test_projections_equal_the_oracles(
    events: list[EventDict], numbers: tuple[Policy, Settings]
) -> None:
    policy, settings = numbers
    assert_equal_projection(told(events, settings), folded(events, policy), policy)


@given(histories(says=remembered, at_ms=edge_times_ms).filter(bool), policies)
def test_projections_over_eight_thousand_years_equal_the_oracles(
    events: list[EventDict], numbers: tuple[Policy, Settings]
) -> None:
    policy, settings = numbers
    assert_equal_projection(told(events, settings), folded(events, policy), policy)


@given(st.lists(histories(says=remembered).filter(bool), max_size=4), policies)
def test_contributions_add_up_to_the_oracles_population(
    everyone: list[list[EventDict]], numbers: tuple[Policy, Settings]
) -> None:
    policy, settings = numbers
    users = [told(events, settings) for events in everyone]
    parts = [
        contribution(seen(replace(folded(events, policy), version=1), policy), policy)
        for events in everyone
    ]
    total = sum_of(parts)
    expected = population(users, settings=with_settings(settings, co_occurrence_share=1.0))
    mean = unpacked(total.mean, dimension=DIMENSION).tolist() if users else []
    observed = observed_population(total.counts, mean)
    assert observed.mean_fixed == pytest.approx(expected.mean_fixed, abs=2 * len(users))
    observed.mean_fixed, observed.mean_sum = expected.mean_fixed, expected.mean_sum
    said = first_ten(compare(vars(expected), vars(observed)))
    assert not said, said


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), st.sampled_from(ITEMS))
def test_identities_equal_the_oracles(tenant: str, name: str) -> None:
    assert user_key(tenant, name) == hash_of_user(tenant, name)
    assert item_key(tenant, name) == hash_of_item(tenant, name)
    assert event_hash(tenant) == hash_of_event(tenant)
    assert action_code(tenant) == hash_of_action(tenant)
