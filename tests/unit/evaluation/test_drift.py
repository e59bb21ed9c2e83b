from evaluation.drift import WINDOW, drift_of, planted_change
from profiles.nextitem.settings import Settings

_SMALL = Settings(
    neighbours=64,
    taste_dimension=16,
    text_dimension=4,
    occasion_dimension=16,
    most_personas=6,
    fitted_predictions=400,
)


def test_after_a_change_of_taste_nine_tenths_of_the_quality_are_back_within_twenty_events() -> None:
    drift = drift_of(planted_change(seed=1, users=100), _SMALL)
    # The change hurts: without it there would be nothing to recover from.
    assert drift.recovery(0) < 0.3
    within_twenty = 20 // WINDOW
    assert max(drift.recovery(window) for window in range(within_twenty)) >= 0.9
    later = [drift.recovery(window) for window in range(within_twenty - 1, within_twenty + 2)]
    assert sum(later) / len(later) >= 0.9


def test_who_does_not_change_is_predicted_as_well_as_before() -> None:
    planted = planted_change(seed=1, users=40, at=20, after=10)
    assert len(planted.changed) == len(planted.settled) == 10
    drift = drift_of(planted, _SMALL)
    assert sorted(drift.settled) == list(range(-4, 2))
    assert drift.settled[0] > 3 * drift.changed[0]
