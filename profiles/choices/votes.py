"""Signed choices as they are kept: the latest of each user on each item, bounded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from profiles.choices.bounded import Bounded

__all__ = ["Ballots", "Vote", "part_of"]


@dataclass(frozen=True, slots=True)
class Vote:
    """`value` is 1 for, -1 against, 0 neither; `order` grows with arrival."""

    user: str
    item: str
    value: int
    order: int


def part_of(user: str, parts: int) -> int:
    """Which of `parts` a user belongs to; the same in every run."""
    digest = blake2b(user.encode(), digest_size=8, person=b"strata-part").digest()
    return int.from_bytes(digest, "little") % parts


class Ballots:
    """The latest `kept` votes of each of the `users` seen last.

    A second vote on an item supersedes the first.
    """

    def __init__(self, *, users: int, kept: int) -> None:
        self._kept = kept
        self._of_user: Bounded[str, Bounded[str, Vote]] = Bounded(users)
        self._order = 0

    def add(self, user: str, item: str, value: int) -> Vote | None:
        """Keep a vote; what it superseded, if anything."""
        mine = self._of_user.use(user, lambda: Bounded(self._kept))
        before = mine.get(item)
        mine.put(item, Vote(user, item, value, self._order))
        self._order += 1
        return before

    def earlier(self, user: str, item: str) -> int | None:
        """How the user voted on this item before; None if they did not."""
        mine = self._of_user.get(user)
        vote = None if mine is None else mine.get(item)
        return None if vote is None else vote.value

    def of(self, user: str) -> list[Vote]:
        """Oldest first."""
        mine = self._of_user.get(user)
        return [] if mine is None else mine.values()

    def forget(self, user: str) -> list[Vote]:
        """Remove and return a user's votes, oldest first."""
        mine = self._of_user.pop(user)
        return [] if mine is None else mine.values()

    def in_order(self) -> Iterator[Vote]:
        """Everything kept, in order of arrival."""
        every: Iterable[Vote] = (vote for mine in self._of_user.values() for vote in mine.values())
        return iter(sorted(every, key=lambda vote: vote.order))
