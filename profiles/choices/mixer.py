"""The blend: a logistic mixture of what the layers say, with weights that carry uncertainty.

z = Σ_f w_f x_f, where x holds each layer's log-odds alone and scaled by amounts of evidence.
The weights have a Gaussian prior whose mean is "the global rate alone": a layer gets weight
only as far as predictions made before the answers showed that it helps.

References:
    Jordan & Jacobs 1994, "Hierarchical mixtures of experts"; Wolpert 1992, "Stacked
    generalization"; Dawid 1984 (prequential learning).
"""

from collections.abc import Sequence

import numpy as np

from profiles.choices.logistic import Floats, gain, moderated, slope

__all__ = ["Mixer"]

_ROUNDS = 30
_SETTLED = 1e-8
_LARGEST_FEATURE = 8.0


class Mixer:
    """Weights w ~ N(mean, covariance) over `len(prior_mean)` features.

    Args:
        prior_mean: Weights before any evidence.
        prior_variance: Of each weight before any evidence, > 0; one, or one per weight.
    """

    def __init__(
        self, prior_mean: Sequence[float], *, prior_variance: float | Sequence[float] = 0.1
    ) -> None:
        self._prior_mean = np.array(prior_mean, np.float64)
        self._prior_precision = 1.0 / np.broadcast_to(
            np.asarray(prior_variance, np.float64), self._prior_mean.shape
        )
        self.mean = self._prior_mean.copy()
        self.covariance = np.diag(1.0 / self._prior_precision)

    def predict(self, features: Floats) -> tuple[float, float]:
        """Moderated log-odds, and the variance that is due to uncertain weights."""
        x = np.clip(features, -_LARGEST_FEATURE, _LARGEST_FEATURE)
        variance = float(x @ self.covariance @ x)
        return moderated(float(x @ self.mean), variance), variance

    def losses(self, rows: Floats, targets: Floats) -> Floats:
        """Nats that each answer was wrong by, shape (n,)."""
        x = np.clip(rows, -_LARGEST_FEATURE, _LARGEST_FEATURE)
        found: Floats = np.logaddexp(0.0, -(2.0 * targets - 1.0) * (x @ self.mean))
        return found

    def learn(self, features: Floats, target: float) -> None:
        """One observation, after it was predicted."""
        x = np.clip(features, -_LARGEST_FEATURE, _LARGEST_FEATURE)
        spread = self.covariance @ x
        variance = float(x @ spread)
        residual, curvature = slope(float(x @ self.mean), variance, target)
        step = gain(curvature, variance)
        self.mean = self.mean + spread * (residual * step)
        self.covariance = self.covariance - np.outer(spread, spread) * (curvature * step)

    def fit(self, rows: Floats, targets: Floats) -> None:
        """Most probable weights given all rows (Newton), replacing what was learned.

        Args:
            rows: Shape (n, features), each predicted without its target.
            targets: Shape (n,), 0 or 1.
        """
        x = np.clip(rows, -_LARGEST_FEATURE, _LARGEST_FEATURE)
        mean = self._prior_mean.copy()
        for _ in range(_ROUNDS):
            p = 1.0 / (1.0 + np.exp(-np.clip(x @ mean, -30.0, 30.0)))
            ascent = x.T @ (targets - p) - self._prior_precision * (mean - self._prior_mean)
            step = np.linalg.solve(self._curvature(x, p), ascent)
            mean += step
            if float(np.abs(step).max()) < _SETTLED:
                break
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ mean, -30.0, 30.0)))
        self.mean = mean
        self.covariance = np.asarray(np.linalg.inv(self._curvature(x, p)), np.float64)

    def _curvature(self, x: Floats, p: Floats) -> Floats:
        of_data: Floats = (x * (p * (1.0 - p))[:, None]).T @ x
        return of_data + np.diag(self._prior_precision)
