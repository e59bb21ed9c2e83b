import numpy as np
import numpy.typing as npt
import pytest

from evaluation.cold import IMPRESSIONS, Impression, cold_figures, impressions, is_held_out
from evaluation.nextitem import StreamedPredictor
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.settings import Settings
from profiles.policy import DEFAULT_POLICY
from schemas.decoded import FastEvent, Interaction, Item

_ITEMS = 120
_SMALL = Settings(
    neighbours=32,
    taste_dimension=8,
    text_dimension=6,
    occasion_dimension=8,
    most_personas=3,
    fitted_predictions=300,
)


def _vector(item: Item) -> npt.NDArray[np.float32]:
    """Texts of low and of high items differ, most of the time."""
    number = int(item.item_id)
    vector = np.random.default_rng(number).standard_normal(8).astype(np.float32) * 0.5
    vector[number % 2] += 1.0
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def _lives(users: range, *, likes: int, items: range) -> list[FastEvent]:
    """Everybody likes odd or even items, early ones first."""
    rng = np.random.default_rng(users.start)
    events: list[FastEvent] = []
    for user in users:
        own = np.array([number for number in items if number % 2 == user % 2])
        chances = 1.0 / (own + 5.0)
        chosen = rng.choice(own, size=likes, replace=False, p=chances / chances.sum())
        events += [
            Interaction(
                "default", f"{user}-{step}", 60_000 * step + user, f"u{user}", str(one), "like"
            )
            for step, one in enumerate(chosen.tolist())
        ]
    return sorted(events, key=lambda event: event.occurred_at_ms)


@pytest.fixture(scope="module")
def seen() -> list[Impression]:
    items: list[FastEvent] = [
        Item("default", f"item-{number}", 0, str(number), "text") for number in range(_ITEMS)
    ]
    learner = NextItemLearner(policy=DEFAULT_POLICY, settings=_SMALL, seed=0)
    predictor = StreamedPredictor(learner, _vector, policy=DEFAULT_POLICY)
    return list(
        impressions(
            predictor,
            items=items,
            warm=_lives(range(100), likes=25, items=range(_ITEMS)),
            test=_lives(range(100, 160), likes=25, items=range(_ITEMS)),
        )
    )


def test_a_new_item_is_ranked_better_than_by_popularity_and_by_text_alone(
    seen: list[Impression],
) -> None:
    figures = cold_figures(seen)
    for other in ("popularity", "text"):
        assert figures[f"blend minus {other}"].low > 0.0
    # Expected, not zero: popularity puts new items in the middle, not last.
    assert 0.2 < figures["popularity"].mean < 0.9


def test_only_the_first_impressions_of_held_out_items_are_asked_about(
    seen: list[Impression],
) -> None:
    assert seen
    assert all(is_held_out(one.item_id) for one in seen)
    assert all(1 <= one.number <= IMPRESSIONS for one in seen)
    for item in {one.item_id for one in seen}:
        numbers = [one.number for one in seen if one.item_id == item]
        assert numbers == sorted(set(numbers))


def test_intervals_are_by_items_and_hold_the_mean() -> None:
    seen = [
        Impression(item, number, {"blend": 0.6, "popularity": share, "text": 0.5})
        for item, share in (("a", 0.1), ("b", 0.9))
        for number in range(10)
    ]
    figures = cold_figures(seen)
    assert figures["popularity"].mean == pytest.approx(0.5)
    assert (figures["popularity"].low, figures["popularity"].high) == pytest.approx((0.1, 0.9))
    assert figures["blend minus text"].low == pytest.approx(0.1)
    assert cold_figures([]) == {}
