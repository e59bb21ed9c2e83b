"""What a user's updates add up to, together and one by one."""

from collections.abc import Sequence

from histories import (
    DIMENSION,
    EventDict,
    anything,
    folded,
    histories,
    likes_of,
    remembered,
    seen,
    superseding,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from profiles.contributions import change, whole_of, whole_user
from profiles.counting import Sum
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.ports import CounterTable
from profiles.state import EMPTY_STATE
from schemas.updates import ProfileUpdate, scopes_of
from streams.adding import add_user, by_user, size_of

Stay = tuple[list[EventDict], str | None, tuple[str, ...]]
"""Events, and the personas that the user is of after them: discovered, declared."""

stays = st.tuples(
    histories(says=st.one_of(superseding, remembered, anything), most=6),
    st.sampled_from([None, "p1", "p2"]),
    st.sampled_from([(), ("young",), ("young", "dutch")]),
)
ROOMY, CRAMPED = DEFAULT_POLICY, Policy(kept=3, co_occurrence_share=0.0)


def updates_of(several: Sequence[Stay], policy: Policy) -> list[ProfileUpdate]:
    """The first is that of a new user."""
    told: list[ProfileUpdate] = []
    before = seen(EMPTY_STATE, policy)
    personas: tuple[str | None, tuple[str, ...]] = (None, ())
    for number, (events, persona, declared) in enumerate(several):
        named = [event | {"event_id": f"{number}-{event['event_id']}"} for event in events]
        state = folded(named, policy, state=before.state, first=1_000 * number)
        after = seen(replace(state, version=number + 1), policy)
        here, there = scopes_of(*personas), scopes_of(persona, declared)
        known = bool(number)
        update = ProfileUpdate(
            tenant="t",
            user_id="u",
            key=b"u",
            version=number + 1,
            watermark_ms=0,
            persona_before=personas[0],
            persona_after=persona,
            change=change(before, after, policy, pairs=False),
            before=whole_user(before) if known and here != there else None,
            declared_before=personas[1],
            declared_after=declared,
            first=not known,
        )
        told.append(update)
        before, personas = after, (persona, declared)
    return told


def counters_of(groups: Sequence[Sequence[ProfileUpdate]], policy: Policy) -> object:
    adding = Sum(policy, DIMENSION)
    for group in groups:
        add_user(adding, group, dimension=DIMENSION)
    return counters_in(adding)


def counters_in(adding: Sum) -> object:
    found: dict[CounterTable, dict[bytes, int]] = {}
    for table, counters in adding.increments().items():
        found[table] = dict(counters)
    for columns in adding.item_counters():
        found.update((table, dict(counters)) for table, counters in columns.tables())
    return found


@given(
    st.lists(stays, min_size=2, max_size=6),
    st.sampled_from([ROOMY, CRAMPED]),
    st.sampled_from([0, 1]),
)
def test_updates_counted_together_are_the_sum_of_each_ones(
    several: list[Stay], policy: Policy, known: int
) -> None:
    updates = updates_of(several, policy)[known:]
    assert counters_of([updates], policy) == counters_of([[one] for one in updates], policy)


@given(st.lists(stays, min_size=1, max_size=6), st.sampled_from([ROOMY, CRAMPED]))
def test_all_updates_of_a_user_add_up_to_the_user_in_the_personas_at_the_end(
    several: list[Stay], policy: Policy
) -> None:
    updates = updates_of(several, policy)
    state = EMPTY_STATE
    for number, (events, _, _) in enumerate(several):
        named = [event | {"event_id": f"{number}-{event['event_id']}"} for event in events]
        state = folded(named, policy, state=state, first=1_000 * number)
    at_the_end = Sum(policy, DIMENSION)
    whole = whole_of(seen(replace(state, version=len(several)), policy), pairs=False)
    at_the_end.add("t", updates[-1].scopes_after, whole)
    assert counters_of([updates], policy) == counters_in(at_the_end)


def test_who_goes_to_and_fro_is_not_counted_out_and_in_again() -> None:
    likes = likes_of(400)
    known: Stay = (likes[:380], "p1", ())
    flips: list[Stay] = [
        ([like], ("p2", "p1")[number % 2], ()) for number, like in enumerate(likes[380:])
    ]
    back = updates_of([known, *flips], DEFAULT_POLICY)[1:]
    moved = back[:-1]
    adding = Sum(DEFAULT_POLICY, DIMENSION)
    add_user(adding, back, dimension=DIMENSION)
    # Twenty likes for everybody and in the persona, by each of six series.
    assert sum(len(one.items) for one in adding.item_counters()) == 2 * 6 * 20
    whole = size_of([moved[0]])
    assert size_of(back) < whole / 10
    # However often: out of one, into another.
    assert size_of(moved) < 2 * whole


def test_updates_keep_their_order_user_by_user() -> None:
    one, *others = updates_of([([], None, ())] * 3, DEFAULT_POLICY)
    mixed = [one, replace(one, key=b"v"), *others]
    assert by_user(mixed) == [[one, *others], [mixed[1]]]
