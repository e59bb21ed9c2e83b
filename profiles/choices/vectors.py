"""Users and items as uncertain vectors whose product is the log-odds of a vote.

log-odds(u, i) = c_u + a_u b_i + x_u · w_i, with Gaussian beliefs: c_u the user's lean, a_u (near
1) how far they follow the item's log-odds b_i. Items are fitted from all votes by variational
Bayes; variances of c, a and b come from the data. A user's belief is never stored: it is
computed from their votes and the items.

References:
    Rasch 1960; Stern, Herbrich & Graepel 2009, "Matchbox".
    Lim & Teh 2007, "Variational Bayesian approach to movie rating prediction".
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from profiles.choices.logistic import Floats
from profiles.choices.polya import omega, posterior

__all__ = ["VectorAnswer", "VectorOptions", "Vectors", "fit_vectors"]

Rows = npt.NDArray[np.int64]
_CHUNK = 16_384
_LEAST_VARIANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOptions:
    """Sizes, and variances before evidence.

    Attributes:
        dimensions: Of taste.
        item_taste: Prior variance of each place of an item's vector; a user's is 1.
        lean, following, item: Of c, a and b, before the data say.
        sweeps: Rounds of users and items.
    """

    dimensions: int = 12
    item_taste: float = 0.8
    lean: float = 0.25
    following: float = 0.05
    item: float = 1.0
    sweeps: int = 12


@dataclass(frozen=True, slots=True)
class VectorAnswer:
    """`shift`: log-odds that this user adds; 0 without votes. `variance`: of the log-odds, ≥ 0."""

    shift: float
    variance: float


@dataclass(slots=True)
class Vectors:
    """Beliefs about items, float32; width = 2 + dimensions, places (1, b, w).

    Attributes:
        mean: Shape (items, width). The first place is always 1.
        covariance: Shape (items, width, width).
        user_variance: Prior variances of (c, a, x), shape (width,); their mean is (0, 1, 0).
        item_variance: Prior variances of an item's places, shape (width,); the first is 0.
    """

    mean: npt.NDArray[np.float32]
    covariance: npt.NDArray[np.float32]
    user_variance: Floats
    item_variance: Floats

    @classmethod
    def empty(cls, options: VectorOptions) -> "Vectors":
        """Without items."""
        width = 2 + options.dimensions
        taste = [1.0] * options.dimensions
        return cls(
            np.zeros((0, width), np.float32),
            np.zeros((0, width, width), np.float32),
            np.array([options.lean, options.following, *taste]),
            np.array([0.0, options.item] + [options.item_taste] * options.dimensions),
        )

    def new_item(self, log_odds: float) -> tuple[Floats, Floats]:
        """Mean and covariance of an item without votes."""
        mean = np.zeros(len(self.item_variance))
        mean[0], mean[1] = 1.0, log_odds
        return mean, np.diag(self.item_variance)

    def nobody(self) -> Floats:
        """A user's mean before any vote, shape (width,)."""
        mean = np.zeros(len(self.user_variance))
        mean[1] = 1.0
        return mean

    def user(self, rows: Rows, values: Floats) -> tuple[Floats, Floats]:
        """Belief about a user who voted `values` (1, -1, 0) on the items in `rows`."""
        mean = self.mean[rows].astype(np.float64)
        squares = self.covariance[rows] + mean[:, :, None] * mean[:, None, :]
        flat = squares.reshape(len(rows), -1)
        return posterior(self.nobody(), 1.0 / self.user_variance, mean, flat, values / 2.0)

    def answer(
        self, user: tuple[Floats, Floats] | None, item: tuple[Floats, Floats]
    ) -> VectorAnswer:
        """What a user adds on an item."""
        w, spread = item
        nobody = self.nobody()
        alone = float(w @ (self.user_variance * w)) + float(nobody @ spread @ nobody)
        if user is None:
            return VectorAnswer(0.0, alone)
        x, belief = user
        variance = float(w @ belief @ w) + float(x @ spread @ x)
        return VectorAnswer(
            _moderated(float(x @ w), variance) - _moderated(float(w[1]), alone), variance
        )

    def item(self, row: int) -> tuple[Floats, Floats]:
        """Mean and covariance."""
        return self.mean[row].astype(np.float64), self.covariance[row].astype(np.float64)

    def learn(self, row: int, user: tuple[Floats, Floats] | None, value: int) -> None:
        """Move an item towards a vote; `user` as believed before it."""
        x, belief = user or (self.nobody(), np.diag(self.user_variance))
        w, spread = self.item(row)
        square = float(x @ w) ** 2 + float(w @ belief @ w) + float(x @ spread @ x)
        curvature = float(omega(np.array([square]))[0])
        along = spread @ x
        step = 1.0 / (1.0 + curvature * float(x @ along))
        self.mean[row] = w + along * ((value / 2.0 - curvature * float(x @ w)) * step)
        self.covariance[row] = spread - np.outer(along, along) * (curvature * step)


