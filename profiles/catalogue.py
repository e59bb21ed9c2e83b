"""The item vectors a worker knows, in one growing matrix."""

from collections.abc import Sequence
from itertools import repeat

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from profiles.ports import Vector

__all__ = ["DimensionMismatch", "ItemCatalogue"]


class DimensionMismatch(ValueError):
    """A vector does not have the length that its item space has."""


class ItemCatalogue:
    """Item key → vector, for folds that need many at once.

    An item keeps its row for good; a new vector overwrites it. Not thread-safe. Held in double
    precision, 1 KB for 128 dimensions: sums are, and widening the vectors of a batch anew took as
    long as summing them.

    Args:
        dimension: Length d of every vector, ≥ 1.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._row_of: dict[int, int] = {}
        self._matrix: npt.NDArray[np.float64] = np.zeros((64, dimension))

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, item: int) -> bool:
        return item in self._row_of

    def put(self, item: int, vector: Vector) -> None:
        """Learn or replace one vector of shape (d,).

        Raises:
            DimensionMismatch: wrong shape.
        """
        if vector.shape != (self.dimension,):
            raise DimensionMismatch(
                f"item vector has shape {vector.shape}, the space has ({self.dimension},)"
            )
        row = self._row_of.setdefault(item, len(self._row_of))
        if row == len(self._matrix):
            self._matrix = np.concatenate((self._matrix, np.zeros_like(self._matrix)))
        self._matrix[row] = vector

    def rows(self, items: Sequence[int]) -> npt.NDArray[np.intp]:
        """Row of each item, -1 where unknown; shape (len(items),)."""
        return np.fromiter(map(self._row_of.get, items, repeat(-1)), np.intp, len(items))

    def weighted_sums(
        self,
        weights: npt.NDArray[np.float64],
        rows: npt.NDArray[np.intp],
        owner: npt.NDArray[np.intp],
        owners: int,
    ) -> npt.NDArray[np.float64]:
        """Σ weight · vector of each owner, in double precision; shape (owners, d).

        Terms are added in their order, so that an owner's sum depends on nobody else.

        Args:
            rows: Of known items.
            owner: Ascending, in [0, owners).
        """
        ends = np.cumsum(np.bincount(owner, minlength=owners))
        starts = np.concatenate((np.zeros(1, ends.dtype), ends))
        terms = sp.csr_array((weights, rows, starts), shape=(owners, len(self._matrix)))
        return np.asarray(terms @ self._matrix, np.float64)

    def vector(self, item: int) -> Vector | None:
        row = self._row_of.get(item)
        return None if row is None else self._matrix[row].astype(np.float32)
