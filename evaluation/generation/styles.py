"""Personas of how people write: groups by length, vocabulary and punctuation.

A generator can imitate a way of writing, so that is what a persona is here: k-means over the mean
measures (`profiles.choices.wording.measures`) of what each known user wrote. A user who has written
nothing belongs to none.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from profiles.choices.logistic import Floats
from profiles.choices.wording import MEASURES, measures

__all__ = ["Styles"]

_MOST_STYLES: Final = 8
_LEAST_MEMBERS: Final = 5


class Styles:
    """Each user's mean measures, and their nearest group."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._sums: dict[str, Floats] = {}
        self._counts: dict[str, int] = {}
        self._centres: Floats = np.zeros((0, MEASURES))
        self._scale: Floats = np.ones(MEASURES)
        self._group: dict[str, int] = {}

    def set(self, user_id: str, outputs: Sequence[str]) -> None:
        """Everything that the user has written."""
        self._sums[user_id] = np.sum([measures("", text) for text in outputs], axis=0, initial=0.0)
        self._counts[user_id] = len(outputs)
        self._settle(user_id)

    def add(self, user_id: str, output: str) -> None:
        """One thing more."""
        held = self._sums.get(user_id, np.zeros(MEASURES))
        self._sums[user_id] = held + measures("", output)
        self._counts[user_id] = self._counts.get(user_id, 0) + 1
        self._settle(user_id)

    def fit(self) -> None:
        """Find the groups among the users so far; with fewer than ten there is one."""
        users = [user for user, count in sorted(self._counts.items()) if count]
        if not users:
            return
        means = np.array([self._sums[user] / self._counts[user] for user in users])
        self._scale = np.maximum(means.std(axis=0), 1e-6)
        different = len(np.unique(means, axis=0))
        groups = max(1, min(_MOST_STYLES, len(users) // _LEAST_MEMBERS, different))
        with threadpool_limits(limits=1):
            fitted = KMeans(groups, n_init=4, random_state=self._seed).fit(means / self._scale)
        self._centres = fitted.cluster_centers_
        for user in users:
            self._settle(user)

    def of(self, user_id: str) -> int | None:
        """The user's group."""
        return self._group.get(user_id)

    @property
    def groups(self) -> Mapping[str, int]:
        return self._group

    def _settle(self, user_id: str) -> None:
        count = self._counts.get(user_id, 0)
        if not count or not len(self._centres):
            self._group.pop(user_id, None)
            return
        mean = self._sums[user_id] / count / self._scale
        self._group[user_id] = int(np.argmin(((self._centres - mean) ** 2).sum(axis=1)))
