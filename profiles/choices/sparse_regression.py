"""Online logistic regression on hashed features, each weight with its own uncertainty.

References:
    Graepel, Candela, Borchert & Herbrich 2010, "Web-scale Bayesian click-through rate
    prediction" (independent Gaussian weights, assumed-density filtering).
"""

import numpy as np

from profiles.choices.logistic import gain, slope
from profiles.choices.wording import WIDTH, Sparse

__all__ = ["SparseRegression"]


class SparseRegression:
    """log-odds = Σ w_f x_f with w_f ~ N(m_f, v_f); 256 KB.

    Args:
        prior_variance: Of each weight before any evidence, > 0.
    """

    def __init__(self, *, prior_variance: float) -> None:
        self.mean = np.zeros(WIDTH)
        self.variance = np.full(WIDTH, prior_variance)

    def predict(self, features: Sparse) -> tuple[float, float]:
        """Mean and variance of the log-odds; zeros without features."""
        x = features.values
        mean = float(self.mean[features.places] @ x)
        return mean, float(self.variance[features.places] @ (x * x))

    def learn(self, features: Sparse, target: float, *, offset: float = 0.0) -> None:
        """Move towards `target` in [0, 1], given log-odds `offset` known from elsewhere."""
        mean, variance = self.predict(features)
        residual, curvature = slope(offset + mean, variance, target)
        step = gain(curvature, variance)
        spread = self.variance[features.places] * features.values
        self.mean[features.places] += spread * (residual * step)
        self.variance[features.places] -= spread * spread * (curvature * step)
