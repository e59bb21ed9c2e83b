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
import scipy.sparse as sp

from profiles.nextitem.packing import BlobFormatError

__all__ = ["Transitions"]

_EMPTY: Final = -1
_FIRST_ROWS: Final = 64

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
        self.prior = prior
        self._successor = np.full((0, neighbours), _EMPTY, np.int32)
        self._weight = np.zeros((0, neighbours), np.float32)
        self._given = np.zeros(0, np.float64)

    @classmethod
    def counted(
        cls,
        sources: _Rows,
        targets: _Rows,
        weights: npt.NDArray[np.float64],
        *,
        items: int,
        neighbours: int,
        prior: float,
    ) -> "Transitions":
        """All pairs at once: exact weights of the k heaviest, equals by target.

        What is left out weighs no more than the lightest kept, so the bounds above hold, and
        go on holding under `add`.
        """
        pairs = sp.csr_array((weights, (sources, targets)), shape=(items, items))
        pairs.sum_duplicates()
        made = cls(neighbours=neighbours, prior=prior)
        made._grow(items)
        source = np.repeat(np.arange(items), np.diff(pairs.indptr))
        order = np.lexsort((pairs.indices, -pairs.data, source))
        rank = np.arange(len(order)) - pairs.indptr[source]
        kept = rank < neighbours
        made._successor[source[kept], rank[kept]] = pairs.indices[order[kept]]
        made._weight[source[kept], rank[kept]] = pairs.data[order[kept]]
        made._given[:items] = np.bincount(source, weights=pairs.data, minlength=items)
        return made

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

    def outgoing(self, sources: _Rows, items: int) -> tuple[_Weights, _Weights]:
        """Weights of what followed each source, and of all that did, kept or not.

        Returns:
            Shapes (len(sources), items) and (len(sources),). What was dropped, and the prior,
            are in the second alone.
        """
        weights = np.zeros((len(sources), items), np.float32)
        given = np.full(len(sources), self.prior, np.float32)
        known = np.flatnonzero(sources < len(self._given))
        own = sources[known]
        given[known] += self._given[own]
        successors = self._successor[own]
        row, slot = np.nonzero((successors >= 0) & (successors < items))
        # Successors of a source are distinct, so nothing is overwritten.
        weights[known[row], successors[row, slot]] = self._weight[own][row, slot]
        return weights, given

    @property
    def size_bytes(self) -> int:
        return self._successor.nbytes + self._weight.nbytes + self._given.nbytes

    def arrays(self, items: int) -> dict[str, npt.NDArray[np.generic]]:
        """Rows of the first `items`, kept pairs only: 8 bytes per pair."""
        self._grow(items)
        successor, weight = self._successor[:items], self._weight[:items]
        kept = successor != _EMPTY
        return {
            "pairs": kept.sum(axis=1).astype(np.int32),
            "successors": successor[kept],
            "weights": weight[kept],
            "given": self._given[:items].copy(),
        }

    @classmethod
    def from_arrays(
        cls, arrays: dict[str, npt.NDArray[np.generic]], *, neighbours: int, prior: float
    ) -> "Transitions":
        """Inverse of `arrays`, up to the order of the pairs of a source."""
        made = cls(neighbours=neighbours, prior=prior)
        pairs = arrays["pairs"].astype(np.int64)
        items = len(pairs)
        # Before memory is taken for as many as they say.
        if np.any((pairs < 0) | (pairs > neighbours)) or pairs.sum() != len(arrays["successors"]):
            raise BlobFormatError("transitions of other numbers than they say")
        made._grow(items)
        source = np.repeat(np.arange(items), pairs)
        slot = np.arange(len(source)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
        made._successor[source, slot] = arrays["successors"]
        made._weight[source, slot] = arrays["weights"]
        made._given[:items] = arrays["given"]
        return made

    def _grow(self, rows: int) -> None:
        have = len(self._given)
        if rows <= have:
            return
        more = max(rows, 2 * have if have else 0, _FIRST_ROWS) - have
        self._successor = np.pad(self._successor, ((0, more), (0, 0)), constant_values=_EMPTY)
        self._weight = np.pad(self._weight, ((0, more), (0, 0)))
        self._given = np.pad(self._given, (0, more))
