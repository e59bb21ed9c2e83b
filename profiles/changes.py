"""How many users' parts in the aggregates changed, side by side in columns.

Nearly every write of a user adds entries behind all others, to a set in which no entry takes the
place of another. What such a write changes is found here for a whole flush at once, and counts
what `contributions.change` counts; every other user takes that way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.contributions import (
    FixedVector,
    UserView,
    change,
    counts_between,
    fixed_point,
    view_of,
)
from profiles.counting import ALONE, BESIDE, DISLIKED, DISLIKER, LIKED, LIKER, MARKED
from profiles.entries import EMPTY, SUPERSEDES
from profiles.evidence import Evidence
from profiles.policy import Policy
from profiles.ports import Vector
from profiles.state import EMPTY_STATE, DataType, UserState
from schemas.updates import Change

__all__ = ["Sights", "changes", "sights_of", "wholes"]

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

_BY_OTHER_WAYS: Final = -1
# Taken from their class each time, members cost more than what is done with them.
_ACTS: Final = DataType.INTERACTIONS
_CHOICES: Final = DataType.PREFERENCES


@dataclass(frozen=True, slots=True)
class Sights:
    """What aggregates see of n users.

    Attributes:
        means: Fixed-point vectors, shape (n, d).
        directed: Shape (n,): whose vector is not zero.
        spaces: Versions of the item spaces that the vectors lie in.
    """

    states: Sequence[UserState]
    means: FixedVector
    directed: Sequence[bool]
    spaces: Sequence[int]

    def view(self, user: int) -> UserView:
        """One user's."""
        return view_of(self.states[user], self.means[user], self.spaces[user])


def sights_of(states: Sequence[UserState], vectors: Vector, spaces: Sequence[int]) -> Sights:
    """Of users with these vectors, shape (n, d)."""
    means = fixed_point(vectors)
    return Sights(states, means, _moved(means), spaces)


def changes(
    before: Sights, after: Sights, shown: Evidence, policy: Policy, *, pairs: Sequence[bool]
) -> list[Change]:
    """`change` of each user.

    Args:
        shown: Of the states after.
        pairs: Whose pairs of items are counted, as `pairs_counted` says.
    """
    known = [_appended_to(*states) for states in zip(before.states, after.states, strict=True)]
    rows = shown.rows
    known_rows = np.asarray(known, np.intp)
    taking_places = shown.owner[(rows["flags"] & SUPERSEDES) != 0]
    known_rows[taking_places] = _BY_OTHER_WAYS
    entries = _entries(shown, known_rows, policy, np.asarray(pairs, np.bool_))
    steps = after.means - before.means
    packed, size = steps.astype("<i4", copy=False).tobytes(), 4 * steps.shape[1]
    found: list[Change] = []
    for user, (rows_before, moved) in enumerate(
        zip(known_rows.tolist(), _moved(steps), strict=True)
    ):
        if rows_before == _BY_OTHER_WAYS:
            views = before.view(user), after.view(user)
            found.append(change(*views, policy, pairs=pairs[user]))
            continue
        counts = counts_between(
            (before.states[user], before.directed[user], before.spaces[user]),
            (after.states[user], after.directed[user], after.spaces[user]),
        )
        mean = packed[user * size : (user + 1) * size] if moved else b""
        found.append(Change(counts, mean, entries[user]))
    return found


def wholes(
    sights: Sights, shown: Evidence, policy: Policy, *, pairs: Sequence[bool]
) -> list[Change]:
    """`whole_of` each user: what has changed since there was nothing of them.

    Args:
        shown, pairs: As of `changes`.
    """
    users = len(sights.states)
    nothing = Sights(
        [EMPTY_STATE] * users, np.zeros_like(sights.means), [False] * users, [0] * users
    )
    return changes(nothing, sights, shown, policy, pairs=pairs)


def _moved(vectors: FixedVector) -> list[bool]:
    """Which of the rows are not zero."""
    found: list[bool] = np.any(vectors, axis=1).tolist()
    return found


