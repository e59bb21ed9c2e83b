"""Crossovers: planted ones are found again, absent ones are not made up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sklearn.isotonic import IsotonicRegression

from evaluation.report.advice import advise, crossover_result
from evaluation.report.crossover import Crossover, Verdict, find_crossover, thresholds
from evaluation.report.samples import draw_users
from profiles.queries import Level


def found(
    *, before: float, beyond: float, at: int, users: int = 200, events: int = 60, seed: int = 0
) -> Crossover:
    """Layers that differ by `before` up to `at` events and by `beyond` from there on."""
    rng = np.random.default_rng(seed)
    history = np.tile(np.arange(events), users)
    owner = np.repeat(np.arange(users), events)
    mean = np.where(history < at, before, beyond)
    # Hits of one layer less hits of another: -1, 0 or 1; users differ from each other.
    chance = np.clip(mean + rng.normal(0, 0.05, users)[owner], -0.4, 0.4)
    right = rng.random(len(owner)) < 0.3 + chance / 2
    wrong = rng.random(len(owner)) < 0.3 - chance / 2
    difference = right.astype(np.float64) - wrong
    draws = draw_users(users, resamples=500, seed=1)
    return find_crossover(difference, history, owner, draws, worth=0.005)


def said(crossover: Crossover) -> str:
    headline = crossover_result(Level.BLEND, Level.GLOBAL, crossover)
    return advise(headline, (), metric="accuracy", worth=0.005)[0]


@pytest.mark.parametrize("at", [3, 11, 30])
def test_a_planted_crossover_is_in_its_interval(at: int) -> None:
    crossover = found(before=-0.1, beyond=0.1, at=at)
    assert crossover.verdict is Verdict.PAYS
    assert crossover.events is not None
    assert crossover.earliest is not None
    assert crossover.latest is not None
    assert crossover.earliest <= at <= crossover.latest * 1.4
    assert at / 1.5 <= crossover.events <= at * 1.5
    assert crossover.beyond == pytest.approx(0.1, abs=0.03)
    assert f"pays after about {crossover.events} of the user's own events" in said(crossover)


def test_a_layer_that_is_always_worse_never_pays() -> None:
    crossover = found(before=-0.1, beyond=-0.1, at=5)
    assert (crossover.verdict, crossover.events, crossover.latest) == (Verdict.NOT, None, None)
    assert crossover.gain == 0.0
    assert said(crossover).startswith("It does not pay here")


def test_noise_is_not_called_a_gain() -> None:
    verdicts = [found(before=0.0, beyond=0.0, at=5, users=60, seed=n).verdict for n in range(40)]
    # At 5 % about two of forty worlds without any difference would be called a gain.
    assert sum(one in {Verdict.PAYS, Verdict.LITTLE} for one in verdicts) <= 5


def test_the_lower_bound_is_above_nothing_just_where_the_gain_is_significant() -> None:
    verdicts = set()
    for seed in range(25):
        crossover = found(before=0.0, beyond=0.015, at=5, users=60, seed=seed)
        assert crossover.p_value is not None
        if crossover.gain_low is None or 0.04 < crossover.p_value < 0.06:
            continue
        assert (crossover.gain_low > 0) == (crossover.p_value < 0.05)
        verdicts.add(crossover.verdict)
    assert {Verdict.PAYS, Verdict.UNCLEAR} <= verdicts


def test_few_users_are_not_enough_to_say() -> None:
    crossover = found(before=0.05, beyond=0.05, at=5, users=12)
    assert (crossover.verdict, crossover.events) == (Verdict.UNCLEAR, None)
    assert "720 predictions of 12 users are too few" in said(crossover)


def test_a_small_sure_gain_pays_little() -> None:
    users, events = 400, 40
    owner, history = np.repeat(np.arange(users), events), np.tile(np.arange(events), users)
    difference = np.where(history == 7, 0.1, 0.0)
    draws = draw_users(users, resamples=300, seed=1)
    crossover = find_crossover(difference, history, owner, draws, worth=0.005)
    assert (crossover.verdict, crossover.events) == (Verdict.LITTLE, 6)
    assert "but little" in said(crossover)


def test_layers_that_always_answer_alike_are_a_fact_of_as_many_users_as_there_are() -> None:
    for users, verdict in ((100, Verdict.UNCLEAR), (1_000, Verdict.NOT)):
        owner = np.repeat(np.arange(users), 5)
        draws = draw_users(users, resamples=200, seed=0)
        history = np.tile(np.arange(5), users)
        crossover = find_crossover(np.zeros(5 * users), history, owner, draws, worth=0.005)
        assert (crossover.verdict, crossover.events) == (verdict, None)
        assert crossover.gain_high == pytest.approx(3 / users)


def test_a_gain_of_one_user_is_named() -> None:
    users, events = 40, 20
    owner, history = np.repeat(np.arange(users), events), np.tile(np.arange(events), users)
    difference = np.where(owner == 3, 1.0, 0.0)
    draws = draw_users(users, resamples=300, seed=1)
    crossover = find_crossover(difference, history, owner, draws, worth=0.005)
    assert crossover.one_user == 1.0
    assert crossover.verdict is Verdict.UNCLEAR
    headline = crossover_result(Level.BLEND, Level.GLOBAL, crossover)
    careful = advise(headline, (), metric="accuracy", worth=0.005)[-1]
    assert careful == "Careful: a single user brings 100% of the gain of individual data."
    losing = replace(headline, one_user=1.5)
    careful = advise(losing, (), metric="accuracy", worth=0.005)[-1]
    assert careful == "Careful: a single user brings more than all of the gain of individual data."


def test_a_rule_that_gains_as_much_as_it_loses_is_no_better_than_never() -> None:
    owner, history = np.repeat(np.arange(40), 2), np.tile(np.arange(2), 40)
    difference = np.where(owner < 20, 1.0, -1.0)
    draws = draw_users(40, resamples=200, seed=0)
    crossover = find_crossover(difference, history, owner, draws, worth=0.005)
    assert (crossover.verdict, crossover.events) == (Verdict.UNCLEAR, None)
    assert (crossover.gain, crossover.one_user) == (0.0, None)


def test_histories_under_the_least_are_left_out() -> None:
    users, events = 50, 10
    owner, history = np.repeat(np.arange(users), events), np.tile(np.arange(events), users)
    difference = np.where(history == 0, 1.0, 0.0)
    draws = draw_users(users, resamples=200, seed=0)
    crossover = find_crossover(difference, history, owner, draws, worth=0.05, least=1)
    assert (crossover.n, crossover.gain) == (users * (events - 1), 0.0)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=5))
def test_the_crossover_is_where_the_isotonic_regression_crosses_zero(steps: list[int]) -> None:
    users = 30
    owner = np.repeat(np.arange(users), len(steps))
    history = np.tile(np.arange(len(steps)), users)
    # So that no block of steps sums to zero: a crossing would be anywhere in it.
    difference = np.array(steps, np.float64)[history] + 0.37
    assert thresholds(history, owner) == list(range(len(steps)))
    crossover = find_crossover(
        difference, history, owner, draw_users(users, resamples=200, seed=0), worth=0.005
    )
    fit = IsotonicRegression().fit_transform(history, difference)
    assert crossover.events == min(history[fit > 0].tolist(), default=None)
