"""Who sees no difference between two says that neither is better, and nothing else."""

import math
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_choices import learner, pair, prefer, streamed
from scipy import optimize

from evaluation.nextitem import StoredStates
from evaluation.references import RunningShares
from evaluation.tasks import PairwiseTask
from profiles.choices.acts import comparisons_of
from profiles.choices.pair_tables import Side
from profiles.choices.strengths import Duels, StrengthOptions, fit_strengths
from profiles.choices.wording import MEASURES
from profiles.ids import item_key
from profiles.policy import DEFAULT_POLICY
from profiles.queries import Level
from profiles.state import EMPTY_STATE, UserState
from schemas.decoded import Choice, FastEvent, Preference


def tie(user: str, one: str, other: str, number: int = 0) -> Preference:
    return Preference(
        "t",
        f"t-{user}-{number}",
        number,
        user,
        Choice(item_id=one),
        Choice(item_id=other),
        strength=0.0,
    )


def states(events: list[Preference]) -> dict[bytes, UserState]:
    stored = StoredStates(DEFAULT_POLICY)
    return {key: stored.of(key) for key in {stored.add(event) for event in events}}


def apart(events: list[Preference], *pairs: str, refit: bool) -> list[float]:
    """Everybody's log-odds of the first of each pair of items over the second."""
    made = learner()
    for user, state in states(events).items():
        made.fold(user, state)
    if refit:
        made.refit()
    tables = made.current().pairs
    means = (
        [float(tables.strengths.mean[tables.row_of[item_key("t", name)]]) for name in pair]
        for pair in pairs
    )
    return [first - second for first, second in means]


def test_a_tie_pulls_to_neither_side_and_its_sides_may_change_places() -> None:
    (one,) = states([tie("u", "a", "b")]).values()
    (other,) = states([tie("u", "b", "a")]).values()
    made = comparisons_of(one, DEFAULT_POLICY)
    assert (made.tied.tolist(), made.weights.tolist()) == ([True], [1.0])
    assert not comparisons_of(one, DEFAULT_POLICY).weights[~made.tied].size
    assert one.sets.keys() == other.sets.keys()
    assert all(one.sets[kind].tobytes() == other.sets[kind].tobytes() for kind in one.sets)
    assert not any(rows["weight"].any() for rows in one.sets.values())


def test_a_policy_by_which_choices_weigh_nothing_makes_ties_nothing() -> None:
    (state,) = states([tie("u", "a", "b")]).values()
    assert len(comparisons_of(state, replace(DEFAULT_POLICY, choice_weight=0.0))) == 0


@pytest.mark.parametrize("refit", [False, True])
def test_who_is_tied_more_often_is_less_apart(*, refit: bool) -> None:
    chosen = [prefer(f"{one}{n}", one, other, n) for one, other in ("ab", "cd") for n in range(12)]
    tied = [tie(f"t{n}", "a", "b", 20 + n) for n in range(12)]
    more = [prefer(f"m{n}", "c", "d", 20 + n) for n in range(12)]
    often, never = apart([*chosen, *tied, *more], "ab", "cd", refit=refit)
    assert 0.0 < often < never


@pytest.mark.parametrize("refit", [False, True])
def test_nothing_but_ties_says_nothing_of_who_is_better(*, refit: bool) -> None:
    tied = [tie(f"t{n}", "a", "b", n) for n in range(12)]
    assert apart(tied, "ab", refit=refit) == pytest.approx([0.0], abs=1e-9)


