"""What the models keep of each user: the latest events, cut at K."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profiles.nextitem.mixer import Leaning
from profiles.queries import Level

__all__ = ["Act", "Acts", "History", "acts_of"]


class Act(NamedTuple):
    """One event on one item."""

    row: int
    liked: bool
    time_ms: int


@dataclass(slots=True)
class History:
    """A user's latest acts, oldest first, and how many there were.

    Attributes:
        acts: At most K.
        length: All acts ever.
        liked: All liked acts ever.
        leanings: How the user's weights deviate, by level; only of levels that may know users.
    """

    acts: deque[Act]
    length: int = 0
    liked: int = 0
    leanings: dict[Level, Leaning] = field(default_factory=dict)

    def add(self, act: Act) -> None:
        self.acts.append(act)
        self.length += 1
        self.liked += act.liked

    def recent(self, count: int) -> list[Act]:
        """The latest acts, newest first."""
        newest = reversed(self.acts)
        return [act for act, _ in zip(newest, range(count), strict=False)]

    def recent_liked(self, count: int) -> list[int]:
        """Rows of the latest liked acts, newest first."""
        rows: list[int] = []
        for act in reversed(self.acts):
            if act.liked:
                rows.append(act.row)
                if len(rows) == count:
                    break
        return rows


@dataclass(frozen=True, slots=True)
class Acts:
    """Acts of several users as columns: by user, each user's oldest first."""

    user: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    liked: npt.NDArray[np.bool_]
    time_ms: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def users(self) -> int:
        return int(self.user[-1]) + 1 if len(self.user) else 0


def acts_of(histories: list[History]) -> Acts:
    """Columns of these users; a user's number is their place in the list."""
    flat = [act for history in histories for act in history.acts]
    sizes = [len(history.acts) for history in histories]
    columns = np.array(flat, np.int64).reshape(-1, 3)
    return Acts(
        np.repeat(np.arange(len(histories)), sizes),
        columns[:, 0],
        columns[:, 1].astype(np.bool_),
        columns[:, 2],
    )
