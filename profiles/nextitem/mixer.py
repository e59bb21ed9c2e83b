"""A log-linear mix of scores whose weights depend on the circumstances.

P(next = i) ∝ exp(Σ_k (c · W)_k · f_k(i)) over all candidates, with c the circumstances (a one,
how long the history is, how long ago the last event). Learned online by Newton steps on the
log-likelihood: precision += Hessian of this prediction, weights += precision⁻¹ · gradient; the
posterior mode of a Gaussian approximation (assumed-density filtering; Opper 1998). All
candidates are in the sum, so no list of candidates can give the answer away.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Leaning", "Mixer"]

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]

_SHARED_PRIOR: Final = 0.1
_OWN_PRIOR: Final = 1.0
_LEANING_PRIOR: Final = 10.0
_LEANING_KEPT: Final = 0.98
_LARGEST_STEP: Final = 0.5


class Leaning:
    """How one user's weights deviate from everybody's: 16 bytes per feature.

    A diagonal Newton step after each of the user's predictions; the prior keeps it at zero until
    there is evidence, and evidence fades by a fiftieth with each prediction.
    """

    __slots__ = ("offset", "precision")

    def __init__(self, scores: int) -> None:
        self.offset = np.zeros(scores)
        self.precision = np.full(scores, _LEANING_PRIOR)

    def update(self, gradient: _Doubles, spread: _Doubles) -> None:
        """Move along a gradient, given the variance of each feature; both of shape (K,)."""
        faded = _LEANING_PRIOR + (self.precision - _LEANING_PRIOR) * _LEANING_KEPT
        self.precision = faded + spread
        self.offset = self.offset + gradient / self.precision


class Mixer:
    """Weights of `scores` features under `circumstances`; deterministic in the order of updates.

    Args:
        scores: Number of features K, ≥ 1.
        circumstances: Length of the vector c, ≥ 1; its first entry is always one.
    """

    def __init__(self, *, scores: int, circumstances: int) -> None:
        self._weights = np.zeros((circumstances, scores))
        # The first circumstance is shared by all predictions and may move freely; the others
        # are deviations from it and shrink to zero.
        prior = np.full((circumstances, scores), _OWN_PRIOR)
        prior[0] = _SHARED_PRIOR
        self._precision = np.diag(prior.ravel())

    def weights(self, circumstances: _Doubles, leaning: Leaning | None = None) -> _Doubles:
        """One weight per feature, shape (K,)."""
        weights = circumstances @ self._weights
        return weights if leaning is None else weights + leaning.offset

    def mix(
        self, features: _Floats, circumstances: _Doubles, leaning: Leaning | None = None
    ) -> _Floats:
        """Scores of all items, shape (n,), from features of shape (K, n)."""
        return self.weights(circumstances, leaning).astype(np.float32) @ features

    def update(
        self,
        features: _Floats,
        circumstances: _Doubles,
        *,
        target: int,
        excluded: list[int],
        leaning: Leaning | None = None,
    ) -> None:
        """Learn that `target` came next, of all items but those excluded."""
        logits = self.mix(features, circumstances, leaning)
        logits[excluded] = -np.inf
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        mean = features @ chances
        gradient = (features[:, target] - mean).astype(np.float64)
        spread = ((features * chances) @ features.T - np.outer(mean, mean)).astype(np.float64)
        outer = np.outer(circumstances, circumstances)
        self._precision += np.kron(outer, spread)
        step = np.linalg.solve(self._precision, np.kron(circumstances, gradient))
        # A first step from almost no evidence may overshoot.
        longest = float(np.abs(step).max())
        self._weights += (step * min(1.0, _LARGEST_STEP / max(longest, 1e-12))).reshape(
            self._weights.shape
        )
        if leaning is not None:
            leaning.update(gradient, np.maximum(np.diag(spread), 0.0))
