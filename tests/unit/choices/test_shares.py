"""What each layer brings to a score."""

import pytest

from profiles.choices.layers import ChoiceAnswer, shares
from profiles.queries import Level


def test_the_shares_of_layers_sum_to_one_and_follow_what_each_changes() -> None:
    def answers(everybody: float, persona: float, blend: float) -> dict[Level, ChoiceAnswer]:
        odds = {Level.GLOBAL: everybody, Level.PERSONA: persona, Level.BLEND: blend}
        return {level: ChoiceAnswer(value, 1.0, 0.0) for level, value in odds.items()}

    unchanged = shares(answers(0.8, 0.8, 0.8))
    assert unchanged == {Level.GLOBAL: 1.0, Level.PERSONA: 0.0, Level.USER: 0.0}
    turned = shares(answers(0.5, 0.5, -0.5))
    assert turned[Level.USER] == pytest.approx(2 / 3)
    assert sum(turned.values()) == pytest.approx(1.0)
    assert set(shares(answers(0.0, 0.0, 0.0)).values()) == {0.0}
