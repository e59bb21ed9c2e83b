import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from evaluation_world import (
    FixedOdds,
    FixedScores,
    chose,
    item,
    rated,
    voted,
    wrote,
)

from evaluation.errors import NotAnAnswer
from evaluation.protocol import BUCKETS, Scored, bucket_of, run_protocol
from evaluation.reading import in_protocol_order
from evaluation.tasks import NextItemTask, PairwiseTask, SignTask, best_rows, rank_of
from profiles.queries import Level, NextItemQuery, PairQuery, SignQuery
from schemas.decoded import Choice, Erasure, FastEvent, Interaction, ItemRetired, Preference


def _next_items(
    scores: Mapping[str, float], *, warm: Sequence[FastEvent], test: Sequence[FastEvent]
) -> list[Scored]:
    items = [item(name) for name in scores]
    return list(
        run_protocol(NextItemTask(), FixedScores(scores), items=items, warm=warm, test=test)
    )


def _gain(scored: Scored) -> float:
    return scored.figures[Level.BLEND]["ndcg@10"]


def test_each_event_is_predicted_before_it_is_learned() -> None:
    predictor = FixedOdds(1.0)
    warm, test = [voted("w", "a", 1)], [voted("u", "a", 1), voted("u", "b", -1)]
    list(run_protocol(SignTask(), predictor, items=[item("a")], warm=warm, test=test))
    asked = [SignQuery(user_id="u", item_id=name, action="vote", occurred_at_ms=0) for name in "ab"]
    expected = ["item-a", "w-a", "end of warm", asked[0], "u-a", asked[1], "u-b"]
    assert predictor.calls == expected


def test_events_of_one_instant_keep_the_order_of_the_file_and_documents_come_last() -> None:
    events: list[FastEvent] = [
        wrote("u", 5),
        chose("u", "b", "a", 5),
        chose("u", "a", "c", 5),
        voted("u", "a", 1, 4),
    ]
    assert [event.event_id for event in in_protocol_order(events)] == [
        "u-a",
        "u-b-a",
        "u-a-c",
        "u-wrote",
    ]


def test_gain_is_that_of_the_rank_among_items_new_to_the_user() -> None:
    scores = {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}
    test: list[FastEvent] = [rated("u", "a", 1), rated("u", "c", 5), rated("u", "d", 4)]
    scored = _next_items(scores, warm=[], test=test)
    # a is known to the user: c stands behind b only, then d behind b only.
    assert [_gain(one) for one in scored] == [1 / math.log2(3), 1 / math.log2(3)]
    assert [one.shown[Level.BLEND] for one in scored] == [("b", "c", "d"), ("b", "d")]


def test_ties_rank_last() -> None:
    scores = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 0.0}
    (scored,) = _next_items(scores, warm=[], test=[rated("u", "a", 5)])
    assert _gain(scored) == 1 / math.log2(2 + 2)


def test_a_target_without_a_score_gains_nothing() -> None:
    unknown, unscored = rated("u", "z", 5), rated("u", "b", 5)
    for target in (unknown, unscored):
        (scored,) = _next_items({"a": 1.0, "b": -math.inf}, warm=[], test=[target])
        assert _gain(scored) == 0.0


def test_an_eleventh_rank_gains_nothing() -> None:
    scores = {f"i{rank}": -float(rank) for rank in range(12)}
    tenth, eleventh = rated("u", "i9", 5), rated("v", "i10", 5)
    assert [_gain(one) for one in _next_items(scores, warm=[], test=[tenth, eleventh])] == [
        1 / math.log2(11),
        0.0,
    ]


def test_a_repeated_item_is_not_predicted_and_a_dislike_is_no_history() -> None:
    test: list[FastEvent] = [
        rated("u", "a", 3.5),
        rated("u", "b", 5),
        rated("u", "b", 5, name="again"),
        rated("u", "c", 4),
    ]
    scored = _next_items({"a": 1.0, "b": 1.0, "c": 1.0}, warm=[], test=test)
    assert [(one.event_id, one.history) for one in scored] == [("u-b", 0), ("u-c", 2)]


def test_warm_history_counts_for_the_same_user_only() -> None:
    warm = [rated("u", "a", 5), rated("w", "b", 5)]
    scored = _next_items({"a": 1.0, "c": 1.0}, warm=warm, test=[rated("u", "c", 5)])
    assert [one.history for one in scored] == [1]


