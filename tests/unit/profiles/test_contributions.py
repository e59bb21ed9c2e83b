"""Aggregates are sums of contributions, and changes are their differences."""

from random import Random

import numpy as np
import pytest
from histories import (
    DIMENSION,
    VECTORS,
    EventDict,
    anything,
    edge_times_ms,
    folded,
    histories,
    likes_of,
    pieces,
    remembered,
    seen,
    superseding,
    times_ms,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from observed import observed_population, sum_of
from oracle import Settings, compare, first_ten, population, tell

from profiles.contributions import (
    UserView,
    bucket_floor,
    change,
    contribution,
    fixed_point,
    pairs_counted,
    spelled_out,
    unpacked,
    view_of,
    view_of_whole,
    whole_of,
    whole_user,
)
from profiles.counting import MARKED, Sum
from profiles.ids import user_key
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.state import EMPTY_STATE, decode_state, encode_state
from schemas.updates import Change, Contribution

CRAMPED = Policy(kept=4, co_occurrence_window=2)
NARROW = Policy(co_occurrence_window=1)
FORGETFUL = Policy(kept=3, co_occurrence_window=10)
policies = st.sampled_from([DEFAULT_POLICY, CRAMPED, NARROW, FORGETFUL])
# Few kinds of events, many of them: evictions, late inserts and replaced ratings.
busy = st.one_of(superseding, remembered, anything)


def minus(part: Contribution) -> Contribution:
    counts = {
        name: {field: -count for field, count in table.items()}
        for name, table in part.counts.items()
    }
    mean = np.frombuffer(part.mean, "<i4")
    return Contribution(counts, (-mean).astype("<i4").tobytes())


def difference(after: UserView, before: UserView, policy: Policy) -> Contribution:
    return sum_of([contribution(after, policy), minus(contribution(before, policy))])


def assert_change_is_the_difference(before: UserView, after: UserView, policy: Policy) -> None:
    found = spelled_out(change(before, after, policy), policy)
    expected = difference(after, before, policy)
    said = first_ten(compare(expected.counts, found.counts))
    assert not said, said
    assert found.mean == expected.mean


@given(histories(says=busy), histories(says=busy), policies)
@settings(max_examples=200)
def test_a_change_is_the_difference_of_two_contributions(
    events: list[EventDict], more: list[EventDict], policy: Policy
) -> None:
    later = [event | {"event_id": f"later {event['event_id']}"} for event in more]
    state = replace(folded(events, policy), version=1)
    next_state = replace(folded(later, policy, state=state, first=100), version=2)
    assert_change_is_the_difference(seen(state, policy), seen(next_state, policy), policy)


@given(histories(says=busy), histories(says=busy), policies)
def test_a_change_between_strangers_is_their_difference(
    events: list[EventDict], others: list[EventDict], policy: Policy
) -> None:
    one, other = folded(events, policy), folded(others, policy)
    assert_change_is_the_difference(seen(one, policy), seen(other, policy), policy)
    assert_change_is_the_difference(seen(other, policy), seen(one, policy), policy)


@given(histories(says=busy, at_ms=edge_times_ms), histories(says=busy), policies)
def test_a_change_over_the_whole_of_time_is_the_difference(
    events: list[EventDict], more: list[EventDict], policy: Policy
) -> None:
    state = folded(events, policy)
    assert_change_is_the_difference(
        seen(state, policy), seen(folded(more, policy, state=state, first=100), policy), policy
    )


@given(histories(says=busy), policies)
def test_nothing_changes_from_a_state_to_itself(events: list[EventDict], policy: Policy) -> None:
    view = seen(folded(events, policy), policy)
    assert change(view, view, policy) == Change({})


@given(
    st.lists(histories(says=busy, most=8).filter(bool), min_size=1, max_size=3),
    st.lists(st.integers(0, 20), max_size=6),
    st.randoms(use_true_random=False),
)
def test_changes_along_any_path_add_up_to_the_oracles_population(
    everyone: list[list[EventDict]], cuts: list[int], random: Random
) -> None:
    changes: list[Contribution] = []
    for events in everyone:
        arrived = list(events)
        random.shuffle(arrived)
        state, before = EMPTY_STATE, seen(EMPTY_STATE, DEFAULT_POLICY)
        for number, batch in enumerate(pieces(arrived, cuts), 1):
            state = folded(batch, DEFAULT_POLICY, state=state, first=100 * number)
            state = decode_state(encode_state(replace(state, version=number)))
            after = seen(state, DEFAULT_POLICY)
            changes.append(spelled_out(change(before, after, DEFAULT_POLICY), DEFAULT_POLICY))
            before = after
    total = sum_of(changes)
    users = [
        tell(events, VECTORS, dimension=DIMENSION, settings=Settings())["default", "u"]
        for events in everyone
    ]
    expected = population(users, settings=Settings(co_occurrence_share=1.0))
    observed = observed_population(total.counts, unpacked(total.mean, dimension=DIMENSION).tolist())
    assert observed.mean_fixed == pytest.approx(expected.mean_fixed, abs=2 * len(users))
    observed.mean_fixed, observed.mean_sum = expected.mean_fixed, expected.mean_sum
    said = first_ten(compare(vars(expected), vars(observed)))
    assert not said, said


def test_an_attribute_that_changes_its_type_only_is_a_change() -> None:
    # 1 == True == 1.0 in Python; they are counted apart.
    stated: EventDict = {
        "type": "attributes",
        "event_id": "same",
        "occurred_at": 100,
        "user_id": "u",
        "attributes": {"vip": 1},
    }
    before = folded([stated], DEFAULT_POLICY)
    after = folded([stated | {"attributes": {"vip": True}}], DEFAULT_POLICY, state=before, first=9)
    assert after.attributes["vip"].value is True
    assert_change_is_the_difference(
        seen(before, DEFAULT_POLICY), seen(after, DEFAULT_POLICY), DEFAULT_POLICY
    )


def _without_pairs(part: Contribution) -> Contribution:
    kept = {name: table for name, table in part.counts.items() if name[0] != "co-occurrence"}
    return Contribution(kept, part.mean)


@given(histories(says=busy), histories(says=busy), policies)
def test_who_is_not_drawn_counts_for_everything_but_pairs(
    events: list[EventDict], more: list[EventDict], policy: Policy
) -> None:
    state = folded(events, policy)
    before, after = seen(state, policy), seen(folded(more, policy, state=state, first=100), policy)
    assert contribution(after, policy, pairs=False) == _without_pairs(contribution(after, policy))
    came = change(before, after, policy, pairs=False)
    assert spelled_out(came, policy) == _without_pairs(difference(after, before, policy))


def test_the_share_of_users_whose_pairs_are_counted_is_that_of_the_policy() -> None:
    keys = [user_key("t", f"user {number}") for number in range(4_000)]
    for share in (0.0, 0.25, 1.0):
        policy = Policy(co_occurrence_share=share)
        drawn = sum(pairs_counted(key, policy) for key in keys)
        assert drawn == pytest.approx(share * len(keys), abs=0.03 * len(keys))


@given(histories(says=busy), policies)
def test_a_whole_user_contributes_as_the_view_it_was_made_from(
    events: list[EventDict], policy: Policy
) -> None:
    view = seen(replace(folded(events, policy), version=3), policy)
    back = view_of_whole(whole_user(view), dimension=DIMENSION)
    assert contribution(back, policy) == contribution(view, policy)


def test_an_erased_user_leaves_nothing() -> None:
    like: EventDict = {
        "type": "interaction",
        "event_id": "e1",
        "occurred_at": 100,
        "user_id": "u",
        "item_id": "i0",
        "action": "like",
    }
    erase: EventDict = {"type": "erasure", "event_id": "e2", "occurred_at": 101, "user_id": "u"}
    left = contribution(seen(folded([like, erase], DEFAULT_POLICY), DEFAULT_POLICY), DEFAULT_POLICY)
    assert left == Contribution({}, b"")


def test_fixed_point_holds_every_component_of_a_unit_vector() -> None:
    ends = np.array([-1.0, 1.0, 0.0, 2.0**-25, 3 * 2.0**-25], np.float32)
    assert fixed_point(ends).tolist() == [-(2**24), 2**24, 0, 0, 2]


TIMED = ("popularity", "trend-1h", "trend-24h", "trend-7d")


@given(
    st.lists(st.tuples(times_ms, st.sampled_from(["i0", "i1"])), max_size=12),
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, 12), max_size=4),
)
def test_pruning_on_the_way_leaves_what_pruning_at_the_end_leaves(
    likes: list[tuple[int, str]], random: Random, cuts: list[int]
) -> None:
    # a half-life so short that eras pass as well
    policy = Policy(popularity_half_life_s=3_600.0)
    events: list[EventDict] = [
        {
            "type": "interaction",
            "event_id": f"e{number}",
            "occurred_at": at_ms / 1000,
            "user_id": "u",
            "item_id": item,
            "action": "like",
        }
        for number, (at_ms, item) in enumerate(likes)
    ]
    random.shuffle(events)
    kept, state, watermark_ms = Contribution({}), EMPTY_STATE, 0
    for number, batch in enumerate(pieces(events, cuts)):
        before = state
        state = folded(batch, policy, state=state, first=100 * number)
        came = change(seen(before, policy), seen(state, policy), policy)
        kept = sum_of([kept, spelled_out(came, policy)])
        watermark_ms = max([watermark_ms, *(round(1000 * e["occurred_at"]) for e in batch)])
        kept = _pruned(kept, watermark_ms, policy)
    at_once = contribution(seen(state, policy), policy)
    assert _pruned(at_once, watermark_ms, policy) == kept


