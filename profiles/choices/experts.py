"""Discovered personas of comparers: a mixture of ways to weigh the features of a comparison.

Each persona k has weights w_k on everybody's log-odds and on measures of text; a user belongs
to k in proportion to how well it explained the user's comparisons so far. Learned online: each
comparison moves every persona by the user's share in it.

References:
    Jacobs, Jordan, Nowlan & Hinton 1991, "Adaptive mixtures of local experts"; Cappé &
    Moulines 2009, "Online expectation–maximization".
"""

from dataclasses import dataclass

import numpy as np

from profiles.choices.bounded import Bounded
from profiles.choices.logistic import Floats, bounded_log_odds
from profiles.choices.wording import MEASURES

__all__ = ["ExpertAnswer", "Experts"]

_LEAST_CURVATURE = 0.02
_WEIGHT_STRENGTH = 50.0


@dataclass(frozen=True, slots=True)
class ExpertAnswer:
    """`shift`: log-odds that membership adds to the personas' average; 0 without evidence.

    `members`: comparisons that the user's personas have learned from, ≥ 0.
    """

    shift: float
    members: float


class Experts:
    """`size` personas, and how well each explains the users seen last.

    Args:
        users: Most users remembered.
        variance: Prior variance of each persona's weights; they start apart by chance.
        forgetting: A user's evidence is multiplied by this at each comparison, in (0, 1].
    """

    def __init__(
        self,
        *,
        size: int = 4,
        users: int = 200_000,
        variance: float = 0.05,
        forgetting: float = 0.99,
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        width = 1 + MEASURES
        self._size = size
        self._mean = rng.normal(0.0, 0.2, (size, width))
        self._covariance = np.tile(np.eye(width) * variance, (size, 1, 1))
        self._mass = np.full(size, _WEIGHT_STRENGTH / size)
        self._forgetting = forgetting
        self._fit: Bounded[str, Floats] = Bounded(users)

    def _probabilities(self, x: Floats, log_odds: float) -> Floats:
        z = log_odds + self._mean @ x
        p: Floats = 1.0 / (1.0 + np.exp(-np.clip(z, -30.0, 30.0)))
        return p

    def _shares(self, fit: Floats) -> Floats:
        z = fit + np.log(self._mass)
        shares: Floats = np.exp(z - z.max())
        shares /= shares.sum()
        return shares

    def predict(self, user: str, difference: Floats, *, log_odds: float) -> ExpertAnswer:
        """Changes nothing."""
        fit = self._fit.get(user)
        if fit is None:
            return ExpertAnswer(0.0, 0.0)
        x = np.concatenate(([log_odds], difference))
        p = self._probabilities(x, log_odds)
        shares = self._shares(fit)
        shift = bounded_log_odds(float(shares @ p)) - bounded_log_odds(
            float(self._mass @ p / self._mass.sum())
        )
        return ExpertAnswer(shift, float(shares @ self._mass))

    def learn(self, user: str, difference: Floats, *, log_odds: float) -> None:
        """The user preferred the first side."""
        fit = self._fit.use(user, lambda: np.zeros(self._size))
        x = np.concatenate(([log_odds], difference))
        p = self._probabilities(x, log_odds)
        fit *= self._forgetting
        fit += np.log(np.maximum(p, 1e-3))
        shares = self._shares(fit)
        spread = self._covariance @ x  # (k, width)
        curvature = shares * np.maximum(p * (1.0 - p), _LEAST_CURVATURE)
        step = 1.0 / (1.0 + curvature * (spread @ x))
        self._mean += spread * (shares * (1.0 - p) * step)[:, None]
        self._covariance -= (
            spread[:, :, None] * spread[:, None, :] * (curvature * step)[:, None, None]
        )
        self._mass += shares

    def forget(self, user: str) -> None:
        self._fit.pop(user)