def test_fitted_ties_satisfy_davidsons_equations() -> None:
    """At the most probable point Σ (wins + ½ ties) less what is expected is the prior's pull."""
    rng = np.random.default_rng(3)
    items, n = 5, 4_000
    true, ties = np.linspace(-1.0, 1.0, items), 0.8
    pairs = np.array([rng.choice(items, 2, replace=False) for _ in range(n)])
    z = true[pairs[:, 0]] - true[pairs[:, 1]]
    odds = np.stack([np.exp(z / 2), np.exp(-z / 2), np.full(n, ties)], axis=1)
    drawn = (rng.random(n)[:, None] > np.cumsum(odds / odds.sum(1, keepdims=True), 1)).sum(1)
    won = np.where(drawn == 1, pairs[:, 1], pairs[:, 0])
    lost = np.where(drawn == 1, pairs[:, 0], pairs[:, 1])
    users = np.arange(n) % 400
    duels = Duels(users, won, lost, np.ones(n), drawn == 2)
    options = StrengthOptions(strength=100.0, following=1e-9)
    found = fit_strengths(duels, np.zeros((items, MEASURES)), options)
    assert found.mean - found.mean.mean() == pytest.approx(true, abs=0.15)
    half = (found.mean[won] - found.mean[lost]) / 2
    implied = np.exp(half) + np.exp(-half)
    # ν by its own equation: as many ties as are expected.
    fitted = optimize.brentq(lambda v: (v / (implied + v) - duels.tied).sum(), 0.01, 10.0)
    assert fitted == pytest.approx(ties, abs=0.1)
    expected = (np.exp(half) + fitted / 2) / (implied + fitted)
    scored = np.where(duels.tied, 0.5, 1.0) - expected
    of_items = np.bincount(won, scored, items) - np.bincount(lost, scored, items)
    assert of_items == pytest.approx(np.zeros(items), abs=2.0)


def test_what_a_tie_counts_leaves_with_it() -> None:
    made = learner()
    history = [prefer("u", "a", "b", 1), tie("u", "a", "b", 2)]
    (key,) = states(history)
    made.fold(key, states(history)[key])
    pairs = made.current().pairs
    rows = [pairs.row_of[item_key("t", name)] for name in "ab"]
    assert (pairs.wins[rows].tolist(), pairs.duels[rows].tolist()) == ([1.5, 0.5], [2.0, 2.0])
    made.fold(key, states(history[:1])[key])
    pairs = made.current().pairs
    assert (pairs.wins[rows].tolist(), pairs.duels[rows].tolist()) == ([1.0, 0.0], [1.0, 1.0])


acts = st.builds(
    lambda make, user, sides, at: make(user, *sides, at),
    st.sampled_from([prefer, tie]),
    st.sampled_from(["u0", "u1"]),
    st.sampled_from([("a", "b"), ("b", "a"), ("b", "c")]),
    st.integers(0, 30),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(acts, max_size=12), st.randoms(use_true_random=False))
def test_the_model_depends_on_no_order(history: list[Preference], chance: random.Random) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    answers = []
    for events in (history, shuffled):
        made = learner()
        stored = states(events)
        for key in sorted(stored):
            made.fold(key, stored[key])
        made.refit()
        state = next(iter(sorted(stored.items())), (b"", None))[1]
        sides = Side(item_key("t", "a")), Side(item_key("t", "b"))
        answers.append(made.model().pair(state or EMPTY_STATE, *sides))
    first, second = answers
    for level in Level:
        assert first[level].log_odds == pytest.approx(second[level].log_odds, abs=1e-6)


def test_a_tie_is_neither_predicted_nor_history() -> None:
    task = PairwiseTask()
    asked: Counter[bool] = Counter()
    events: list[FastEvent] = [tie("u", "a", "b", 1), prefer("u", "a", "b", 2)]
    for event in events:
        query = task.ask(event)
        asked[query is not None] += 1
        if query is not None:
            assert task.score(event, dict.fromkeys(Level, 0.0)).history == 0
        task.note(event)
    assert asked == {True: 1, False: 1}
    assert task.score(events[1], dict.fromkeys(Level, 0.0)).history == 1


def test_a_tie_wins_half_for_each_side_of_a_running_rate() -> None:
    rates = RunningShares()
    rates.learn(tie("u", "a", "b"))
    rates.learn(prefer("u", "a", "c", 1))
    # (1.5 + 1) / (2 + 2) against (0.5 + 1) / (1 + 2)
    assert rates.predict(pair("u", "a", "b"))[Level.GLOBAL] == pytest.approx(math.log(0.625 / 0.5))


def test_ties_are_learned_offline_as_in_the_stream() -> None:
    streamed_now = streamed([tie("u", "a", "b", 1), prefer("u", "b", "a", 2)], warm=False)
    answer = streamed_now.predict(pair("u", "a", "b"))
    assert all(math.isfinite(value) for value in answer.values())
    assert answer[Level.USER] < 0