def _pruned(part: Contribution, watermark_ms: int, policy: Policy) -> Contribution:
    kept = {}
    for (series, bucket), table in part.counts.items():
        floor = bucket_floor(series, watermark_ms, policy)
        if floor is None or int(bucket) >= floor:
            kept[series, bucket] = table
    return Contribution(kept, part.mean)


def test_only_timed_series_have_a_floor() -> None:
    assert all(bucket_floor(name, 10**12, DEFAULT_POLICY) is not None for name in TIMED)
    assert bucket_floor("positive", 10**12, DEFAULT_POLICY) is None


def test_a_change_costs_what_changed_not_what_is_kept() -> None:
    likes: list[EventDict] = [
        {
            "type": "interaction",
            "event_id": f"e{number}",
            "occurred_at": number,
            "user_id": "u",
            "item_id": f"i{number}",
            "action": "like",
        }
        for number in range(200)
    ]
    policy = Policy(kept=150)
    before = folded(likes[:-1], policy)
    after = folded(likes[-1:], policy, state=before, first=1000)
    zeros = np.zeros(DIMENSION, np.int32)
    found = change(view_of(before, zeros), view_of(after, zeros), policy)
    # one item in, one out, the ten that each stands beside, and the user as its liker
    assert len(found.entries) <= 2 * (1 + 10 + 1) * MARKED.itemsize
    assert found.counts == {("events", ""): {b"interactions/like": 1}}


