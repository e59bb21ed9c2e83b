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

from profiles.choices.logistic import Floats, bounded_log_odds
from profiles.choices.wording import MEASURES

__all__ = ["ExpertAnswer", "Experts"]

_LEAST_CURVATURE = 0.02
_LEAST_PROBABILITY = 1e-3
_WEIGHT_STRENGTH = 50.0
_FORGETTING = 0.99


@dataclass(frozen=True, slots=True)
class ExpertAnswer:
    """`shift`: log-odds that membership adds to the personas' average; 0 without evidence.

    `members`: comparisons that the user's personas have learned from, ≥ 0.
    """

    shift: float
    members: float


@dataclass(slots=True)
class Experts:
    """`k` personas.

    Attributes:
        mean, covariance: Of each persona's weights, shapes (k, 13) and (k, 13, 13).
        mass: Comparisons that each has learned from, shape (k,).
    """

    mean: Floats
    covariance: Floats
    mass: Floats

    @classmethod
    def start(cls, size: int, *, variance: float = 0.05, seed: int = 0) -> "Experts":
        """Personas that differ by chance."""
        width = 1 + MEASURES
        return cls(
            np.random.default_rng(seed).normal(0.0, 0.2, (size, width)),
            np.tile(np.eye(width) * variance, (size, 1, 1)),
            np.full(size, _WEIGHT_STRENGTH / size),
        )

    def probabilities(self, x: Floats, log_odds: Floats) -> Floats:
        """Of each comparison by each persona; x has shape (n, 13), the result (n, k)."""
        z = log_odds[:, None] + x @ self.mean.T
        p: Floats = 1.0 / (1.0 + np.exp(-np.clip(z, -30.0, 30.0)))
        return p

    def fit_of(self, x: Floats, log_odds: Floats) -> Floats:
        """How well each persona explains a user's comparisons, oldest first; shape (k,)."""
        p = np.log(np.maximum(self.probabilities(x, log_odds), _LEAST_PROBABILITY))
        fading = _FORGETTING ** np.arange(len(x) - 1, -1, -1, dtype=np.float64)
        return np.asarray(fading @ p, np.float64)

    def later(self, fit: Floats, x: Floats, log_odds: float) -> Floats:
        """`fit_of` with one comparison more."""
        p = self.probabilities(x[None], np.array([log_odds]))[0]
        later: Floats = fit * _FORGETTING + np.log(np.maximum(p, _LEAST_PROBABILITY))
        return later

    def _shares(self, fit: Floats) -> Floats:
        z = fit + np.log(self.mass)
        shares: Floats = np.exp(z - z.max())
        shares /= shares.sum()
        return shares

    def answer(self, fit: Floats, x: Floats, log_odds: float) -> ExpertAnswer:
        """For a user explained so."""
        p = self.probabilities(x[None], np.array([log_odds]))[0]
        shares = self._shares(fit)
        shift = bounded_log_odds(float(shares @ p)) - bounded_log_odds(
            float(self.mass @ p / self.mass.sum())
        )
        return ExpertAnswer(shift, float(shares @ self.mass))

    def learn(self, fit: Floats, x: Floats, log_odds: float) -> None:
        """A user explained so, this comparison included, preferred the first side."""
        p = self.probabilities(x[None], np.array([log_odds]))[0]
        shares = self._shares(fit)
        spread = self.covariance @ x  # (k, 13)
        curvature = shares * np.maximum(p * (1.0 - p), _LEAST_CURVATURE)
        step = 1.0 / (1.0 + curvature * (spread @ x))
        self.mean = self.mean + spread * (shares * (1.0 - p) * step)[:, None]
        self.covariance = self.covariance - (
            spread[:, :, None] * spread[:, None, :] * (curvature * step)[:, None, None]
        )
        self.mass = self.mass + shares
