"""Bradley–Terry: the strength of items from who was preferred to whom.

log-odds(a over b) = s_u (θ_a − θ_b + β · (f_a − f_b)); f are measures of the text, so that an item
nobody compared yet has a place; s_u is how closely user u follows everybody, so that careless
comparers move strengths less. Swapping a and b changes only the sign.

Where somebody saw no difference, Davidson's model: with z the log-odds of a over b where one is
chosen, a, b and neither are as e^{z/2} : e^{−z/2} : ν. Without ties ν is 0: Bradley–Terry. Learned
one by one, a tie is half a win for each, which is what it adds to the statistic that is sufficient
in both models; ν comes with the next fit.

References:
    Bradley & Terry 1952, "Rank analysis of incomplete block designs".
    Davidson 1970, "On extending the Bradley–Terry model to accommodate ties in paired comparison
    experiments".
    Whitehill et al. 2009, "Whose vote should count more" (raters who follow more or less).
    Herbrich, Minka & Graepel 2007, "TrueSkill" (online beliefs about strengths).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse

from profiles.choices.logistic import Floats, gain, slope
from profiles.choices.polya import omega
from profiles.choices.wording import MEASURES

__all__ = ["Duels", "StrengthOptions", "Strengths", "fit_strengths"]

Rows = npt.NDArray[np.int64]
_LEAST_CURVATURE = 0.02
_LEAST_FOLLOWING = 0.1
_MOST_FOLLOWING = 2.0
_LARGEST_LOG_TIES = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StrengthOptions:
    """Prior variances of θ, of each β and of s about 1, and rounds of θ and s."""

    strength: float = 1.0
    measure: float = 0.3
    following: float = 0.2
    rounds: int = 3


@dataclass(slots=True)
class Strengths:
    """Beliefs about items, in rows.

    Attributes:
        mean, variance: Of θ, shape (items,).
        measure_mean, measure_covariance: Of β, shapes (12,) and (12, 12).
    """

    mean: Floats
    variance: Floats
    measure_mean: Floats
    measure_covariance: Floats

    @classmethod
    def empty(cls, options: StrengthOptions) -> "Strengths":
        """Without items."""
        return cls(np.zeros(0), np.zeros(0), np.zeros(MEASURES), np.eye(MEASURES) * options.measure)

    def learn(
        self,
        won: int,
        lost: int,
        difference: Floats,
        *,
        weight: float,
        following: float,
        tied: bool = False,
    ) -> None:
        """Row `won` was preferred to row `lost`, or they were `tied`.

        Args:
            following: How closely whoever says so follows everybody.
        """
        scale = min(max(following, _LEAST_FOLLOWING), _MOST_FOLLOWING)
        spread = self.measure_covariance @ difference
        variance = float(self.variance[won] + self.variance[lost] + difference @ spread)
        mean = float(self.mean[won] - self.mean[lost] + difference @ self.measure_mean)
        residual, curvature = slope(scale * mean, scale**2 * variance, 0.5 if tied else 1.0)
        residual, curvature = weight * scale * residual, weight * scale**2 * curvature
        step = gain(curvature, variance)
        self.mean[won] += self.variance[won] * residual * step
        self.mean[lost] -= self.variance[lost] * residual * step
        self.variance[won] -= self.variance[won] ** 2 * curvature * step
        self.variance[lost] -= self.variance[lost] ** 2 * curvature * step
        self.measure_mean = self.measure_mean + spread * (residual * step)
        self.measure_covariance = self.measure_covariance - np.outer(spread, spread) * (
            curvature * step
        )


@dataclass(frozen=True, slots=True)
class Duels:
    """Everybody's comparisons: who, which row won, which lost, how strongly; shape (n,) each.

    Attributes:
        tied: Where neither won.
    """

    users: Rows
    won: Rows
    lost: Rows
    weights: Floats
    tied: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What each comparison weighs, y − ½ (0 for a tie), and whether it is one; shape (n,)."""

    weights: Floats
    push: Floats
    tied: npt.NDArray[np.bool_]


