"""What is appended in a short way is what the fold gives."""

from histories import (
    EventDict,
    folded,
    histories,
    later_times_ms,
    parsed,
    sourced,
    superseding,
    times_ms,
    weighed,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.appending import appended
from profiles.fold import fold
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.state import EMPTY_STATE, UserState, encode_state
from schemas.fast import Interaction

policies = st.sampled_from([DEFAULT_POLICY, Policy(kept=3)])
acts = st.one_of(weighed, superseding)
any_order = st.one_of(
    histories(says=acts, at_ms=later_times_ms).map(
        lambda events: sorted(events, key=lambda event: str(event["occurred_at"]))
    ),
    histories(says=acts, at_ms=st.one_of(times_ms, later_times_ms)),
).filter(bool)


def interactions(events: list[EventDict], *, first: int) -> list[tuple[int, Interaction]]:
    decoded = [parsed(event) for event in events]
    return [(at, one) for at, one in enumerate(decoded, first) if isinstance(one, Interaction)]


def assert_as_folded(
    state: UserState, events: list[EventDict], policy: Policy, *, first: int
) -> None:
    short = appended(state, interactions(events, first=first), "t", policy)
    if short is not None:
        long = fold(state, sourced(events, policy, first=first), policy)
        assert encode_state(short) == encode_state(long.state)
        assert (long.counted, long.redelivered, long.repeated) == (len(events), 0, 0)


@given(histories(), any_order, policies, st.sampled_from([0, 5, 100]))
@settings(max_examples=200)
def test_what_is_appended_is_what_the_fold_gives(
    before: list[EventDict], events: list[EventDict], policy: Policy, first: int
) -> None:
    assert_as_folded(folded(before, policy), events, policy, first=first)
    assert_as_folded(EMPTY_STATE, events, policy, first=first)


def liked(number: int, *, at: str) -> EventDict:
    return {
        "type": "interaction",
        "event_id": f"e{number}",
        "occurred_at": at,
        "user_id": "u",
        "item_id": "i0",
        "action": "like",
    }


def test_events_in_order_are_appended_and_none_that_is_late_or_was_folded_before() -> None:
    first, second = (liked(number, at=f"2025-01-0{number}T00:00:00Z") for number in (1, 2))
    state = appended(EMPTY_STATE, interactions([first], first=0), "t", DEFAULT_POLICY)
    assert state is not None
    for events, offset, fits in (
        ([second], 1, True),
        ([second], 0, False),
        ([first], 1, False),
        ([liked(3, at="2024-01-01T00:00:00Z")], 1, False),
    ):
        found = appended(state, interactions(events, first=offset), "t", DEFAULT_POLICY)
        assert (found is not None) is fits