def test_an_erased_user_is_new_again() -> None:
    test: list[FastEvent] = [
        rated("u", "a", 5),
        Erasure("default", "gone", 1, "u"),
        rated("u", "a", 5, 2, name="back"),
    ]
    scored = _next_items({"a": 1.0}, warm=[], test=test)
    assert [(one.event_id, one.history) for one in scored] == [("u-a", 0), ("back", 0)]


def test_a_retired_item_is_no_candidate() -> None:
    test: list[FastEvent] = [ItemRetired("default", "r", 0, "a"), rated("u", "b", 5)]
    (scored,) = _next_items({"a": 2.0, "b": 1.0}, warm=[], test=test)
    assert _gain(scored) == 1.0


def test_zero_values_are_learned_but_neither_predicted_nor_counted() -> None:
    predictor = FixedOdds(1.0)
    test = [voted("u", "a", 0), voted("u", "b", 1)]
    (scored,) = run_protocol(SignTask(), predictor, items=[], warm=[], test=test)
    assert (scored.event_id, scored.history) == ("u-b", 0)
    assert "u-a" in predictor.calls


@pytest.mark.parametrize(
    ("log_odds", "value", "hit"), [(2.0, 1, 1.0), (-2.0, 1, 0.0), (-2.0, -1, 1.0), (0.0, -1, 0.5)]
)
def test_a_sign_is_hit_missed_or_tied(log_odds: float, value: float, hit: float) -> None:
    test = [voted("u", "a", value)]
    (scored,) = run_protocol(SignTask(), FixedOdds(log_odds), items=[], warm=[], test=test)
    assert scored.figures[Level.USER] == {"accuracy": hit}


def test_ratings_have_a_sign_about_their_neutral_value_and_views_have_none() -> None:
    view = Interaction("default", "view", 0, "u", "d", "view", 1.0)
    test: list[FastEvent] = [rated("u", "a", 3), rated("u", "b", 2), rated("u", "c", 5), view]
    scored = run_protocol(SignTask(), FixedOdds(-1.0), items=[], warm=[], test=test)
    assert [one.figures[Level.USER]["accuracy"] for one in scored] == [1.0, 0.0]


def test_the_sides_of_a_pair_do_not_tell_which_was_chosen() -> None:
    predictor = FixedOdds(1.0)
    test = [chose("u", "a", "b"), chose("v", "b", "a")]
    scored = list(run_protocol(PairwiseTask(), predictor, items=[], warm=[], test=test))
    sides = [(call.a, call.b) for call in predictor.calls if isinstance(call, PairQuery)]
    assert sides == [(Choice(item_id="a"), Choice(item_id="b"))] * 2
    assert [one.figures[Level.BLEND]["accuracy"] for one in scored] == [1.0, 0.0]
    assert [one.shown[Level.BLEND] for one in scored] == [1.0, -1.0]


def test_a_tied_pair_counts_half_and_texts_can_be_sides() -> None:
    sides = Choice(text="short"), Choice(item_id="a")
    test = [Preference("default", "p", 0, "u", *sides)]
    (scored,) = run_protocol(PairwiseTask(), FixedOdds(0.0), items=[], warm=[], test=test)
    assert scored.figures[Level.GLOBAL] == {"accuracy": 0.5}


def test_answers_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(NotAnAnswer):
        list(
            run_protocol(
                SignTask(), FixedOdds(math.nan), items=[], warm=[], test=[voted("u", "a", 1)]
            )
        )
    with pytest.raises(NotAnAnswer):
        _next_items({"a": math.nan}, warm=[], test=[rated("u", "a", 5)])


def test_buckets_are_those_of_the_interface() -> None:
    assert [(bucket.first, bucket.last) for bucket in BUCKETS] == [
        (0, 0),
        (1, 4),
        (5, 19),
        (20, 99),
        (100, None),
    ]
    assert [bucket_of(n) for n in (0, 1, 4, 5, 19, 20, 99, 100, 10**6)] == [
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
    ]


def test_rank_counts_all_others_that_score_as_high() -> None:
    values = np.array([0.5, 0.9, 0.5, -np.inf])
    assert [rank_of(values, target) for target in range(5)] == [2, 0, 2, None, None]


def test_best_rows_are_ordered_by_score_then_item() -> None:
    values = np.array([1.0, 3.0, 1.0, -np.inf, 2.0])
    assert best_rows(values, ["b", "c", "a", "d", "e"]) == [1, 4, 2, 0]


def test_a_query_holds_nothing_of_the_event_but_user_and_time() -> None:
    query = NextItemTask().ask(rated("u", "a", 5, 7))
    assert query == NextItemQuery(user_id="u", occurred_at_ms=7)
