"""The oracle against cases small enough to work out on paper."""

import math
from hashlib import blake2b
from typing import Any

import pytest
from oracle import (
    OracleUser,
    Settings,
    compare,
    first_ten,
    hash_of_action,
    hash_of_event,
    hash_of_item,
    hash_of_user,
    members_of,
    nearest_persona,
    popularity_at,
    population,
    tell,
    trend_counts,
)

HALF_LIFE_S = 2_592_000
VECTORS = {"default": {"a": [1.0, 0.0], "b": [0.0, 1.0], "minus a": [-1.0, 0.0]}}
A, B = hash_of_item("default", "a"), hash_of_item("default", "b")


def at(seconds: float, event_id: str, **said: object) -> dict[str, Any]:
    return {"event_id": event_id, "occurred_at": seconds, "user_id": "u", **said}


def like(seconds: float, event_id: str, item: str = "a") -> dict[str, Any]:
    return at(seconds, event_id, type="interaction", item_id=item, action="like")


def rate(seconds: float, event_id: str, value: float, item: str = "a") -> dict[str, Any]:
    return at(seconds, event_id, type="interaction", item_id=item, action="rate", value=value)


def alone(*events: dict[str, Any], **numbers: Any) -> OracleUser:
    told = tell(events, VECTORS, dimension=2, settings=Settings(**numbers))
    (user,) = told.values()
    return user


def test_identities_are_hashes_of_length_prefixed_parts() -> None:
    message = b"\x01\0\0\0t\x02\0\0\0\xc3\xa9"
    assert (
        hash_of_user("t", "é") == blake2b(message, digest_size=16, person=b"strata-user").digest()
    )
    eight = blake2b(message, digest_size=8, person=b"strata-item").digest()
    assert hash_of_item("t", "é") == int.from_bytes(eight, "little")
    four = blake2b(message[:5], digest_size=4, person=b"strata-event").digest()
    assert hash_of_event("t") == int.from_bytes(four, "little")
    two = blake2b(message[:5], digest_size=2, person=b"strata-action").digest()
    assert hash_of_action("t") == int.from_bytes(two, "little")


def test_times_are_milliseconds_rounded_down() -> None:
    spellings: list[str | float] = [1.0019, "1970-01-01T01:00:01.0019+01:00", 1.001]
    for spelling in spellings:
        event = like(0, "e") | {"occurred_at": spelling}
        assert alone(event).sets["interactions"][0].time_ms == 1001


def test_one_like_points_at_its_item() -> None:
    user = alone(like(10, "e"))
    assert user.vector == [1.0, 0.0]
    assert user.mass == 1.0
    assert user.effective_sample_size == 1.0
    assert user.totals == {"interactions": {"like": 1}}
    assert user.sets == {
        "interactions": [(10_000, hash_of_event("e"), A, 1.0, hash_of_action("like"), 0)]
    }


def test_evidence_halves_with_age_and_with_rank() -> None:
    user = alone(like(0, "e1", "a"), like(HALF_LIFE_S, "e2", "b"), half_rank=1.0)
    # one half-life and one rank: a quarter against one
    assert user.mass == 1.25
    assert user.vector == pytest.approx([0.25 / math.hypot(0.25, 1), 1 / math.hypot(0.25, 1)])
    assert user.effective_sample_size == pytest.approx(1.25**2 / (1 + 0.0625))


def test_events_at_one_time_are_ranked_by_their_hash() -> None:
    first, last = sorted(("e1", "e2"), key=hash_of_event)
    user = alone(like(0, last, "b"), like(0, first, "a"), half_rank=1.0)
    assert [entry.item for entry in user.evidence] == [A, B]
    assert user.mass == 1.5


def test_a_repeat_counts_once() -> None:
    assert alone(like(0, "e"), like(0, "e")) == alone(like(0, "e"))


def test_the_second_rating_replaces_the_first() -> None:
    user = alone(rate(1, "e1", 5), rate(2, "e2", 1))
    assert len(user.sets["interactions"]) == 2
    assert [entry.weight for entry in user.evidence] == [-1.0]
    assert user.vector == [-1.0, 0.0]
    assert (user.positive, len(user.negative)) == ([], 1)


def test_a_like_beside_a_rating_stays() -> None:
    assert len(alone(like(1, "e1"), rate(2, "e2", 5)).evidence) == 2


def test_only_the_latest_are_kept_but_all_are_counted() -> None:
    user = alone(*(like(n, f"e{n}") for n in range(5)), kept=2)
    assert [entry.time_ms for entry in user.sets["interactions"]] == [3000, 4000]
    assert user.totals == {"interactions": {"like": 5}}


