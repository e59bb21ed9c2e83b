"""Bradley–Terry: the strength of items from who was preferred to whom.

log-odds(a over b) = θ_a − θ_b + β · (f_a − f_b), θ and β with Gaussian beliefs; f are measures
of the text, so that an item nobody compared yet has a place. Swapping a and b changes only
the sign.

References:
    Bradley & Terry 1952, "Rank analysis of incomplete block designs".
    Herbrich, Minka & Graepel 2007, "TrueSkill" (online beliefs about strengths).
"""

from dataclasses import dataclass

import numpy as np

from profiles.choices.bounded import Bounded
from profiles.choices.logistic import Floats, bounded_log_odds, gain, moderated, slope
from profiles.choices.wording import MEASURES

__all__ = ["DuelAnswer", "Duels"]


@dataclass(frozen=True, slots=True)
class DuelAnswer:
    """Log-odds that the first side is preferred by anybody.

    Attributes:
        rates: From the two shares of comparisons won alone.
        strengths: From θ and β.
        text: From β alone.
        fewest: Comparisons of the side that had fewer, ≥ 0.
        variance: Of `strengths` before moderation, ≥ 0.
    """

    rates: float
    strengths: float
    text: float
    fewest: float
    variance: float


class _Record:
    __slots__ = ("duels", "mean", "variance", "wins")

    def __init__(self, variance: float) -> None:
        self.mean = 0.0
        self.variance = variance
        self.wins = 0.0
        self.duels = 0.0


class Duels:
    """Records of the items used last.

    Args:
        items: Most items remembered.
        strength_variance: Prior of θ; `measure_variance`: prior of each β.
        won: Pseudo-comparisons, half of them won, of an item without any.
    """

    def __init__(
        self,
        *,
        items: int = 200_000,
        strength_variance: float = 1.0,
        measure_variance: float = 0.3,
        won: float = 3.0,
    ) -> None:
        self._records: Bounded[str, _Record] = Bounded(items)
        self._strength_variance = strength_variance
        self._won = won
        self._mean = np.zeros(MEASURES)
        self._covariance = np.eye(MEASURES) * measure_variance

    def _record(self, item: str) -> _Record:
        return self._records.use(item, lambda: _Record(self._strength_variance))

    def _share(self, record: _Record) -> float:
        return (record.wins + self._won / 2) / (record.duels + self._won)

    def predict(self, a: str, b: str, difference: Floats) -> DuelAnswer:
        """Changes nothing.

        Args:
            difference: Measures of a less those of b.
        """
        first = self._records.get(a) or _Record(self._strength_variance)
        second = self._records.get(b) or _Record(self._strength_variance)
        text = float(difference @ self._mean)
        of_text = float(difference @ self._covariance @ difference)
        variance = first.variance + second.variance + of_text
        return DuelAnswer(
            rates=bounded_log_odds(self._share(first)) - bounded_log_odds(self._share(second)),
            strengths=moderated(first.mean - second.mean + text, variance),
            text=moderated(text, of_text),
            fewest=min(first.duels, second.duels),
            variance=variance,
        )

    def learn(self, a: str, b: str, difference: Floats, *, weight: float = 1.0) -> None:
        """`a` was preferred to `b`.

        Args:
            weight: How many comparisons it is worth, > 0.
        """
        first, second = self._record(a), self._record(b)
        spread = self._covariance @ difference
        variance = first.variance + second.variance + float(difference @ spread)
        mean = first.mean - second.mean + float(difference @ self._mean)
        residual, curvature = slope(mean, variance, 1.0)
        residual, curvature = weight * residual, weight * curvature
        step = gain(curvature, variance)
        first.mean += first.variance * residual * step
        second.mean -= second.variance * residual * step
        first.variance -= first.variance**2 * curvature * step
        second.variance -= second.variance**2 * curvature * step
        self._mean = self._mean + spread * (residual * step)
        self._covariance = self._covariance - np.outer(spread, spread) * (curvature * step)
        first.wins += weight
        first.duels += weight
        second.duels += weight

    def remove(self, a: str, b: str, *, weight: float = 1.0) -> None:
        """Take a counted comparison out of the shares; θ and β wait for a refit."""
        first, second = self._records.get(a), self._records.get(b)
        if first is not None:
            first.wins = max(0.0, first.wins - weight)
            first.duels = max(first.wins, first.duels - weight)
        if second is not None:
            second.duels = max(second.wins, second.duels - weight)
