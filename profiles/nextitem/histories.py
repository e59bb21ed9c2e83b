"""What models read of a user: acts on items, derived from the stored state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.entries import TEXT, Entries
from profiles.outcomes import liked_entries
from profiles.policy import Policy
from profiles.projection import interests
from profiles.state import UserState

__all__ = ["NO_HISTORY", "Acts", "History", "about_items", "acts_of", "history_of"]

_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class History:
    """A user's live acts, oldest first by (time, event hash, item); at most K per data type.

    Attributes:
        row: Place of the item in a model; all shapes (L,).
        worth: Signed weight by policy.
        event: Hash of the event's id.
    """

    row: _Rows
    liked: npt.NDArray[np.bool_]
    time_ms: _Rows
    worth: npt.NDArray[np.float32]
    event: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.row)


NO_HISTORY: Final = History(
    np.zeros(0, np.int64),
    np.zeros(0, np.bool_),
    np.zeros(0, np.int64),
    np.zeros(0, np.float32),
    np.zeros(0, np.uint32),
)


def about_items(state: UserState) -> Entries:
    """Live entries about items, oldest first."""
    rows = interests(state)
    kept: Entries = rows[(rows["flags"] & TEXT) == 0]
    return kept


def history_of(rows: Entries, row_of: Mapping[int, int], policy: Policy) -> History:
    """The acts on items that a model knows.

    Args:
        rows: As `about_items` gives them.
        row_of: Item key to place in the model.
    """
    places = np.fromiter(map(row_of.get, rows["item"].tolist(), repeat(-1)), np.int64, len(rows))
    known = places >= 0
    if not known.all():
        rows, places = rows[known], places[known]
    return History(
        places,
        liked_entries(rows, policy),
        rows["time_ms"].astype(np.int64),
        rows["weight"].astype(np.float32),
        rows["event"].astype(np.uint32),
    )


@dataclass(frozen=True, slots=True)
class Acts:
    """Acts of several users as columns: by user, each user's oldest first.

    Attributes:
        user: Place of the user in the list that this was made from.
        position: How many acts the user had before.
    """

    user: _Rows
    row: _Rows
    liked: npt.NDArray[np.bool_]
    time_ms: _Rows
    position: _Rows

    @property
    def users(self) -> int:
        return int(self.user[-1]) + 1 if len(self.user) else 0


def acts_of(histories: Sequence[History]) -> Acts:
    """Columns of these users; a user's number is their place in the list."""
    sizes = [len(history) for history in histories]
    if not sum(sizes):
        none = np.zeros(0, np.int64)
        return Acts(none, none, none.astype(np.bool_), none, none)
    return Acts(
        np.repeat(np.arange(len(histories)), sizes),
        np.concatenate([history.row for history in histories]),
        np.concatenate([history.liked for history in histories]),
        np.concatenate([history.time_ms for history in histories]),
        np.concatenate([np.arange(size) for size in sizes]),
    )
