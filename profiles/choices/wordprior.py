"""Where an item starts: a ridge-regularised logistic regression of its rate on its wording.

An item with n votes counts as n k / (n + k) of them: what is special about an item is no evidence
about its words, however many voted on it.

References:
    Weinberger et al. 2009, "Feature hashing for large scale multitask learning".
    Wolpert 1992, "Stacked generalization" (an item's own votes must not tell its prior).
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from profiles.choices.logistic import Floats
from profiles.choices.wording import CONSTANT, TEXT_WIDTH, Sparse

__all__ = ["WordPrior", "fit_word_prior"]

_PARTS = 4
_FREE = 100.0


@dataclass(frozen=True, slots=True)
class WordPrior:
    """Weights of hashed wording, shape (2**16,), float32."""

    weights: np.ndarray[tuple[int], np.dtype[np.float32]]

    @classmethod
    def empty(cls) -> "WordPrior":
        return cls(np.zeros(TEXT_WIDTH, np.float32))

    def log_odds(self, words: Sparse) -> float:
        """Of "for", by words alone."""
        return float(self.weights[words.places] @ words.values)


def fit_word_prior(
    table: sparse.csr_matrix,
    ayes: Floats,
    votes: Floats,
    *,
    variance: float,
    special: float,
) -> tuple[WordPrior, Floats]:
    """The prior, and each item's log-odds by a prior that did not see the item.

    Args:
        table: Wording of the items, shape (n, 2**16).
        variance: Prior variance of each weight; the constant's is a hundred times that.
        special: k, votes.
    """
    used = np.flatnonzero(votes > 0)
    whole = _fit(table[used], ayes[used], votes[used], variance, special)
    honest = np.asarray(table @ whole, np.float64)
    part = np.arange(len(used)) % _PARTS
    for number in range(_PARTS if len(used) >= 2 * _PARTS else 0):
        rest, own = used[part != number], used[part == number]
        weights = _fit(table[rest], ayes[rest], votes[rest], variance, special)
        honest[own] = table[own] @ weights
    return WordPrior(whole.astype(np.float32)), honest


def _fit(
    table: sparse.csr_matrix, ayes: Floats, votes: Floats, variance: float, special: float
) -> Floats:
    columns = np.unique(table.indices)
    if not len(columns):
        return np.zeros(TEXT_WIDTH)
    x = table[:, columns].tocsr()
    transposed = x.T.tocsr()
    weight = votes * special / (votes + special)
    share = ayes / np.maximum(votes, 1.0)
    precision = np.where(columns == CONSTANT, 1.0 / (_FREE * variance), 1.0 / variance)

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = x @ weights
        value = float(weight @ (np.logaddexp(0.0, z) - share * z))
        slope = transposed @ (weight * (1.0 / (1.0 + np.exp(-np.clip(z, -30, 30))) - share))
        return value + 0.5 * float(precision @ weights**2), slope + precision * weights

    found = optimize.minimize(
        loss, np.zeros(len(columns)), jac=True, method="L-BFGS-B", options={"maxiter": 60}
    )
    weights = np.zeros(TEXT_WIDTH)
    weights[columns] = found.x
    return weights
