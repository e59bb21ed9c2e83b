"""Which items belong together because the same people voted on them.

Conversations, languages and debates are found without naming their attribute: items are
joined through common voters, and a community that grows too large keeps its most voted items.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.choices.votes import Vote

__all__ = ["Community", "find_communities"]


@dataclass(frozen=True, slots=True)
class Community:
    """Items, and who voted how on them.

    Attributes:
        items: In order of first vote.
        votes: Shape (users, items): 1 for, -1 against, 0 neither, 2 did not vote.
    """

    items: tuple[str, ...]
    votes: npt.NDArray[np.int8]


def _root(parents: dict[str, str], item: str) -> str:
    while parents[item] != item:
        parents[item] = parents[parents[item]]
        item = parents[item]
    return item


def find_communities(
    votes: Sequence[Vote], *, most_items: int, most_users: int, fewest_users: int = 8
) -> list[Community]:
    """Connected sets of items, by first vote; those with few voters are left out.

    Memory is bounded by `most_items` · `most_users` bytes per community.

    Args:
        votes: In order of arrival, one per user and item.
        most_items: Of a community; the most voted stay.
        most_users: Of a community; those who voted last stay.
        fewest_users: A community of fewer teaches nothing.
    """
    parents: dict[str, str] = {}
    latest: dict[str, str] = {}
    for vote in votes:
        parents.setdefault(vote.item, vote.item)
        before = latest.get(vote.user)
        if before is not None:
            first, second = _root(parents, before), _root(parents, vote.item)
            parents[second] = first
        latest[vote.user] = vote.item
    members: defaultdict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        members[_root(parents, vote.item)].append(vote)
    found = (
        _community(part, most_items=most_items, most_users=most_users) for part in members.values()
    )
    return [community for community in found if len(community.votes) >= fewest_users]


def _community(votes: Sequence[Vote], *, most_items: int, most_users: int) -> Community:
    counts = Counter(vote.item for vote in votes)
    kept = {item for item, _ in counts.most_common(most_items)}
    columns: dict[str, int] = {}
    rows: dict[str, int] = {}
    for vote in reversed(votes):
        if vote.item in kept and len(rows) < most_users:
            rows.setdefault(vote.user, len(rows))
    for vote in votes:
        if vote.item in kept:
            columns.setdefault(vote.item, len(columns))
    table = np.full((len(rows), len(columns)), 2, np.int8)
    for vote in votes:
        row, column = rows.get(vote.user), columns.get(vote.item)
        if row is not None and column is not None:
            table[row, column] = vote.value
    return Community(tuple(columns), table)