def _moderated(mean: float, variance: float) -> float:
    return mean / math.sqrt(1.0 + math.pi * variance / 8.0)


class _Side:
    """Means, covariances and second moments of users or items while they are fitted."""

    def __init__(self, mean: Floats, variance: Floats) -> None:
        self.prior = mean.copy()
        self.mean = mean
        self.covariance = np.tile(np.diag(variance), (len(mean), 1, 1))

    def squares(self) -> Floats:
        outer = self.mean[:, :, None] * self.mean[:, None, :]
        return np.asarray((self.covariance + outer).reshape(len(self.mean), -1), np.float64)


def fit_vectors(
    users: Rows, items: Rows, values: Floats, log_odds: Floats, options: VectorOptions, *, seed: int
) -> Vectors:
    """Fit items to all votes, users alternating with items.

    Args:
        users, items, values: One vote each, shape (n,); values are 1, -1 or 0.
        log_odds: Of each item before its votes, shape (items,).
    """
    empty = Vectors.empty(options)
    user_variance, item_variance = empty.user_variance.copy(), empty.item_variance.copy()
    count = int(users.max()) + 1 if len(users) else 0
    people = _Side(np.tile(empty.nobody(), (count, 1)), user_variance)
    start = np.zeros((len(log_odds), len(item_variance)))
    start[:, 0], start[:, 1] = 1.0, log_odds
    things = _Side(start, np.zeros(len(item_variance)))
    spread = math.sqrt(0.4 * options.item_taste)
    things.mean[:, 2:] = np.random.default_rng(seed).normal(
        0.0, spread, (len(log_odds), options.dimensions)
    )
    votes = sparse.csr_matrix((values / 2.0, (users, items)), shape=(count, len(log_odds)))
    voted = np.unique(items)
    for sweep in range(options.sweeps if len(users) else 0):
        curvature = _curvature(people, things, users, items)
        inverse = _weighed(curvature, things.squares(), len(user_variance))
        covariance = np.linalg.inv(inverse + np.diag(1.0 / user_variance))
        people.covariance = np.asarray(covariance, np.float64)
        pull = votes @ things.mean + people.prior / user_variance
        people.mean = np.einsum("nij,nj->ni", people.covariance, pull)
        curvature = _curvature(people, things, users, items).T.tocsr()
        inverse = _weighed(curvature, people.squares(), len(user_variance))
        # The first place is fixed at 1; the others are conditioned on it.
        free = np.linalg.inv(inverse[:, 1:, 1:] + np.diag(1.0 / item_variance[1:]))
        pull = votes.T @ people.mean + things.prior * _inverse(item_variance)
        things.mean[:, 1:] = np.einsum("nij,nj->ni", free, pull[:, 1:] - inverse[:, 1:, 0])
        things.covariance[:, 1:, 1:] = free
        if sweep > 1:
            off = people.mean[:, :2] - people.prior[:, :2]
            own = (off**2 + people.covariance[:, [0, 1], [0, 1]]).mean(0)
            user_variance[:2] = np.maximum(own, _LEAST_VARIANCE)
            off_items = things.mean[voted, 1] - things.prior[voted, 1]
            item_variance[1] = max(
                float((off_items**2 + things.covariance[voted, 1, 1]).mean()), 0.05
            )
    untouched = np.setdiff1d(np.arange(len(log_odds)), voted)
    things.mean[untouched] = things.prior[untouched]
    things.mean[untouched, 2:] = 0.0
    things.covariance[untouched] = np.diag(item_variance)
    return Vectors(
        things.mean.astype(np.float32),
        things.covariance.astype(np.float32),
        user_variance,
        item_variance,
    )


def _inverse(variance: Floats) -> Floats:
    out = np.zeros_like(variance)
    out[1:] = 1.0 / variance[1:]
    return out


def _curvature(people: _Side, things: _Side, users: Rows, items: Rows) -> sparse.csr_matrix:
    of_user, of_item = people.squares(), things.squares()
    values = np.empty(len(users))
    for first in range(0, len(users), _CHUNK):
        part = slice(first, first + _CHUNK)
        values[part] = np.einsum("nk,nk->n", of_user[users[part]], of_item[items[part]])
    shape = (len(people.mean), len(things.mean))
    return sparse.csr_matrix((omega(values), (users, items)), shape=shape)


def _weighed(curvature: sparse.csr_matrix, squares: Floats, width: int) -> Floats:
    return np.asarray(curvature @ squares, np.float64).reshape(-1, width, width)
