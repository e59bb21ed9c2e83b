"""Popularity within discovered personas: k-means over users' tastes, soft membership.

Spherical k-means (Dhillon & Modha 2001, "Concept decompositions for large sparse text data"):
users are unit vectors in the taste space, and so are the centroids.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from profiles.nextitem.histories import Acts

__all__ = ["Personas", "membership"]

_SHARPNESS: Final = 8.0
_PRIOR: Final = 20.0

_Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class Personas:
    """Centroids, shape (c, d), and soft counts of likes, shape (c, n)."""

    centroids: _Floats
    likes: _Floats

    @classmethod
    def found(cls, acts: Acts, places: _Floats, *, count: int, seed: int) -> Self:
        """Cluster the users of these histories; fewer than `count` if there are fewer users."""
        items = len(places)
        rows = acts.row[acts.liked]
        users = acts.user[acts.liked]
        vectors = np.zeros((acts.users, places.shape[1]), np.float32)
        np.add.at(vectors, users, places[rows])
        norms = np.linalg.norm(vectors, axis=1)
        has = norms > 0
        vectors[has] /= norms[has, None]
        count = min(count, int(has.sum()))
        if count < 2 or places.shape[1] == 0:
            return cls(np.zeros((0, places.shape[1]), np.float32), np.zeros((0, items), np.float32))
        rng = np.random.default_rng(seed)
        centroids, _ = kmeans2(vectors[has], count, minit="++", rng=rng, missing="warn")
        centroids /= np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-9)
        soft = membership(vectors, centroids.astype(np.float32))
        likes = np.zeros((count, items), np.float32)
        for persona in range(count):
            weights = soft[users, persona]
            likes[persona] = np.bincount(rows, weights=weights, minlength=items)
        return cls(centroids.astype(np.float32), likes)

    def add(self, row: int, member: _Floats) -> None:
        """A user with this membership liked an item."""
        if row < self.likes.shape[1]:
            self.likes[:, row] += member

    def advantage(self, member: _Floats, share: _Floats) -> _Floats:
        """How much more liked items are among such users than `share`, in nats; (n,)."""
        out = np.zeros(len(share), np.float32)
        if len(self.centroids) and len(member):
            counts = member @ self.likes
            part = share[: len(counts)]
            whole = float(counts.sum()) + _PRIOR
            out[: len(counts)] = np.log((counts + _PRIOR * part) / (whole * part))
        return out


def membership(vectors: _Floats, centroids: _Floats) -> _Floats:
    """Soft membership of unit vectors, rows sum to 1; uniform for a vector of zeros.

    Empty rows where there are no personas.
    """
    if not len(centroids):
        return np.zeros((*vectors.shape[:-1], 0), np.float32)
    logits = _SHARPNESS * (vectors @ centroids.T)
    logits -= logits.max(axis=-1, keepdims=True)
    shares = np.exp(logits)
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True), np.float32)
