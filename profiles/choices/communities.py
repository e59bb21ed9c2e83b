"""Which items belong together because the same people voted on them.

Conversations, languages and debates are found without naming their attribute: items are
joined through common voters, and a community that grows too large keeps its most voted items.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

__all__ = ["Community", "find_communities"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Community:
    """Items, and who voted how on them.

    Attributes:
        items: Rows of items, ascending; shape (items,).
        votes: Shape (users, items): 1 for, -1 against, 0 neither, 2 did not vote.
    """

    items: Rows
    votes: npt.NDArray[np.int8]


def find_communities(
    users: Rows,
    items: Rows,
    values: npt.NDArray[np.int8],
    *,
    most_items: int,
    most_users: int,
    fewest_users: int = 8,
) -> list[Community]:
    """Connected sets of items; those with few voters are left out.

    Memory is bounded by `most_items` · `most_users` bytes per community.

    Args:
        users, items, values: One vote each, shape (n,), one per user and item.
        most_items: Of a community; the most voted stay.
        most_users: Of a community; those who voted most stay.
        fewest_users: A community of fewer teaches nothing.
    """
    if not len(users):
        return []
    size = int(items.max()) + 1
    ends = (items, size + users)
    whole = size + int(users.max()) + 1
    graph = sparse.coo_matrix((np.ones(len(users)), ends), shape=(whole, whole))
    _, label = csgraph.connected_components(graph, directed=False)
    of_vote = label[items]
    found: list[Community] = []
    for number in np.unique(of_vote).tolist():
        mine = of_vote == number
        kept_items = _most(items[mine], most_items)
        mine &= np.isin(items, kept_items)
        kept_users = _most(users[mine], most_users)
        mine &= np.isin(users, kept_users)
        if len(kept_users) < fewest_users:
            continue
        table = np.full((len(kept_users), len(kept_items)), 2, np.int8)
        places = np.searchsorted(kept_users, users[mine]), np.searchsorted(kept_items, items[mine])
        table[places] = values[mine]
        found.append(Community(kept_items, table))
    return found


def _most(names: Rows, most: int) -> Rows:
    """The most frequent, ascending; of equals the smaller."""
    values, counts = np.unique(names, return_counts=True)
    return np.sort(values[np.lexsort((values, -counts))[:most]])
