"""What an action is worth, and which policies are refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.effects import Remember, effects_of
from profiles.ids import action_code
from profiles.policy import DEFAULT_POLICY, ActionRule, Policy, PolicyError, load_policy
from schemas.decoded import Choice, Preference

numbers = st.floats(allow_nan=False, allow_infinity=False)
settings = st.floats(-1e12, 1e12)


@pytest.mark.parametrize(
    ("action", "value", "weight"),
    [
        ("rate", 0.5, -1.0),
        ("rate", 3.0, 0.0),
        ("rate", 4.0, 0.5),
        ("rate", 5.0, 1.0),
        ("rate", 1e308, 1.0),
        ("rate", -1e308, -1.0),
        ("rate", None, 0.0),
        ("vote", -1.0, -1.0),
        ("vote", 0.0, 0.0),
        ("vote", 0.25, 0.25),
        ("judge", 1.0, 1.0),
        ("like", None, 1.0),
        ("like", -7.0, 1.0),
        ("dislike", None, -1.0),
        ("never heard of", None, 0.1),
        ("never heard of", 5.0, 0.1),
    ],
)
def test_actions_are_worth_what_the_table_says(
    action: str, value: float | None, weight: float
) -> None:
    assert DEFAULT_POLICY.rule(action).weigh(value) == weight


@pytest.mark.parametrize(
    ("action", "supersedes"),
    [("rate", True), ("vote", True), ("judge", True), ("like", False), ("unheard of", False)],
)
def test_opinions_supersede_and_deeds_add(action: str, *, supersedes: bool) -> None:
    assert DEFAULT_POLICY.rule(action).supersedes is supersedes


@given(numbers, settings, settings, st.floats(0, 100))
def test_every_value_has_a_bounded_weight_and_no_negative_zero(
    value: float, neutral: float, scale: float, limit: float
) -> None:
    weight = ActionRule(neutral=neutral, scale=scale, limit=limit).weigh(value)
    assert -limit <= weight <= limit
    assert weight != 0 or math.copysign(1, weight) == 1


def test_a_policy_file_changes_what_it_names() -> None:
    policy = load_policy(
        """
        half_rank = 5
        kept = 64
        [actions.wink]
        weight = 0.7
        [actions.rate]
        neutral = 5.0
        supersedes = true
        [unknown_action]
        weight = 0.0
        """
    )
    assert (policy.half_rank, policy.kept) == (5, 64)
    assert policy.half_life_s == DEFAULT_POLICY.half_life_s
    assert policy.rule("wink").weigh(None) == 0.7
    assert policy.rule("rate").weigh(6.0) == 1.0
    assert policy.rule("like") == DEFAULT_POLICY.rule("like")
    assert policy.rule("unheard of").weigh(None) == 0.0


def test_an_empty_policy_file_is_the_default() -> None:
    assert load_policy("") == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("half_life_s = 0", "half_life_s"),
        ("half_life_s = -1.0", "half_life_s"),
        ("half_life_s = nan", "half_life_s"),
        ("half_rank = inf", "half_rank"),
        ("popularity_half_life_s = 0", "popularity_half_life_s"),
        ("popularity_half_life_s = 1.0", "popularity_half_life_s"),
        ("half_rank = 'ten'", "half_rank"),
        ("kept = 0", "kept"),
        ("kept = 1.5", "kept"),
        ("kept = 'all'", "kept"),
        ("choice_weight = nan", "choice_weight"),
        ("choice_weight = -1.0", "choice_weight"),
        ("choice_weight = 'much'", "choice_weight"),
        ("co_occurrence_window = 0", "co_occurrence_window"),
        ("co_occurrence_window = 101", "co_occurrence_window"),
        ("co_occurrence_window = 1.5", "co_occurrence_window"),
        ("co_occurrence_share = 1.1", "co_occurrence_share"),
        ("half_live_s = 3", "half_live_s"),
        ("half_rank = ", "TOML"),
        ("actions = 3", "actions"),
        ("actions.like = 3", "actions.like"),
        ("actions.like.wait = 3", "actions.like"),
        ("actions.like.weight = 'x'", "actions.like"),
        ("actions.like.weight = inf", "actions.like"),
        ("actions.like.weight = true", "actions.like"),
        ("actions.like.limit = -1.0", "actions.like"),
        ("actions.like.limit = nan", "actions.like"),
        ("actions.like.neutral = nan", "actions.like"),
        ("actions.like.scale = inf", "actions.like"),
        ("actions.like.supersedes = 1", "actions.like"),
        ("unknown_action = 3", "unknown_action"),
        ("unknown_action.weight = 'x'", "unknown_action"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_by_name(text: str, names: str) -> None:
    with pytest.raises(PolicyError, match=names) as refused:
        load_policy(text)
    assert "\n" not in str(refused.value)


def test_a_policy_made_in_code_is_held_to_the_same_bounds() -> None:
    with pytest.raises(PolicyError, match="half_life_s"):
        Policy(half_life_s=math.inf)


def test_a_choice_that_is_worth_nothing_has_no_sign() -> None:
    policy = Policy(choice_weight=0.0)
    choice = Preference("t", "e", 0, "u", Choice(item_id="a"), Choice(item_id="b"))
    (effect,) = effects_of(choice, policy)
    assert isinstance(effect, Remember)
    assert [math.copysign(1, row[3]) for row in effect.rows] == [1, 1]


def test_two_actions_of_one_code_are_refused() -> None:
    codes: dict[int, str] = {}
    for number in range(100_000):
        name = f"a{number}"
        other = codes.setdefault(action_code(name), name)
        if other != name:
            break
    with pytest.raises(PolicyError, match="share a code"):
        Policy(actions={name: ActionRule(), other: ActionRule()})
