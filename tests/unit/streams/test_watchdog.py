"""A worker whose lag stands still is noticed, and none that works or waits for the broker."""

from streams.watchdog import Watchdog

STALL_S = 10.0


def looks(*moments: tuple[float, int, bool], answered_after_s: float = 0.0) -> list[bool]:
    """What is found at each (moment, progress, lag)."""
    watchdog = Watchdog(STALL_S, now_s=0.0)
    return [
        watchdog.stands_still(
            asked_s=at_s - answered_after_s, now_s=at_s, progress=(progress,), lag=lag
        )
        for at_s, progress, lag in moments
    ]


def test_lag_without_progress_is_noticed_when_it_has_lasted() -> None:
    assert looks((1, 0, True), (6, 0, True), (11, 0, True), (11.5, 0, True)) == [
        False,
        False,
        False,
        True,
    ]


def test_a_worker_that_moves_is_left_alone() -> None:
    assert not any(looks(*((5.0 * turn, turn, True) for turn in range(20))))


def test_a_worker_with_nothing_to_do_is_left_alone() -> None:
    assert not any(looks(*((5.0 * turn, 0, False) for turn in range(20))))


def test_the_time_begins_anew_when_work_arrives() -> None:
    assert looks((1, 0, True), (100, 0, False), (105, 0, True), (111, 0, True)) == [
        False,
        False,
        False,
        True,
    ]


def test_time_in_which_the_broker_did_not_answer_does_not_count() -> None:
    assert not any(looks((1, 0, True), (101, 0, True), (201, 0, True), answered_after_s=96.0))
