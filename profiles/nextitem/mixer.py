"""A log-linear mix of scores whose weights depend on the circumstances.

P(next = i) ∝ exp(Σ_k (c · W)_k · f_k(i)) over all candidates, with c the circumstances (a one,
how long the history is, how long ago the last event). Learned online by Newton steps on the
log-likelihood: precision += Hessian of this prediction, weights += precision⁻¹ · gradient; the
posterior mode of a Gaussian approximation (assumed-density filtering; Opper 1998). All
candidates are in the sum, so no list of candidates can give the answer away.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["Mixer"]

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]

_SHARED_PRIOR = 0.1
_OWN_PRIOR = 1.0
_LARGEST_STEP = 0.5


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

    def weights(self, circumstances: _Doubles) -> _Doubles:
        """One weight per feature, shape (K,)."""
        return circumstances @ self._weights

    def mix(self, features: _Floats, circumstances: _Doubles) -> _Floats:
        """Scores of all items, shape (n,), from features of shape (K, n)."""
        return self.weights(circumstances).astype(np.float32) @ features

    def update(
        self, features: _Floats, circumstances: _Doubles, *, target: int, excluded: list[int]
    ) -> None:
        """Learn that `target` came next, of all items but those excluded."""
        logits = self.mix(features, circumstances)
        logits[excluded] = -np.inf
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        mean = features @ chances
        gradient = (features[:, target] - mean).astype(np.float64)
        spread = (features * chances) @ features.T - np.outer(mean, mean)
        outer = np.outer(circumstances, circumstances)
        self._precision += np.kron(outer, spread.astype(np.float64))
        step = np.linalg.solve(self._precision, np.kron(circumstances, gradient))
        # A first step from almost no evidence may overshoot.
        longest = float(np.abs(step).max())
        self._weights += (step * min(1.0, _LARGEST_STEP / max(longest, 1e-12))).reshape(
            self._weights.shape
        )
