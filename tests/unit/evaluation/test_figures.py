import numpy as np
import pytest

from evaluation.figures import summarise
from evaluation.protocol import BUCKETS, Scored
from profiles.queries import Level


def _scored(user: str, history: int, blend: float, single: float) -> Scored:
    hits = {level: {"accuracy": single} for level in Level}
    hits[Level.BLEND] = {"accuracy": blend}
    return Scored("e", user, history, hits, {})


def test_means_are_over_events_within_each_bucket() -> None:
    scored = [_scored("u", 0, 1, 0), _scored("u", 1, 1, 0), _scored("v", 0, 0, 0)]
    figures = summarise(scored, metric="accuracy")
    blend = figures.by_level[Level.BLEND]
    assert blend[None].mean == pytest.approx(2 / 3)
    assert blend[None].n == 3
    assert (blend[BUCKETS[0]].mean, blend[BUCKETS[0]].n) == (0.5, 2)
    assert (blend[BUCKETS[1]].mean, blend[BUCKETS[1]].n) == (1.0, 1)
    assert BUCKETS[2] not in blend


def test_users_are_drawn_and_not_events() -> None:
    # 2 users of 500 equal events each: the mean of a resample is 0, 1/2 or 1.
    scored = [_scored("u", 3, 1, 0)] * 500 + [_scored("v", 3, 0, 0)] * 500
    blend = summarise(scored, metric="accuracy").by_level[Level.BLEND][None]
    assert (blend.low, blend.mean, blend.high) == (0.0, 0.5, 1.0)


def test_the_interval_is_that_of_a_mean_of_independent_users() -> None:
    rng = np.random.default_rng(3)
    hits = rng.random(400)
    scored = [_scored(f"u{number}", 0, hit, 0) for number, hit in enumerate(hits)]
    blend = summarise(scored, metric="accuracy").by_level[Level.BLEND][None]
    half = 1.96 * hits.std() / np.sqrt(400)
    assert blend.high - blend.low == pytest.approx(2 * half, rel=0.1)


def test_differences_are_paired() -> None:
    # Users differ widely, the difference within each does not: no spread.
    scored = [_scored(f"u{number}", 0, number / 50 + 0.1, number / 50) for number in range(40)]
    advantage = summarise(scored, metric="accuracy").advantages[None]
    assert advantage.mean == pytest.approx(0.1)
    assert advantage.standard_error == pytest.approx(0.0, abs=1e-12)


def test_equal_seeds_give_equal_intervals() -> None:
    scored = [_scored(f"u{number}", 0, number % 3 / 2, 0) for number in range(30)]
    first, second, other = (summarise(scored, metric="accuracy", seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_no_predictions_give_no_figures() -> None:
    figures = summarise([], metric="accuracy")
    assert (figures.by_level, figures.advantages) == ({}, {})