def _appended_to(before: UserState, after: UserState) -> int:
    """How many interactions there were, if others only came behind them."""
    if _CHOICES in after.sets or _CHOICES in before.sets:
        return _BY_OTHER_WAYS
    held = before.sets.get(_ACTS)
    if held is None:
        return 0
    acts = after.sets.get(_ACTS, EMPTY)
    # Equal entries are equal bytes.
    return len(held) if acts.tobytes().startswith(held.tobytes()) else _BY_OTHER_WAYS


def _entries(shown: Evidence, known: Places, policy: Policy, pairs: Flags) -> list[bytes]:
    """Runs of entries that came; of users who are `_BY_OTHER_WAYS` they mean nothing.

    Args:
        known: Shape (n,): how many of a user's rows were there before.
        pairs: Shape (n,).
    """
    rows, owner = shown.rows, shown.owner
    starts = shown.ends - np.diff(shown.ends, prepend=0)
    fresh = np.arange(len(rows)) - starts[owner] >= known[owner]
    weight = rows["weight"]
    liked, disliked = weight > 0, weight < 0
    group = _groups(shown)
    window = np.where(pairs, policy.co_occurrence_window, 0)
    parts = [
        _run(liked, fresh, owner, window),
        _first_of(liked, fresh, group),
        np.flatnonzero(disliked & fresh),
        _first_of(disliked, fresh, group),
    ]
    place = np.concatenate(parts)
    marks = [
        np.where(fresh[parts[0]], np.where(pairs[owner[parts[0]]], LIKED, ALONE), BESIDE),
        *(np.full(len(part), mark) for part, mark in zip(parts[1:], _MARKS, strict=True)),
    ]
    order = np.argsort(owner[place], kind="stable")
    told = np.zeros(len(place), MARKED)
    told["item"] = rows["item"][place[order]]
    told["time_ms"] = rows["time_ms"][place[order]]
    told["mark"] = np.concatenate(marks)[order]
    people = np.repeat([False, True, False, True], [len(part) for part in parts])[order]
    told["time_ms"][people] = 0
    packed = told.tobytes()
    ends = np.cumsum(np.bincount(owner[place], minlength=len(shown))) * MARKED.itemsize
    found: list[bytes] = []
    start = 0
    for end in ends.tolist():
        found.append(packed[start:end])
        start = end
    return found


_MARKS: Final = (LIKER, DISLIKED, DISLIKER)


def _groups(shown: Evidence) -> Places:
    """Number of each row's user and item; shape (m,)."""
    group = np.empty(len(shown.rows), np.intp)
    group[shown.by_item] = np.cumsum(shown.begins) - 1
    return group


def _run(liked: Flags, fresh: Flags, owner: Places, window: Places) -> Places:
    """Liked rows that came, each user's after at most `window` of those that they follow."""
    at = np.flatnonzero(liked)
    whose, came = owner[at], fresh[at]
    first = np.append(True, whose[1:] != whose[:-1])[: len(at)]
    number = np.arange(len(at))
    starts = number[first]
    users = whose[first]
    before = np.zeros(len(window), np.intp)
    before[users] = starts
    known = np.bincount(whose[~came], minlength=len(window))
    some = np.zeros(len(window), np.bool_)
    some[whose[came]] = True
    begin = before + np.maximum(known - window, 0)
    return np.asarray(at[some[whose] & (number >= begin[whose])], np.intp)


def _first_of(chosen: Flags, fresh: Flags, group: Places) -> Places:
    """One row that came of each user and item of which none was chosen before."""
    had = np.zeros(len(group), np.bool_)
    had[group[chosen & ~fresh]] = True
    at = np.flatnonzero(chosen & fresh)
    at = at[~had[group[at]]]
    _, first = np.unique(group[at], return_index=True)
    return np.asarray(at[np.sort(first)], np.intp)
