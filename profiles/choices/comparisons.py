"""Pairwise preferences as they are kept, bounded."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from profiles.choices.bounded import Bounded

__all__ = ["Comparison", "Comparisons"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`user` preferred `chosen` to `rejected`.

    Attributes:
        weight: How strongly, 1 if nothing was said; in [0.2, 5].
        order: Grows with arrival.
    """

    user: str
    chosen: str
    rejected: str
    weight: float
    order: int


class Comparisons:
    """The latest `kept` comparisons of each of the `users` seen last."""

    def __init__(self, *, users: int, kept: int) -> None:
        self._kept = kept
        self._of_user: Bounded[str, deque[Comparison]] = Bounded(users)
        self._order = 0

    def add(self, user: str, chosen: str, rejected: str, weight: float) -> None:
        mine = self._of_user.use(user, lambda: deque(maxlen=self._kept))
        mine.append(Comparison(user, chosen, rejected, weight, self._order))
        self._order += 1

    def forget(self, user: str) -> list[Comparison]:
        """Remove and return a user's comparisons, oldest first."""
        return list(self._of_user.pop(user) or ())

    def in_order(self) -> Iterator[Comparison]:
        """Everything kept, in order of arrival."""
        every = (comparison for mine in self._of_user.values() for comparison in mine)
        return iter(sorted(every, key=lambda comparison: comparison.order))
