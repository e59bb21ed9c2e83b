"""What tends to follow an item, in bounded memory.

Per item the k heaviest successors by Space-Saving (Metwally, Agrawal & El Abbadi 2005,
"Efficient computation of frequent and top-k elements in data streams"): when a row is full, a
new successor takes the place and the weight of the lightest. With W the weight an item has
given out, each kept weight is too large by at most W / k, no successor with more than W / k is
missing, and none is ever too small. 8 k bytes per item.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Transitions"]

_EMPTY: Final = -1
_FIRST_ROWS: Final = 1_024

_Rows = npt.NDArray[np.int64]
_Weights = npt.NDArray[np.float32]


class Transitions:
    """Weights of directed pairs of items, at most k per source.

    Args:
        neighbours: k, ≥ 1.
        prior: Weight of "something unseen" in a source's total; > 0.
    """

    def __init__(self, *, neighbours: int, prior: float) -> None:
        self._neighbours = neighbours
        self._prior = prior
        self._successor = np.full((0, neighbours), _EMPTY, np.int32)
        self._weight = np.zeros((0, neighbours), np.float32)
        self._given = np.zeros(0, np.float64)

    def add(self, sources: _Rows, target: int, weights: _Weights) -> None:
        """`target` followed each of `sources`, which are distinct; weights > 0."""
        self._grow(int(sources.max()) + 1)
        found = self._successor[sources] == target
        slot = found.argmax(axis=1)
        new = ~found[np.arange(len(sources)), slot]
        if new.any():
            # An empty slot weighs zero, so it is the lightest.
            slot[new] = self._weight[sources[new]].argmin(axis=1)
            self._successor[sources[new], slot[new]] = target
        self._weight[sources, slot] += weights
        self._given[sources] += weights

    def following(self, sources: _Rows, weights: _Weights, items: int) -> _Weights:
        """Σ weight · share of each successor, shape (items,); a source's shares sum to < 1."""
        out = np.zeros(items, np.float64)
        known = sources < len(self._given)
        sources, weights = sources[known], weights[known]
        if len(sources):
            shares = (
                self._weight[sources] * (weights / (self._given[sources] + self._prior))[:, None]
            )
            successors = self._successor[sources]
            kept = successors != _EMPTY
            out += np.bincount(successors[kept], weights=shares[kept], minlength=items)
        return out.astype(np.float32)

    @property
    def size_bytes(self) -> int:
        return self._successor.nbytes + self._weight.nbytes + self._given.nbytes

    def _grow(self, rows: int) -> None:
        have = len(self._given)
        if rows <= have:
            return
        more = max(rows, 2 * have, _FIRST_ROWS) - have
        self._successor = np.pad(self._successor, ((0, more), (0, 0)), constant_values=_EMPTY)
        self._weight = np.pad(self._weight, ((0, more), (0, 0)))
        self._given = np.pad(self._given, (0, more))
