"""Discovered personas of voters: a mixture in which members vote alike.

Each persona k of a community has its own probabilities θ_ki of for, against and neither on
every item, shrunk towards the item's by `strength` pseudo-votes. Mixtures of several sizes are
fitted and averaged by how well they explain the user so far: the data choose the number.

References:
    Dempster, Laird & Rubin 1977 (EM); Hoeting et al. 1999, "Bayesian model averaging".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.choices.logistic import Floats, bounded_log_odds

__all__ = ["Mixture", "PersonaAnswer", "fit_mixture"]

Columns = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PersonaAnswer:
    """`shift`: log-odds that membership adds to the average of all personas.

    Exactly 0 without votes. `effective_personas` is 1 / Σ r², 1 when membership is certain.
    `members`: how many fitted users the personas the user is in amount to.
    """

    shift: float
    effective_personas: float
    members: float


@dataclass(frozen=True, slots=True)
class Mixture:
    """Of one community, k personas of all sizes together.

    Attributes:
        log_weights: Shape (k,).
        log_theta: Shape (3, k, items): for, against, neither; float32.
        members: Fitted users in each, shape (k,).
    """

    log_weights: Floats
    log_theta: npt.NDArray[np.float32]
    members: Floats

    def predict(self, columns: Columns, values: npt.NDArray[np.int8], target: int) -> PersonaAnswer:
        """From a user's earlier votes in the community, passes included."""
        if not len(columns):
            return _NONE
        rows = np.where(values == 0, 2, (1 - values) // 2)
        evidence = self.log_weights + self.log_theta[rows, :, columns].sum(0, dtype=np.float64)
        share = np.exp(evidence - evidence.max())
        share /= share.sum()
        ayes, noes = np.exp(self.log_theta[:2, :, target].astype(np.float64))
        theta = ayes / (ayes + noes)
        average = float(np.exp(self.log_weights) @ theta)
        shift = bounded_log_odds(float(share @ theta)) - bounded_log_odds(average)
        return PersonaAnswer(shift, float(1.0 / (share @ share)), float(share @ self.members))


_NONE = PersonaAnswer(0.0, 0.0, 0.0)


def fit_mixture(
    votes: npt.NDArray[np.int8],
    *,
    sizes: Sequence[int] = (2, 4, 8, 16),
    strength: float = 3.0,
    rounds: int = 40,
    seed: int = 0,
) -> Mixture:
    """Expectation–maximisation for each size; see `Community` for `votes`."""
    parts = [_fit(votes, size, strength, rounds, seed) for size in sizes]
    return Mixture(
        np.concatenate([part.log_weights for part in parts]) - np.log(len(sizes)),
        np.concatenate([part.log_theta for part in parts], 1),
        np.concatenate([part.members for part in parts]),
    )


def _fit(
    votes: npt.NDArray[np.int8], size: int, strength: float, rounds: int, seed: int
) -> Mixture:
    seen = np.stack([votes == 1, votes == -1, votes == 0]).astype(np.float32)
    users, items = votes.shape
    flat = np.ascontiguousarray(seen.transpose(1, 0, 2).reshape(users, 3 * items))
    counts = seen.sum(1) + np.array([[1.0], [0.5], [0.5]], np.float32)
    base = (counts / counts.sum(0)).reshape(3 * items)
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(size), users).astype(np.float32)
    log_theta = np.zeros((size, 3 * items), np.float32)
    log_weights = np.zeros(size)
    for _ in range(rounds):
        theta = (share.T @ flat + strength * base).reshape(size, 3, items)
        theta /= theta.sum(1, keepdims=True)
        log_theta = np.log(theta).reshape(size, 3 * items).astype(np.float32)
        mass = share.sum(0) + _WEIGHT_STRENGTH / size
        log_weights = np.log(mass / mass.sum())
        fit = flat @ log_theta.T + log_weights
        fit -= fit.max(1, keepdims=True)
        share = np.exp(fit).astype(np.float32)
        share /= share.sum(1, keepdims=True)
    shaped = log_theta.reshape(size, 3, items).transpose(1, 0, 2)
    return Mixture(log_weights, shaped, share.sum(0).astype(np.float64))


_WEIGHT_STRENGTH = 5.0