def test_a_preference_adds_its_chosen_and_subtracts_its_rejected() -> None:
    user = alone(
        at(
            1,
            "e",
            type="preference",
            chosen={"item_id": "a"},
            rejected={"item_id": "b"},
            strength=9.0,
        )
    )
    assert {entry.item: entry.weight for entry in user.evidence} == {A: 2.5, B: -2.5}
    assert user.vector == pytest.approx([math.sqrt(0.5), -math.sqrt(0.5)])
    assert user.mass == 5.0


def test_a_tie_is_an_event_that_pulls_to_neither_side() -> None:
    sides = {"chosen": {"item_id": "a"}, "rejected": {"item_id": "b"}}
    user = alone(at(1, "e", type="preference", **sides, strength=0))
    assert {entry.item: entry.weight for entry in user.evidence} == {A: 0.0, B: 0.0}
    assert (user.totals, user.mass) == ({"preferences": {"tie": 1}}, 0.0)


def test_a_text_has_no_part_in_the_vector_and_waits_for_nothing() -> None:
    user = alone(
        at(1, "e", type="preference", chosen={"text": "a"}, rejected={"text": "unheard of"})
    )
    assert (user.mass, user.vector, user.waiting) == (0.0, [0.0, 0.0], False)
    assert len(user.evidence) == 2


def test_opposite_evidence_has_no_direction() -> None:
    user = alone(at(1, "e", type="preference", chosen={"item_id": "a"}, rejected={"item_id": "b"}))
    assert user.has_direction
    cancelled = alone(like(1, "e1", "a"), like(1, "e2", "minus a"), half_rank=1e12)
    assert (cancelled.vector, cancelled.has_direction) == ([0.0, 0.0], False)
    assert cancelled.mass == pytest.approx(2.0)


def test_an_unknown_item_waits() -> None:
    user = alone(like(1, "e", "nobody knows"))
    assert (user.waiting, user.mass) == (True, 0.0)


def test_withdrawing_consent_forgets_what_came_before_whenever_it_arrives() -> None:
    withdrawn = at(5, "c", type="consent", data_type="interactions", granted=False)
    user = alone(like(5, "e1"), withdrawn, like(6, "e2", "b"), like(1, "e3"))
    assert [entry.item for entry in user.sets["interactions"]] == [B]
    assert user.forget_before == {"interactions": 5000}
    assert user.totals == {"interactions": {"like": 1}, "controls": {"withdraw": 1}}
    assert user.consents == {"interactions": False}


def test_erasure_forgets_all_kinds_and_itself() -> None:
    user = alone(
        like(1, "e1"),
        at(1, "e2", type="attributes", attributes={"age": 3}),
        at(2, "e3", type="erasure"),
        at(3, "e4", type="attributes", attributes={"city": "x"}),
    )
    assert user.attributes == {"city": "x"}
    assert user.totals == {"attributes": {"state": 1}}
    assert set(user.forget_before) == {
        "interactions",
        "preferences",
        "documents",
        "attributes",
        "controls",
    }
    assert not user.is_erased
    assert alone(like(1, "e1"), at(2, "e3", type="erasure")).is_erased


def test_the_latest_attribute_wins_and_at_one_time_the_larger_event_hash() -> None:
    low, high = sorted(("e1", "e2"), key=hash_of_event)
    user = alone(
        at(2, high, type="attributes", attributes={"x": "high"}),
        at(2, low, type="attributes", attributes={"x": "low"}),
        at(1, "e3", type="attributes", attributes={"x": "early", "y": True}),
    )
    assert user.attributes == {"x": "high", "y": True}


def test_tenants_and_users_are_apart() -> None:
    other = like(1, "e1") | {"tenant": "other"}
    second = like(1, "e1") | {"user_id": "v"}
    told = tell([like(1, "e1"), other, second], VECTORS, dimension=2)
    assert set(told) == {("default", "u"), ("other", "u"), ("default", "v")}
    assert told["other", "u"].waiting
    assert told["other", "u"].sets != told["default", "u"].sets


