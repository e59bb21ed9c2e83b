"""Changes of many users in columns are those of each user alone."""

import numpy as np
from histories import (
    EventDict,
    anything,
    catalogue,
    folded,
    histories,
    later_times_ms,
    superseding,
    weighed,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from profiles.changes import changes, sights_of, wholes
from profiles.contributions import change, spelled_out, whole_of
from profiles.evidence import evidence_of
from profiles.policy import Policy
from profiles.projection import project_all
from profiles.state import UserState

policies = st.builds(
    Policy,
    half_life_s=st.floats(1.0, 1e7),
    kept=st.integers(3, 30),
    co_occurrence_window=st.integers(1, 4),
)
# Nearly always nothing but what lies behind all others, as nearly always happens.
said = st.sampled_from([weighed] * 8 + [superseding, anything]).flatmap(
    lambda says: st.tuples(histories(says=says), histories(says=says, at_ms=later_times_ms))
)


def assert_each_alone(
    before: list[UserState], after: list[UserState], policy: Policy, pairs: list[bool]
) -> None:
    known = catalogue()
    shown = evidence_of(after, policy)
    old, new = (
        np.stack([one.vector for one in project_all(evidence, known)])
        for evidence in (evidence_of(before, policy), shown)
    )
    spaces = [number % 2 for number in range(len(after))]
    sights = sights_of(before, old, spaces), sights_of(after, new, [1] * len(after))
    found = changes(*sights, shown, policy, pairs=pairs)
    for user, one in enumerate(found):
        views = sights[0].view(user), sights[1].view(user)
        alone = change(*views, policy, pairs=pairs[user])
        assert spelled_out(one, policy) == spelled_out(alone, policy)


@given(st.lists(st.tuples(said, st.booleans()), min_size=1, max_size=5), policies)
@settings(max_examples=200)
def test_changes_side_by_side_are_those_of_each_user_alone(
    users: list[tuple[tuple[list[EventDict], list[EventDict]], bool]], policy: Policy
) -> None:
    before = [replace(folded(events, policy), version=1) for (events, _), _ in users]
    after = [
        replace(
            folded(
                [event | {"event_id": f"later {event['event_id']}"} for event in more],
                policy,
                state=state,
                first=100,
            ),
            version=2,
        )
        for state, ((_, more), _) in zip(before, users, strict=True)
    ]
    assert_each_alone(before, after, policy, [pairs for _, pairs in users])


@given(st.lists(st.tuples(said, st.booleans()), min_size=1, max_size=5), policies)
@settings(max_examples=200)
def test_all_of_each_user_side_by_side_is_that_of_each_alone(
    users: list[tuple[tuple[list[EventDict], list[EventDict]], bool]], policy: Policy
) -> None:
    states = [replace(folded(events + more, policy), version=1) for (events, more), _ in users]
    shown, pairs = evidence_of(states, policy), [counted for _, counted in users]
    vectors = np.stack([one.vector for one in project_all(shown, catalogue())])
    sights = sights_of(states, vectors, [1] * len(states))
    for user, one in enumerate(wholes(sights, shown, policy, pairs=pairs)):
        alone = whole_of(sights.view(user), pairs=pairs[user])
        assert spelled_out(one, policy) == spelled_out(alone, policy)
