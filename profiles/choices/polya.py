"""Gaussian beliefs from logistic observations, all at once and in no order.

With auxiliary ω = tanh(ξ/2) / (2ξ), ξ² = E[z²], each observation y of log-odds z is quadratic in
z: (y − ½) z − ω z² / 2. Alternating ω and the Gaussian raises a lower bound of the evidence.

References:
    Jaakkola & Jordan 2000, "Bayesian parameter estimation via variational methods".
    Polson, Scott & Windle 2013, "Bayesian inference for logistic models using Pólya–Gamma
    latent variables".
"""

import numpy as np

from profiles.choices.logistic import Floats

__all__ = ["omega", "posterior"]

_LEAST_SQUARE = 1e-8


def omega(square: Floats) -> Floats:
    """Curvature of observations whose log-odds have the given mean square; in (0, ¼]."""
    root = np.sqrt(np.maximum(square, _LEAST_SQUARE))
    values: Floats = np.tanh(root / 2) / (2 * root)
    return values


def posterior(
    mean: Floats,
    precision: Floats,
    rows: Floats,
    squares: Floats,
    push: Floats,
    *,
    offsets: Floats | None = None,
    weights: Floats | None = None,
    rounds: int = 4,
) -> tuple[Floats, Floats]:
    """Mean (d,) and covariance (d, d) of w, given log-odds `offsets + rows · w`.

    Args:
        mean, precision: Of the prior, shapes (d,) and (d,).
        rows: Expected features, shape (n, d).
        squares: Expected outer products of features, shape (n, d · d).
        push: y − ½ of each, shape (n,).
        offsets, weights: Known log-odds, 0 if none; observations each is worth, 1 if none.
    """
    width = len(mean)
    count = np.ones(len(rows)) if weights is None else weights
    known = np.zeros(len(rows)) if offsets is None else offsets
    pull = rows.T @ (count * push) + precision * mean
    centre, covariance = mean, np.diag(1.0 / precision)
    prior = np.diag(precision)
    for _ in range(rounds):
        second = (covariance + np.outer(centre, centre)).ravel()
        square = squares @ second + known * (2.0 * (rows @ centre) + known)
        curvature = count * omega(square)
        inverse = (curvature @ squares).reshape(width, width) + prior
        covariance = np.asarray(np.linalg.inv(inverse), np.float64)
        centre = covariance @ (pull - rows.T @ (curvature * known))
    return centre, covariance
