"""A log-linear mix of scores whose weights depend on the circumstances.

P(next = i) ∝ exp(Σ_k (c · W)_k · f_k(i)) over all candidates, with c the circumstances (a one,
how long the history is, how long ago the last act). W is learned by Newton steps on the
log-likelihood: precision += Hessian of some predictions, weights += precision⁻¹ · gradient; the
posterior mode of a Gaussian approximation (assumed-density filtering; Opper 1998). All
candidates are in the sum, so no list of candidates can give the answer away.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Mixer", "Moments", "answered", "moments"]

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]

_SHARED_PRIOR: Final = 0.1
_OWN_PRIOR: Final = 1.0
_LARGEST_STEP: Final = 0.5


@dataclass(frozen=True, slots=True)
class Moments:
    """Derivatives of log-likelihoods by the weights, one per prediction.

    Attributes:
        gradient: f(target) - E f, shape (m, K).
        spread: Cov f, shape (m, K, K).
    """

    gradient: _Doubles
    spread: _Doubles


def moments(features: _Floats, logits: _Floats, targets: npt.NDArray[np.int64]) -> Moments:
    """Under the chances that `logits` give.

    Args:
        features: Shape (m, K, n), or (1, K, n) if all are answers to one question.
        logits: Shape (m, n), or (1, n); -inf for what is no candidate.
        targets: Column of what came, shape (m,).
    """
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    mean = (features @ chances[:, :, None])[:, :, 0]
    spread = (features * chances[:, None, :]) @ features.transpose(0, 2, 1)
    spread = (spread - mean[:, :, None] * mean[:, None, :]).astype(np.float64)
    gradient = (answered(features, targets) - mean).astype(np.float64)
    return Moments(gradient, np.broadcast_to(spread, (len(targets), *spread.shape[1:])))


def answered(rows: _Floats, targets: npt.NDArray[np.int64]) -> _Floats:
    """What stands in the last axis of each question, or of the only one, at its answer."""
    if len(rows) == 1:
        return np.moveaxis(rows[0].take(targets, axis=-1), -1, 0)
    return rows[np.arange(len(rows)), ..., targets]


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
        """One weight per feature, shape (m, K), for circumstances of shape (m, C)."""
        return circumstances @ self._weights

    def update(self, circumstances: _Doubles, seen: Moments) -> None:
        """Learn from predictions made with these weights."""
        size = len(self._precision)
        outer = circumstances[:, :, None] * circumstances[:, None, :]
        self._precision += np.einsum("mab,mkl->akbl", outer, seen.spread).reshape(size, size)
        gradient = np.einsum("ma,mk->ak", circumstances, seen.gradient).ravel()
        step = np.linalg.solve(self._precision, gradient)
        # A first step from almost no evidence may overshoot.
        longest = float(np.abs(step).max())
        step *= min(1.0, _LARGEST_STEP / max(longest, 1e-12))
        self._weights += step.reshape(self._weights.shape)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        return {"weights": self._weights.copy(), "precision": self._precision.copy()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> Self:
        weights = arrays["weights"].astype(np.float64)
        made = cls(scores=weights.shape[1], circumstances=weights.shape[0])
        made._weights = weights
        made._precision = arrays["precision"].astype(np.float64)
        return made
