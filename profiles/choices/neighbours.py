"""Item–item ridge regression: a vote from the same user's votes on other items.

For each item j, over users s who voted on it: r_sj ≈ Σ_i w_ji r_si / sqrt(n_s + 5), where
r = vote − the item's mean and n_s the user's votes; w_j minimises the squared error plus
λ‖w_j‖². Missing votes are at the mean. A weight matrix per community is kept, 4 bytes per
pair of its items.

References:
    Ning & Karypis 2011, "SLIM: sparse linear methods for top-n recommender systems".
    Steck 2019, "Embarrassingly shallow autoencoders for sparse data" (EASE).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.choices.logistic import Floats

__all__ = ["NeighbourAnswer", "Neighbourhood", "fit_neighbourhood"]

Columns = npt.NDArray[np.int64]

_DAMPING = 5.0
_SPREAD_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class NeighbourAnswer:
    """`shift`: added log-odds, 0 without evidence. `used`: votes that it rests on, ≥ 0."""

    shift: float
    used: int


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Of one community.

    Attributes:
        weights: Shape (items, items), from columns to rows.
        means: Mean vote on each item, in (-1, 1).
    """

    weights: npt.NDArray[np.float32]
    means: Floats

    def predict(self, columns: Columns, values: Floats, target: int) -> NeighbourAnswer:
        """From a user's earlier votes in the community, none of them on the target."""
        if not len(columns):
            return NeighbourAnswer(0.0, 0)
        residuals = values - self.means[columns]
        expected = float(self.weights[target, columns] @ residuals)
        expected /= math.sqrt(len(columns) + _DAMPING)
        mean = float(self.means[target])
        # d log-odds / d mean of a ±1 vote is 2 / (1 − mean²)
        return NeighbourAnswer(2.0 * expected / (1.0 - mean * mean + _SPREAD_FLOOR), len(columns))


def fit_neighbourhood(
    votes: npt.NDArray[np.int8],
    *,
    penalty: float = 2.0,
    fewest_votes: int = 8,
    most_votes: int = 600,
) -> Neighbourhood:
    """Ridge of every item on all others.

    Args:
        votes: As in `Community`.
        penalty: λ, in squared residual votes divided by votes per user.
        fewest_votes: An item with fewer gets no regression.
        most_votes: Voters per item that are regressed on.
    """
    there = votes != 2
    ayes, noes = (votes == 1).sum(0), (votes == -1).sum(0)
    means = (ayes - noes + 1.0) / (ayes + noes + 2.0)
    residuals = np.where(there, votes - means, 0.0)
    scaled = residuals / np.sqrt(there.sum(1) + _DAMPING)[:, None]
    weights = np.zeros((votes.shape[1],) * 2, np.float32)
    for target in range(votes.shape[1]):
        rows = np.flatnonzero(np.abs(votes[:, target]) == 1)[:most_votes]
        if len(rows) < fewest_votes:
            continue
        known = scaled[rows]
        known[:, target] = 0.0
        used = np.flatnonzero(known.any(0))
        known = known[:, used]
        # The smaller of the two systems has the same solution.
        if len(rows) <= len(used):
            gram = known @ known.T + penalty * np.eye(len(rows))
            solved = known.T @ np.linalg.solve(gram, residuals[rows, target])
        else:
            gram = known.T @ known + penalty * np.eye(len(used))
            solved = np.linalg.solve(gram, known.T @ residuals[rows, target])
        weights[target, used] = solved
    return Neighbourhood(weights, means)
