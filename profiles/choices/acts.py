"""A user's votes and comparisons as projections of their stored sets."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from profiles.choices.logistic import Floats
from profiles.entries import TEXT, Entries
from profiles.ids import action_code
from profiles.policy import TIE, Policy
from profiles.state import DataType, UserState

__all__ = ["Comparisons", "Signed", "Votes", "comparisons_of", "votes_of"]

_TIE = action_code(TIE)
_LEAST_WEIGHT = 0.2
_LARGEST_WEIGHT = 5.0

Keys = npt.NDArray[np.uint64]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Votes:
    """One user's, oldest first; of several on one item the last counts.

    Attributes:
        items: Keys, shape (n,).
        values: 1 for, -1 against, 0 neither; shape (n,).
        time_ms, event: Of each, for the order of learning.
    """

    items: Keys
    values: npt.NDArray[np.int8]
    time_ms: Times
    event: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.items)

    def live(self) -> npt.NDArray[np.bool_]:
        """Which votes no later one on the same item supersedes, shape (n,)."""
        live = np.ones(len(self), np.bool_)
        _, last = np.unique(self.items[::-1], return_index=True)
        if len(last) < len(self):
            live[:] = False
            live[len(self) - 1 - last] = True
        return live

    def before(self, count: int) -> "Votes":
        """The first `count`."""
        return Votes(
            self.items[:count], self.values[:count], self.time_ms[:count], self.event[:count]
        )


@dataclass(frozen=True, slots=True)
class Comparisons:
    """One user's, oldest first.

    Attributes:
        chosen, rejected: Keys of items or of texts, shape (n,).
        weights: How strongly, in [0.2, 5]; 1 for ties.
        tied: Where no difference was seen: both sides are alike, in the order of their keys.
        texts: Those of the keys that are of texts (`profiles.choices.textkeys`).
    """

    chosen: Keys
    rejected: Keys
    weights: Floats
    time_ms: Times
    event: npt.NDArray[np.uint32]
    tied: npt.NDArray[np.bool_]
    texts: frozenset[int] = field(default=frozenset())

    def __len__(self) -> int:
        return len(self.chosen)

    def before(self, count: int) -> "Comparisons":
        """The first `count`."""
        return Comparisons(
            self.chosen[:count],
            self.rejected[:count],
            self.weights[:count],
            self.time_ms[:count],
            self.event[:count],
            self.tied[:count],
            self.texts,
        )


class Signed:
    """Which actions have a sign: those whose rule has a neutral value."""

    def __init__(self, policy: Policy) -> None:
        rules = policy.actions.items()
        self._named = np.array(sorted(action_code(name) for name, _ in rules), np.uint16)
        self._signed = np.array(
            sorted(action_code(name) for name, rule in rules if rule.neutral is not None),
            np.uint16,
        )
        self._others = policy.unknown_action.neutral is not None

    def mask(self, rows: Entries) -> npt.NDArray[np.bool_]:
        """Shape (len(rows),)."""
        found: npt.NDArray[np.bool_] = np.isin(rows["action"], self._signed)
        return found | ~np.isin(rows["action"], self._named) if self._others else found


def votes_of(state: UserState, signed: Signed) -> Votes:
    """Entries of interactions that have a sign, superseded ones too."""
    rows = state.entries(DataType.INTERACTIONS)
    rows = rows[signed.mask(rows)]
    return Votes(
        rows["item"].astype(np.uint64),
        np.sign(rows["weight"]).astype(np.int8),
        rows["time_ms"].astype(np.int64),
        rows["event"].astype(np.uint32),
    )


def comparisons_of(state: UserState, policy: Policy) -> Comparisons:
    """Pairs of entries of one event among the preferences; a half that is alone is left out."""
    rows = state.entries(DataType.PREFERENCES)
    if policy.choice_weight:
        rows = rows[(rows["weight"] != 0) | (rows["action"] == _TIE)]
    else:
        rows = rows[rows["weight"] != 0]
    if len(rows) < 2:
        return _compared((), rows)
    # Within an event the rejected side sorts by item, not by role: pair them by sign. The sides
    # of a tie stay as they lie, by item.
    order = np.lexsort((rows["weight"], rows["event"], rows["time_ms"]))
    rows = rows[order]
    first, second = rows[:-1], rows[1:]
    paired = (
        (first["event"] == second["event"])
        & (first["time_ms"] == second["time_ms"])
        & (first["weight"] == -second["weight"])
        & ((first["weight"] < 0) | ((first["action"] == _TIE) & (second["action"] == _TIE)))
    )
    scale = policy.choice_weight or 1.0
    return _compared(np.flatnonzero(paired).tolist(), rows, scale)


def _compared(places: Sequence[int], rows: Entries, scale: float = 1.0) -> Comparisons:
    at = np.array(places, np.int64)
    lost, won = rows[at], rows[at + 1] if len(at) else rows[:0]
    tied = won["weight"] == 0
    weights = np.clip(won["weight"].astype(np.float64) / scale, _LEAST_WEIGHT, _LARGEST_WEIGHT)
    return Comparisons(
        won["item"].astype(np.uint64),
        lost["item"].astype(np.uint64),
        np.where(tied, 1.0, weights),
        won["time_ms"].astype(np.int64),
        won["event"].astype(np.uint32),
        tied,
        frozenset(
            key
            for side in (won, lost)
            for key in side["item"][(side["flags"] & TEXT) != 0].tolist()
        ),
    )
