"""Popularity within discovered personas, by soft membership.

A persona is a centroid over user vectors (`profiles.personas.discover`: spherical k-means,
Dhillon & Modha 2001; the number by silhouette, Rousseeuw 1987). What its members like is compared
with what everybody meets. A persona that did not predict its members better than everybody's
popularity, cross-fitted, abstains: for its part of a membership everybody's share is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import Acts
from profiles.personas import Advantage, clustered, discover

__all__ = ["Advantage", "Personas", "membership"]

_SHARPNESS: Final = 8.0
_PRIOR: Final = 2.0

_Floats = npt.NDArray[np.float32]


def advantages(
    persona: npt.NDArray[np.int64],
    user: npt.NDArray[np.int64],
    gains: npt.NDArray[np.float64],
    count: int,
) -> tuple[Advantage, ...]:
    """Per persona, from gains of events; ratio estimator clustered by user (Cochran 1977, §6)."""
    found: list[Advantage] = []
    for own in range(count):
        chosen = persona == own
        n = int(chosen.sum())
        members, which = np.unique(user[chosen], return_inverse=True)
        if len(members) < 2:
            found.append(Advantage(0.0, float("inf"), n))
            continue
        mean = float(gains[chosen].mean())
        residual = np.bincount(which, weights=gains[chosen] - mean)
        spread = float((residual**2).sum()) * len(members) / (len(members) - 1)
        found.append(Advantage(mean, float(np.sqrt(spread)) / n, n))
    return tuple(found)


@dataclass(slots=True)
class Personas:
    """Centroids, shape (c, d), and soft counts of likes, shape (c, n).

    Attributes:
        advantages: One per persona, or none where nothing was cross-fitted.
    """

    centroids: _Floats
    likes: _Floats
    silhouette: float = 0.0
    advantages: Sequence[Advantage] = field(default=())

    @classmethod
    def none(cls, dimension: int) -> Self:
        return cls(np.zeros((0, dimension), np.float32), np.zeros((0, 0), np.float32))

    @classmethod
    def found(
        cls,
        acts: Acts,
        vectors: _Floats,
        items: int,
        *,
        most: int,
        seed: int,
        fixed: int | None = None,
    ) -> Self:
        """Cluster users by their vectors, shape (users, d), and count what they like.

        Args:
            most: Largest number of clusters tried.
            fixed: Take this many instead of choosing the number; the silhouette is then 0.
        """
        directed = np.abs(vectors).sum(axis=1) > 0
        if directed.sum() < 3:
            return cls.none(vectors.shape[1])
        if fixed is None:
            found = discover(vectors[directed], most=most, seed=seed)
            centroids, silhouette = found.centroids, found.silhouette
        else:
            centroids, silhouette = clustered(vectors[directed], fixed, seed=seed), 0.0
        soft = membership(vectors, centroids)
        rows, users = acts.row[acts.liked], acts.user[acts.liked]
        likes = np.stack(
            [
                np.bincount(rows, weights=own[users], minlength=items)
                for own in soft.T.astype(np.float64)
            ]
        )
        return cls(centroids, likes.astype(np.float32), silhouette)

    def add(self, row: int, member: _Floats) -> None:
        """A user with this membership, shape (c,), liked an item."""
        have = self.likes.shape[1]
        if row >= have:
            self.likes = np.pad(self.likes, ((0, 0), (0, max(row + 1 - have, have))))
        self.likes[:, row] += member

    def advantage(self, member: _Floats, appeal: _Floats) -> _Floats:
        """How much more liked items are among such users than among all, in nats; (m, n).

        log((c + a) / (e + a)) with c their likes of an item, e as many as were expected from
        everybody's, and a gamma prior worth `a` expected likes (DuMouchel 1999).

        Args:
            member: Shape (m, c).
            appeal: Share of everybody's likes, shape (n,).
        """
        if not len(self.centroids):
            return np.zeros((len(member), len(appeal)), np.float32)
        # What abstaining personas would have counted is taken as expected.
        speaking = member * self.speaking
        counts = np.zeros((len(member), len(appeal)), np.float32)
        part = (speaking @ self.likes)[:, : len(appeal)]
        counts[:, : part.shape[1]] = part
        expected = (speaking @ self.likes.sum(axis=1))[:, None] * appeal
        silent = ((member - speaking) @ self.likes.sum(axis=1))[:, None] * appeal
        return np.asarray(np.log((counts + silent + _PRIOR) / (expected + silent + _PRIOR)))

    @property
    def speaking(self) -> _Floats:
        """One for a persona that predicts, zero for one that abstains; shape (c,)."""
        if not self.advantages:
            return np.ones(len(self.centroids), np.float32)
        return np.array([not one.abstains for one in self.advantages], np.float32)

    def speaks(self, member: _Floats) -> bool:
        """Whether the persona that a user is nearest to, by membership (c,), predicts."""
        return len(member) > 0 and bool(self.speaking[int(member.argmax())])

    def evidence(self, member: _Floats) -> float:
        """Likes that an answer by these personas rests on; ≥ 0."""
        if not len(self.centroids):
            return 0.0
        return float((member * self.speaking) @ self.likes.sum(axis=1))


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