@given(
    st.lists(st.tuples(histories(says=busy), histories(says=busy), st.sampled_from([1, -1]))),
    policies,
)
def test_changes_of_many_users_at_once_are_the_sum_of_each_ones(
    everyone: list[tuple[list[EventDict], list[EventDict], int]], policy: Policy
) -> None:
    together, apart = Sum(policy, DIMENSION), []
    for events, more, sign in everyone:
        state = folded(events, policy)
        after = seen(folded(more, policy, state=state, first=100), policy)
        one = change(seen(state, policy), after, policy)
        together.add("t", ["", "p"], one, sign=sign)
        told = spelled_out(one, policy)
        apart.append(told if sign > 0 else minus(told))
    found: dict[str, dict[tuple[str, str], dict[bytes, int]]] = {"": {}, "p": {}}
    for table, counters in together.increments().items():
        found[table.scope][table.series, table.part] = counters
    for columns in together.item_counters():
        for table, counters in columns.tables():
            assert table.tenant == "t"
            found[table.scope][table.series, table.part] = counters
    expected = sum_of(apart)
    mean = unpacked(expected.mean, dimension=DIMENSION).tolist()
    components = {place.to_bytes(2, "little"): one for place, one in enumerate(mean) if one}
    for counts in found.values():
        assert counts.pop(("mean", ""), {}) == components
    assert found[""] == expected.counts
    assert found["p"] == _without_pairs(expected).counts


def test_who_changes_persona_costs_few_tables_whatever_they_liked() -> None:
    likes = likes_of(400)
    everything = seen(folded(likes, DEFAULT_POLICY), DEFAULT_POLICY)
    moved = Sum(DEFAULT_POLICY, DIMENSION)
    moved.add("t", ["p1"], whole_of(everything), sign=-1)
    moved.add("t", ["p2"], whole_of(everything))
    counters = [(table, len(one)) for part in moved.item_counters() for table, one in part.tables()]
    # Liked, likers, an era of popularity and three trends, of each persona; no pairs, which would
    # be a table for each item and twenty counters for each like.
    assert {table.series for table, _ in counters} == {
        "positive",
        "likers",
        "popularity",
        "trend-1h",
        "trend-24h",
        "trend-7d",
    }
    assert sum(count for _, count in counters) == 2 * 6 * len(likes)
    assert len(counters) <= 2 * (3 + 3 * 3)