def fit_strengths(duels: Duels, measures: Floats, options: StrengthOptions) -> Strengths:
    """Most probable strengths given all comparisons, alternating with how users follow them.

    Args:
        measures: Of the items, shape (items, 12).
    """
    users, won, lost, weights = duels.users, duels.won, duels.lost, duels.weights
    items = len(measures)
    if not len(users):
        empty = Strengths.empty(options)
        empty.mean, empty.variance = np.zeros(items), np.full(items, options.strength)
        return empty
    number = np.arange(len(users))
    signs = np.concatenate([np.ones(len(users)), -np.ones(len(users))])
    ends = (np.concatenate([number, number]), np.concatenate([won, lost]))
    of_items = sparse.csr_matrix((signs, ends), shape=(len(users), items))
    of_text = measures[won] - measures[lost]
    design = sparse.hstack([of_items, sparse.csr_matrix(of_text)]).tocsr()
    precision = np.concatenate(
        [np.full(items, 1.0 / options.strength), np.full(MEASURES, 1.0 / options.measure)]
    )
    found = np.zeros(items + MEASURES)
    outcome = _Outcome(weights, np.where(duels.tied, 0.0, 0.5), duels.tied)
    log_ties = 0.0
    following = np.ones(int(users.max()) + 1)
    for _ in range(options.rounds):
        scale = np.clip(following, _LEAST_FOLLOWING, _MOST_FOLLOWING)[users]
        if duels.tied.any():
            found, log_ties = _most_probable_with_ties(
                design, scale, outcome, precision=precision, start=(found, log_ties)
            )
        else:
            found = _most_probable(design, scale, weights, precision=precision, start=found)
        z = design @ found
        following = _following(users, z, outcome, options.following)
    scale = np.clip(following, _LEAST_FOLLOWING, _MOST_FOLLOWING)[users]
    if duels.tied.any():
        bend = _davidson(scale * z, math.exp(log_ties))[2]
    else:
        p = 1.0 / (1.0 + np.exp(-np.clip(scale * z, -30, 30)))
        bend = p * (1 - p)
    curvature = weights * scale**2 * np.maximum(bend, _LEAST_CURVATURE)
    of_each = np.bincount(won, curvature, items) + np.bincount(lost, curvature, items)
    of_measures = (of_text * curvature[:, None]).T @ of_text
    inverse = of_measures + np.eye(MEASURES) / options.measure
    covariance = np.asarray(np.linalg.inv(inverse), np.float64)
    return Strengths(
        found[:items].copy(),
        np.asarray(1.0 / (of_each + 1.0 / options.strength), np.float64),
        found[items:].copy(),
        covariance,
    )


def _most_probable(
    design: sparse.csr_matrix, scale: Floats, weights: Floats, *, precision: Floats, start: Floats
) -> Floats:
    transposed = design.T.tocsr()

    def loss(theta: Floats) -> tuple[float, Floats]:
        z = scale * (design @ theta)
        value = float(weights @ np.logaddexp(0.0, -z))
        push = -weights * scale / (1.0 + np.exp(np.clip(z, -30, 30)))
        return value + 0.5 * float(precision @ theta**2), transposed @ push + precision * theta

    done = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(done.x, np.float64)


def _davidson(z: Floats, ties: float) -> tuple[Floats, Floats, Floats]:
    """log(2 cosh(z/2) + ν), and its first and second derivative by z; shape (n,) each."""
    half = np.clip(z, -60.0, 60.0) / 2.0
    apart, total = 2.0 * np.sinh(half), 2.0 * np.cosh(half)
    norm = total + ties
    return np.log(norm), apart / (2.0 * norm), (4.0 + total * ties) / (4.0 * norm**2)


def _most_probable_with_ties(
    design: sparse.csr_matrix,
    scale: Floats,
    outcome: _Outcome,
    *,
    precision: Floats,
    start: tuple[Floats, float],
) -> tuple[Floats, float]:
    """As `_most_probable`, and log ν with log ν ~ N(0, 1)."""
    transposed = design.T.tocsr()
    weights = outcome.weights
    ties = float(weights @ outcome.tied)

    def loss(point: Floats) -> tuple[float, Floats]:
        theta, log_ties = point[:-1], float(point[-1])
        z = scale * (design @ theta)
        norm, bent, _ = _davidson(z, math.exp(log_ties))
        value = float(weights @ (norm - outcome.push * z)) - ties * log_ties
        of_z = weights * scale * (bent - outcome.push)
        of_ties = float(weights @ np.exp(log_ties - norm)) - ties + log_ties
        value += 0.5 * float(precision @ theta**2) + 0.5 * log_ties**2
        return value, np.append(transposed @ of_z + precision * theta, of_ties)

    done = optimize.minimize(
        loss,
        np.append(*start),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * len(start[0]) + [(-_LARGEST_LOG_TIES, _LARGEST_LOG_TIES)],
        options={"maxiter": 200},
    )
    point = np.asarray(done.x, np.float64)
    return point[:-1], float(point[-1])


def _following(users: Rows, z: Floats, outcome: _Outcome, variance: float) -> Floats:
    """E[s] of each user with s ~ N(1, variance), by the bound of `polya`."""
    count = int(users.max()) + 1
    weights = outcome.weights
    mean, spread = np.ones(count), np.full(count, variance)
    pull = np.bincount(users, weights * z * outcome.push, count) + 1.0 / variance
    for _ in range(4):
        square = z**2 * (mean**2 + spread)[users]
        inverse = np.bincount(users, weights * omega(square) * z**2, count) + 1.0 / variance
        spread = 1.0 / inverse
        mean = spread * pull
    return mean
