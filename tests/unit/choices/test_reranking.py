"""Best of n: rewards are those of the comparisons, and shares say whose they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_choices import streamed

from profiles.choices.model import text_side
from profiles.choices.reranking import Compared, pairs_of, rerank
from profiles.ids import user_key
from profiles.queries import Level
from schemas.decoded import Choice, FastEvent, Preference

LONG = "A reason, because of this and that; moreover it has been shown before. " * 5

rewards = st.lists(st.floats(-5, 5), min_size=2, max_size=14)


def compared(
    worths: list[float], *, everybody: float = 1.0, persona: float = 1.0
) -> list[Compared]:
    """Comparisons that agree with each other."""
    return [
        Compared(
            {
                "global": everybody * (worths[a] - worths[b]),
                "persona": persona * (worths[a] - worths[b]),
                "user": worths[a] - worths[b],
                "blend": worths[a] - worths[b],
            },
            0.5,
        )
        for a, b in pairs_of(len(worths))
    ]


@given(rewards)
def test_rewards_give_consistent_comparisons_back_and_sum_to_zero(worths: list[float]) -> None:
    ranked = rerank(len(worths), compared(worths))
    assert sorted(one.place for one in ranked) == list(range(len(worths)))
    assert sum(one.reward for one in ranked) == pytest.approx(0.0, abs=1e-9)
    mean = sum(worths) / len(worths)
    for one in ranked:
        assert one.reward == pytest.approx(worths[one.place] - mean, abs=1e-9)
    assert [one.reward for one in ranked] == sorted((one.reward for one in ranked), reverse=True)


@given(rewards, st.floats(-1, 2), st.floats(-1, 2))
def test_shares_sum_to_one_or_are_nothing(
    worths: list[float], everybody: float, persona: float
) -> None:
    for one in rerank(len(worths), compared(worths, everybody=everybody, persona=persona)):
        assert sum(one.shares.values()) == pytest.approx(1.0) or not any(one.shares.values())
        assert all(0.0 <= share <= 1.0 for share in one.shares.values())


def test_a_reward_of_the_user_alone_is_all_theirs() -> None:
    (best, _) = rerank(2, compared([1.0, 0.0], everybody=0.0, persona=0.0))
    assert best.shares == {"global": 0.0, "persona": 0.0, "user": 1.0}
    assert best.standard_error == 0.25


def test_equal_texts_keep_their_order() -> None:
    assert [one.place for one in rerank(3, compared([1.0, 1.0, 1.0]))] == [0, 1, 2]


def test_as_many_comparisons_as_pairs_are_needed() -> None:
    with pytest.raises(ValueError, match="shorter"):
        rerank(3, compared([1.0, 2.0]))


def test_answers_come_in_the_order_that_people_taught() -> None:
    events: list[FastEvent] = [
        Preference(
            "t",
            f"e{n}",
            n,
            f"p{n}",
            Choice(text=f"{LONG} {n}"),
            Choice(text=f"No. {n}"),
            None,
            None,
        )
        for n in range(60)
    ]
    made = streamed(events)
    state = made.states.of(user_key("t", "new"))
    texts = ["No.", LONG + "first of all", "It may well be so, for some of these reasons."]
    model = made.learner.model()
    answers = [
        model.pair(state, text_side("t", texts[a]), text_side("t", texts[b]))
        for a, b in pairs_of(3)
    ]
    ranked = rerank(
        3,
        [Compared({level.value: one[level].log_odds for level in Level}, 0.1) for one in answers],
    )
    assert [one.place for one in ranked] == [1, 2, 0]
