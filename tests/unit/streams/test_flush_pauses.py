"""How long a flush lets the next one wait."""

import pytest

from streams.worker import pause_after


@pytest.mark.parametrize(
    ("took_s", "users", "pause_s"),
    [
        pytest.param(0.0, 0, 0.25, id="nothing to do"),
        pytest.param(0.1, 300, 0.15, id="few: from one beginning to the next"),
        pytest.param(0.6, 300, 0.0, id="few on a slow disk: at once"),
        pytest.param(0.1, 5_000, 0.25, id="many: from the end"),
        pytest.param(2.0, 5_000, 0.25, id="many, and it took long"),
    ],
)
def test_a_flush_of_few_users_lets_the_next_wait_less(
    took_s: float, users: int, pause_s: float
) -> None:
    assert pause_after(took_s, users=users, interval_s=0.25) == pytest.approx(pause_s)
