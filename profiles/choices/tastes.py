"""A user's own way of comparing, on top of everybody's.

Linear log-odds shift x · w_u of features x of a comparison, with w_u ~ N(0, prior) per user:
how far the user follows the majority, and which measures of text they care for beyond it.
Beside it the memory of single items: how much better an item fared with this user than was
expected.

References:
    Kalman 1960; West, Harrison & Migon 1985, "Dynamic generalized linear models".
"""

from dataclasses import dataclass

import numpy as np

from profiles.choices.bounded import Bounded
from profiles.choices.logistic import Floats, gain, slope
from profiles.choices.wording import MEASURES

__all__ = ["TasteAnswer", "Tastes"]

_MEMORY_STRENGTH = 2.0


@dataclass(frozen=True, slots=True)
class TasteAnswer:
    """What a user adds to everybody's log-odds; all are 0 without evidence.

    Attributes:
        shift: Of the linear part; `variance` its variance, ≥ 0.
        memory: Mean surprise of the first item less that of the second, in (-2, 2), each
            shrunk by two pseudo-comparisons.
        remembered: Earlier comparisons of either item by this user, ≥ 0.
        comparisons: Of this user, ≥ 0.
    """

    shift: float
    variance: float
    memory: float
    remembered: float
    comparisons: int


class _Taste:
    __slots__ = ("comparisons", "covariance", "mean", "memory")

    def __init__(self, prior: Floats, kept: int) -> None:
        self.mean = np.zeros(len(prior))
        self.covariance = np.diag(prior)
        self.memory: Bounded[str, tuple[float, int]] = Bounded(kept)
        self.comparisons = 0


class Tastes:
    """Of the users seen last.

    Args:
        users: Most users remembered; `kept`: most items remembered of each.
        following, measure: Prior variances of the weight of everybody's log-odds, and of each
            measure.
    """

    def __init__(
        self,
        *,
        users: int = 200_000,
        kept: int = 512,
        following: float = 0.3,
        measure: float = 0.03,
    ) -> None:
        self._users: Bounded[str, _Taste] = Bounded(users)
        self._kept = kept
        self._prior = np.array([following] + [measure] * MEASURES)

    def predict(
        self, user: str, a: str, b: str, difference: Floats, *, log_odds: float
    ) -> TasteAnswer:
        """Changes nothing.

        Args:
            difference: Measures of a less those of b.
            log_odds: Everybody's.
        """
        x = np.concatenate(([log_odds], difference))
        known = self._users.get(user)
        if known is None:
            return TasteAnswer(0.0, float(x @ (self._prior * x)), 0.0, 0.0, 0)
        first = known.memory.get(a) or (0.0, 0)
        second = known.memory.get(b) or (0.0, 0)
        return TasteAnswer(
            shift=float(known.mean @ x),
            variance=float(x @ known.covariance @ x),
            memory=first[0] / (first[1] + _MEMORY_STRENGTH)
            - second[0] / (second[1] + _MEMORY_STRENGTH),
            remembered=float(first[1] + second[1]),
            comparisons=known.comparisons,
        )

    def learn(self, user: str, a: str, b: str, difference: Floats, *, log_odds: float) -> None:
        """The user preferred `a` to `b` where everybody's log-odds for it were `log_odds`."""
        taste = self._users.use(user, lambda: _Taste(self._prior, self._kept))
        x = np.concatenate(([log_odds], difference))
        spread = taste.covariance @ x
        variance = float(x @ spread)
        residual, curvature = slope(log_odds + float(taste.mean @ x), variance, 1.0)
        step = gain(curvature, variance)
        taste.mean = taste.mean + spread * (residual * step)
        taste.covariance = taste.covariance - np.outer(spread, spread) * (curvature * step)
        surprise, _ = slope(log_odds, 0.0, 1.0)
        for item, signed in ((a, surprise), (b, -surprise)):
            total, count = taste.memory.get(item) or (0.0, 0)
            taste.memory.put(item, (total + signed, count + 1))
        taste.comparisons += 1

    def forget(self, user: str) -> None:
        self._users.pop(user)
