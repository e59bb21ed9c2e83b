"""A user's state is bounded, whatever names a producer invents."""

import numpy as np

from profiles.catalogue import ItemCatalogue
from profiles.contributions import contribution, fixed_point, view_of
from profiles.effects import effects_of
from profiles.fold import MOST_ACTIONS, MOST_ATTRIBUTES, Sourced, fold
from profiles.ids import item_key
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.projection import project
from profiles.state import EMPTY_STATE, DataType, UserState
from schemas.decoded import Attributes, Interaction

DAY_MS = 86_400_000


def acts(*events: Interaction | Attributes, policy: Policy = DEFAULT_POLICY) -> UserState:
    sourced = [
        Sourced("t", offset, effects_of(event, policy)) for offset, event in enumerate(events)
    ]
    return fold(EMPTY_STATE, sourced, policy).state


def stated(number: int, **values: str) -> Attributes:
    return Attributes("default", f"e{number}", number, "ann", values)


def acted(number: int, action: str, at_ms: int = 0) -> Interaction:
    return Interaction("default", f"e{number}", at_ms or number, "ann", "i", action)


def test_names_of_actions_beyond_the_bound_are_counted_as_other() -> None:
    state = acts(*(acted(number, f"action-{number}") for number in range(MOST_ACTIONS + 20)))
    totals = state.totals[DataType.INTERACTIONS]
    assert len(totals) == MOST_ACTIONS + 1
    assert totals["other"] == 20
    assert sum(totals.values()) == MOST_ACTIONS + 20


def test_the_latest_attributes_are_kept_in_any_order() -> None:
    events = [stated(number, **{f"name-{number}": "x"}) for number in range(MOST_ATTRIBUTES + 9)]
    forwards, backwards = acts(*events), acts(*reversed(events))
    assert forwards.attributes == backwards.attributes
    assert set(forwards.attributes) == {f"name-{n}" for n in range(9, MOST_ATTRIBUTES + 9)}


def test_a_long_text_is_kept_but_not_counted_as_a_value() -> None:
    state = acts(stated(1, short="x", long="x" * 300))
    assert set(state.attributes) == {"short", "long"}
    counts = contribution(view_of(state, fixed_point(np.zeros(4, np.float32))), DEFAULT_POLICY)
    assert {name for series, name in counts.counts if series == "attribute"} == {"short"}


def test_a_neutral_event_years_later_leaves_the_direction() -> None:
    catalogue = ItemCatalogue(2)
    catalogue.put(item_key("default", "i"), np.array([0.6, 0.8], np.float32))
    years_later = 5 * 365 * DAY_MS
    state = acts(
        acted(1, "like"), Interaction("default", "n", years_later, "ann", "i", "vote", 0.0)
    )
    found = project(state, catalogue, DEFAULT_POLICY)
    np.testing.assert_allclose(found.vector, [0.6, 0.8], atol=1e-6)
    assert 0 < found.mass < 1e-9
