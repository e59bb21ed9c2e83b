"""Growth is told from the warm-up before it, and from noise."""

import pytest
from chaos.soak import growth


def test_memory_that_stays_does_not_grow() -> None:
    assert growth([50 + sample % 3 for sample in range(300)]) == 0.0


def test_what_is_taken_in_the_first_third_does_not_count() -> None:
    assert growth([*range(100), *([100] * 200)]) == 0.0


def test_a_leak_is_seen() -> None:
    assert growth([1_000 + sample for sample in range(300)]) == pytest.approx(0.16, abs=0.01)
