"""Logistic observations of Gaussian beliefs: the one update that all layers share.

References:
    MacKay 1992, "The evidence framework applied to classification networks" (moderated output:
    E[σ(z)] ≈ σ(m / sqrt(1 + π v / 8)) for z ~ N(m, v)).
    Opper 1998, "A Bayesian approach to online learning" (assumed-density filtering).
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "bounded_log_odds", "gain", "moderated", "sigmoid", "slope"]

Floats = npt.NDArray[np.float64]

_LARGEST: Final = 30.0
_LEAST_CURVATURE: Final = 0.02
_LEAST_PROBABILITY: Final = 0.003


def sigmoid(z: float) -> float:
    """Probability in (0, 1) of log-odds `z`, which are clipped to [-30, 30].

    >>> sigmoid(0.0)
    0.5
    """
    return 1.0 / (1.0 + math.exp(-max(-_LARGEST, min(_LARGEST, z))))


def bounded_log_odds(probability: float) -> float:
    """Log-odds of a probability clipped to [0.003, 0.997]; no count makes certain.

    >>> bounded_log_odds(0.5)
    0.0
    """
    p = max(_LEAST_PROBABILITY, min(1.0 - _LEAST_PROBABILITY, probability))
    return math.log(p / (1.0 - p))


def moderated(mean: float, variance: float) -> float:
    """Log-odds of the average probability under N(mean, variance); nearer to 0 than `mean`.

    >>> moderated(2.0, 0.0)
    2.0
    """
    return mean / math.sqrt(1.0 + math.pi * variance / 8.0)


def slope(mean: float, variance: float, target: float) -> tuple[float, float]:
    """Residual `target - p` in [-1, 1], and curvature p(1 - p) kept at least 0.02.

    Args:
        target: 1 for, 0 against, 0.5 for neither.
    """
    p = sigmoid(moderated(mean, variance))
    return target - p, max(p * (1.0 - p), _LEAST_CURVATURE)


def gain(curvature: float, variance: float) -> float:
    """Kalman's 1 / (1 + h v) of an observation with curvature h; in (0, 1]."""
    return 1.0 / (1.0 + curvature * variance)