def test_statistics_of_two_users() -> None:
    events = [
        like(0, "e1", "a"),
        like(1, "e2", "b"),
        like(2, "e3", "a"),
        rate(3, "e4", 1, "b"),
        like(0, "e5", "b") | {"user_id": "v"},
        at(0, "e6", type="attributes", attributes={"age": 3}) | {"user_id": "v"},
        at(0, "e7", type="attributes", attributes={"age": 3}) | {"user_id": "w"},
    ]
    users = list(tell(events, VECTORS, dimension=2).values())
    found = population(users, settings=Settings(co_occurrence_share=1.0))
    assert (found.users, found.directed) == (3, 2)
    assert found.positive == {A: 2, B: 2}
    assert found.negative == {B: 1}
    # a b a: the two pairs of neighbours, and a with itself is none
    assert found.pairs == {(A, B): 2, (B, A): 2}
    assert found.attributes == {("age", "3"): 2}
    assert found.events == {
        ("interactions", "like"): 4,
        ("interactions", "rate"): 1,
        ("attributes", "state"): 2,
    }
    assert found.buckets["1h", 0, A] == 2
    assert found.mean_sum[0] == pytest.approx(users[0].vector[0])
    assert found.mean_fixed[0] == pytest.approx(found.mean_sum[0] * 2**24, abs=2)


def test_pairs_reach_back_no_further_than_the_window() -> None:
    user = alone(like(0, "e1", "a"), like(1, "e2", "b"), like(2, "e3", "b"))
    assert population(
        [user], settings=Settings(co_occurrence_window=1, co_occurrence_share=1.0)
    ).pairs == {
        (A, B): 1,
        (B, A): 1,
    }
    assert (
        population(
            [user], settings=Settings(co_occurrence_window=2, co_occurrence_share=1.0)
        ).pairs[A, B]
        == 2
    )


def test_popularity_halves_every_half_life() -> None:
    user = alone(like(0, "e1", "a"), like(604_800, "e2", "a"))
    assert popularity_at([user], 604_800_000) == {A: 1.5}
    eras = population([user]).eras
    # at the start of its era an entry is worth 1, in units of 2^-10; a half-life later 2
    assert eras == {(0, A): 1024 + 2048}


def test_an_era_has_32_half_lives() -> None:
    user = alone(like(32 * 604_800, "e1", "a"))
    assert population([user]).eras == {(1, A): 1024}


def test_trends_count_the_window_and_the_one_before() -> None:
    now_s = 100 * 3600
    user = alone(
        like(now_s, "e1"),
        like(now_s - 3000, "e2"),
        like(now_s - 3600, "e3"),
        like(now_s - 7200, "e4"),
        like(now_s + 300, "e5"),
    )
    assert trend_counts([user], now_s * 1000, "1h") == {A: (2, 1)}


def test_the_nearest_persona_and_how_sure_that_is() -> None:
    user = alone(like(0, "e1", "a"))
    near = nearest_persona(user, {"p1": [0.0, 1.0], "p2": [0.6, 0.8]})
    assert near.persona == "p2"
    assert near.margin == pytest.approx(0.6)
    tie = nearest_persona(user, {"p2": [1.0, 0.0], "p1": [1.0, 0.0]})
    assert (tie.persona, tie.margin) == ("p1", 0.0)
    assert nearest_persona(user, {}).persona is None
    assert nearest_persona(alone(like(0, "e", "unknown")), {"p1": [1.0, 0.0]}).persona is None


def test_members_are_grouped_by_persona() -> None:
    user = alone(like(0, "e1", "a"))
    assert members_of([user], {("default", "u"): ["p1", "x"]}) == {"p1": [user], "x": [user]}
    assert members_of([user], {("default", "u"): []}) == {}


@pytest.mark.parametrize(
    ("expected", "observed", "said"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": 1}, {"a": 1.0}, "['a']: expected 1, observed 1.0"),
        ({"a": 1}, {"a": True}, "['a']: expected 1, observed True"),
        ({"a": 1}, {}, "['a']: missing, expected 1"),
        ({}, {"b": 2}, "['b']: unexpected 2"),
        ([1, 2], [1], ": expected 2 elements, observed 1"),
        ({"x": [1.0, 2.0]}, {"x": [1.0, 2.5]}, "['x'][1]: expected 2.0, observed 2.5"),
        ([1.0], [1.0 + 1e-9], ""),
        ([math.nan], [1.0], "[0]: expected nan, observed 1.0"),
    ],
)
def test_differences_name_their_place(expected: object, observed: object, said: str) -> None:
    assert first_ten(compare(expected, observed, absolute=1e-6)) == said


def test_no_more_than_ten_differences_are_told() -> None:
    told = first_ten(compare(dict.fromkeys(range(20), 0), dict.fromkeys(range(20), 1)))
    assert told.count("\n") == 10
    assert told.endswith("and more")
