"""What many users have shown, side by side in columns.

A flush projects thousands of users with a handful of entries each; array by array, calls cost
more than arithmetic. Every result is that of the user alone, bit for bit: sums run in the order
of a user's own entries, and nothing depends on who else is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.entries import EMPTY, SUPERSEDES, TEXT, Entries, concatenated
from profiles.policy import Policy
from profiles.state import DataType, UserState

__all__ = ["Evidence", "evidence_of", "sums"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

# Taken from their class each time, members cost more than what is done with them.
_ACTS: Final = DataType.INTERACTIONS
_CHOICES: Final = DataType.PREFERENCES
_NOTHING: Final = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Live entries of interactions and preferences of n users, each oldest first.

    Attributes:
        rows: Shape (m,), those of the first user first.
        ends: Shape (n,): where each user's rows end.
        owner: Shape (m,): whose row it is.
        worth: Shape (m,): weight · decay.
        about_items: Shape (m,): False where the entry is about a text.
        by_item: Rows about items by user, then item, then age.
        begins: Where in `by_item` another user or item begins.
    """

    rows: Entries
    ends: Places
    owner: Places
    worth: Floats
    about_items: Flags
    by_item: Places
    begins: Flags

    def __len__(self) -> int:
        return len(self.ends)


def evidence_of(states: Sequence[UserState], policy: Policy) -> Evidence:
    """Of each state, in the order given."""
    parts: list[Entries] = []
    counts: list[int] = []
    mixed = False
    for state in states:
        acts = state.sets.get(_ACTS, EMPTY)
        choices = state.sets.get(_CHOICES, EMPTY)
        parts.append(acts)
        if len(choices):
            mixed = True
            parts.append(choices)
        counts.append(len(acts) + len(choices))
    rows = concatenated(parts)
    owner = np.repeat(np.arange(len(counts)), counts)
    live = _live(rows, owner)
    if not live.all():
        rows, owner = rows[live], owner[live]
    if mixed:
        # Those without choices are in this order already, and the sort is stable.
        order = np.lexsort((rows["item"], rows["event"], rows["time_ms"], owner))
        rows, owner = rows[order], owner[order]
    ends = np.cumsum(np.bincount(owner, minlength=len(counts))).astype(np.intp)
    about_items = (rows["flags"] & TEXT) == 0
    by_item = np.flatnonzero(about_items)
    by_item = by_item[np.lexsort((rows["item"][by_item], owner[by_item]))]
    item, whose = rows["item"][by_item], owner[by_item]
    begins = np.ones(len(by_item), np.bool_)
    begins[1:] = (item[1:] != item[:-1]) | (whose[1:] != whose[:-1])
    return Evidence(
        rows=rows,
        ends=ends,
        owner=owner,
        worth=rows["weight"] * _decays(rows, owner, ends, policy) if len(rows) else _NOTHING,
        about_items=about_items,
        by_item=by_item,
        begins=begins,
    )


def sums(values: Floats, owner: Places, users: int) -> Floats:
    """Sum of each user's values, in their order; shape (users,)."""
    # Not `reduceat`: it adds in pairs, whose grouping depends on where a segment begins.
    return np.asarray(np.bincount(owner, weights=values, minlength=users), np.float64)


def _live(rows: Entries, owner: Places) -> Flags:
    """As `entries.live_mask`, for each user apart."""
    live = np.ones(len(rows), np.bool_)
    superseding = np.flatnonzero(rows["flags"] & SUPERSEDES)
    if len(superseding) > 1:
        items, owners = rows["item"][superseding], owner[superseding]
        order = np.lexsort((items, owners))
        items, owners = items[order], owners[order]
        overtaken = (items[:-1] == items[1:]) & (owners[:-1] == owners[1:])
        live[superseding[order[:-1][overtaken]]] = False
    return live


def _decays(rows: Entries, owner: Places, ends: Places, policy: Policy) -> Floats:
    """As `projection.decays`, for each user apart; `rows` are not empty."""
    time_ms, event = rows["time_ms"], rows["event"]
    fresh = np.ones(len(rows), np.bool_)
    fresh[1:] = (
        (owner[1:] != owner[:-1]) | (time_ms[1:] != time_ms[:-1]) | (event[1:] != event[:-1])
    )
    ordinal: Places = np.cumsum(fresh).astype(np.intp)
    last = ends[owner] - 1
    rank = (ordinal[last] - ordinal).astype(np.float64)
    age_s = (time_ms[last] - time_ms) / 1000.0
    factors: Floats = np.exp2(-age_s / policy.half_life_s - rank / policy.half_rank)
    return factors
