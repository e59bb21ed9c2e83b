"""A user's part in the aggregates, as a pure function of their state.

Every aggregate is Σ over users of `contribution(view)`, in integers: exact under
any order, removable (erasing a user subtracts what they added) and rebuildable
by sweeping the stored users. `change` gives the difference of two views without
building both whole. A statistic about items is counted from the entries that a change
names (`profiles.counting`), every other one by a function here that lists its counters.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.counting import (
    ALONE,
    BESIDE,
    DISLIKED,
    DISLIKER,
    ERA_HALF_LIVES,
    LIKED,
    LIKER,
    MARKED,
    TREND_WINDOWS,
    Sum,
    TrendWindow,
    era_of,
)
from profiles.entries import ENTRY, TEXT, Entries, concatenated
from profiles.ids import DRAWS, draw_of
from profiles.policy import Policy
from profiles.ports import Vector
from profiles.projection import interests
from profiles.state import AttributeValue, DataType, UserState, decode_state, encode_state
from schemas.updates import Change, Contribution, Counts, WholeUser

__all__ = [
    "ERA_HALF_LIVES",
    "MEAN_SCALE",
    "TIMED_SERIES",
    "TREND_WINDOWS",
    "FixedVector",
    "TrendWindow",
    "UserView",
    "bucket_floor",
    "change",
    "contribution",
    "counts_between",
    "fixed_point",
    "is_settled",
    "pairs_counted",
    "size_in",
    "spelled_out",
    "unpacked",
    "view_of",
    "view_of_whole",
    "whole_of",
    "whole_user",
]

MEAN_SCALE: Final = 1 << 24
_LONGEST_VALUE_BYTES: Final = 256


FixedVector = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class UserView:
    """What aggregates see of a state.

    Attributes:
        positive: Live entries about items with weight > 0, oldest first.
        negative: The same with weight < 0.
        mean: int32 fixed-point vector, shape (d,).
        space: Version of the item space that it lies in.
    """

    state: UserState
    positive: Entries
    negative: Entries
    mean: FixedVector
    space: int = 0

    @property
    def has_direction(self) -> bool:
        # Of bytes, as NumPy's own takes ten times as long for so few.
        return bool(self.mean.tobytes().lstrip(b"\0"))


def fixed_point(vector: Vector) -> FixedVector:
    """Components in units of 2^-24, which add exactly; |component| ≤ 1."""
    return np.rint(vector.astype(np.float64) * MEAN_SCALE).astype(np.int32)


def size_in(space: int) -> bytes:
    """Field of the series "size" that counts users with a direction in this item space."""
    return b"space %d" % space


def is_settled(sizes: Mapping[bytes, int]) -> bool:
    """Whether all users of a scope with a direction lie in one item space.

    While users are re-projected, sums of vectors mix spaces and mean nothing.

    Args:
        sizes: The series "size", without zeros.
    """
    return sum(name.startswith(b"space ") for name in sizes) == 1


def view_of(state: UserState, mean: FixedVector, space: int = 0) -> UserView:
    rows = interests(state)
    rows = rows[(rows["flags"] & TEXT) == 0]
    weight = rows["weight"]
    return UserView(state, rows[weight > 0], rows[weight < 0], mean, space)


def whole_user(view: UserView) -> WholeUser:
    return WholeUser(encode_state(view.state), _packed(view.mean), view.space)


def view_of_whole(user: WholeUser, *, dimension: int) -> UserView:
    """The view that `whole_user` was made from."""
    return view_of(decode_state(user.state), unpacked(user.mean, dimension=dimension), user.space)


def unpacked(mean: bytes, *, dimension: int) -> FixedVector:
    """Components of `Contribution.mean`, shape (d,); no bytes are zeros."""
    if not mean:
        return np.zeros(dimension, np.int32)
    return np.frombuffer(mean, "<i4").astype(np.int32)


def pairs_counted(key: bytes, policy: Policy) -> bool:
    """Whether a user is one of those whose pairs of items are counted."""
    return draw_of(key) < policy.co_occurrence_share * DRAWS


def whole_of(view: UserView, *, pairs: bool = True) -> Change:
    """All that a user adds to the counters.

    Args:
        pairs: As `pairs_counted` says.
    """
    counts: Counts = {}
    _count_presence(counts, (), _presence(view.state, view.has_direction, view.space))
    _count_totals(counts, {}, view.state.totals)
    _count_attributes(counts, view.state, +1, unless={})
    entries = _marked(view.positive, 0, LIKED if pairs else ALONE)
    entries += _marked(view.negative, 0, DISLIKED)
    entries += _people_between(view.positive[:0], view.positive, view.positive, LIKER)
    entries += _people_between(view.negative[:0], view.negative, view.negative, DISLIKER)
    return Change(_without_zeros(counts), _packed(view.mean), entries)


def change(before: UserView, after: UserView, policy: Policy, *, pairs: bool = True) -> Change:
    """`whole_of(after)` - `whole_of(before)`; cheap when only the ends differ."""
    counts = counts_between(
        (before.state, before.has_direction, before.space),
        (after.state, after.has_direction, after.space),
    )
    window = policy.co_occurrence_window if pairs else 0
    entries = _liked_between(before.positive, after.positive, window)
    entries += _disliked_between(before.negative, after.negative)
    mean = after.mean - before.mean
    return Change(counts, _packed(mean), entries)


Standing = tuple[UserState, bool, int]
"""A user's state, whether their vector is not zero, and the item space that it lies in."""


def counts_between(before: Standing, after: Standing) -> Counts:
    """What changes in the counters that are not about items; none is 0."""
    counts: Counts = {}
    one, other = before[0], after[0]
    _count_totals(counts, one.totals, other.totals)
    if one.attributes or other.attributes:
        _count_attributes(counts, one, -1, unless=other.attributes)
        _count_attributes(counts, other, +1, unless=one.attributes)
        counts = _without_zeros(counts)
    _count_presence(counts, _presence(*before), _presence(*after))
    return counts


def contribution(view: UserView, policy: Policy, *, pairs: bool = True) -> Contribution:
    """`whole_of`, counter by counter."""
    return spelled_out(whole_of(view, pairs=pairs), policy)


def spelled_out(part: Change, policy: Policy) -> Contribution:
    """Every counter that a change adds to, without zeros."""
    everything = Sum(policy, max(1, len(part.mean) // 4))
    everything.add("", ("",), part)
    counts: Counts = {
        (table.series, table.part): counters
        for table, counters in everything.increments().items()
        if table.series != "mean"
    }
    for columns in everything.item_counters():
        for table, counters in columns.tables():
            counts[table.series, table.part] = counters
    return Contribution(counts, part.mean)


TIMED_SERIES: Final = ("popularity", *(window.series for window in TREND_WINDOWS))
"""Series whose parts leave as the watermark advances."""


def bucket_floor(series: str, watermark_ms: int, policy: Policy) -> int | None:
    """Oldest part (era or bucket number) of a timed series still kept; None if untimed.

    Parts only ever leave as the watermark advances, so a part that is kept has
    been kept since its first entry: what is left is exact.
    """
    if series == "popularity":
        return era_of(watermark_ms, policy) - 1
    for window in TREND_WINDOWS:
        if series == window.series:
            oldest_s = watermark_ms // 1000 - 2 * window.window_s
            return oldest_s // window.bucket_s
    return None


def _add(counts: Counts, series: str, part: str, field: bytes, count: int) -> None:
    table = counts.setdefault((series, part), {})
    table[field] = table.get(field, 0) + count


def _without_zeros(counts: Counts) -> Counts:
    kept: Counts = {}
    for name, table in counts.items():
        left = {field: count for field, count in table.items() if count}
        if left:
            kept[name] = left
    return kept


def _packed(mean: FixedVector) -> bytes:
    packed = mean.astype("<i4", copy=False).tobytes()
    return packed if packed.lstrip(b"\0") else b""


def _count_presence(counts: Counts, gone: tuple[bytes, ...], here: tuple[bytes, ...]) -> None:
    if gone != here:
        steps = dict.fromkeys(here, 1)
        for counter in gone:
            if not steps.pop(counter, 0):
                steps[counter] = -1
        counts["size", ""] = steps


@lru_cache(maxsize=64)
def _sizes(space: int | None, *, counted: bool) -> tuple[bytes, ...]:
    users = (b"users",) if counted else ()
    return users if space is None else (*users, b"directed", size_in(space))


def _presence(state: UserState, directed: bool, space: int) -> tuple[bytes, ...]:  # noqa: FBT001 - a `Standing`
    return _sizes(space if directed else None, counted=state.version > 0 and not state.is_vacant)


Totals = Mapping[DataType, Mapping[str, int]]


def _count_totals(counts: Counts, before: Totals, after: Totals) -> None:
    events: dict[bytes, int] = {}
    doers: dict[bytes, int] = {}
    for kind, by_action in after.items():
        earlier = before.get(kind, {})
        for action, count in by_action.items():
            had = earlier.get(action, 0)
            if count != had:
                events[_total(kind, action)] = count - had
                if not had or not count:
                    doers[_total(kind, action)] = 1 if count else -1
    for kind, by_action in before.items():
        later = after.get(kind, {})
        for action, count in by_action.items():
            if count and action not in later:
                events[_total(kind, action)] = -count
                doers[_total(kind, action)] = -1
    if events:
        counts["events", ""] = events
    if doers:
        counts["doers", ""] = doers


@lru_cache(maxsize=1 << 12)
def _total(kind: DataType, action: str) -> bytes:
    return f"{kind.value}/{action}".encode()


def _count_attributes(
    counts: Counts, state: UserState, sign: int, *, unless: Mapping[str, AttributeValue]
) -> None:
    for name, stated in state.attributes.items():
        # Identity, not equality: 1, 1.0 and True are equal and are counted apart.
        if unless.get(name) is stated:
            continue
        value = json.dumps(stated.value).encode()
        # Texts are not a distribution, and would fill the tables.
        if len(value) <= _LONGEST_VALUE_BYTES:
            _add(counts, "attribute", name, value, sign)


@dataclass(frozen=True, slots=True)
class _Overlap:
    """`before[head : head + length]` equals `after[:length]`."""

    head: int
    length: int


def _overlap(before: Entries, after: Entries) -> _Overlap:
    """The usual change appends new entries and may drop the oldest: find what stayed."""
    if not len(before) or not len(after):
        return _Overlap(len(before), 0)
    # Equal entries are equal bytes, and comparing those costs far less than comparing fields.
    old, new = before.tobytes(), after.tobytes()
    if new.startswith(old):
        return _Overlap(0, len(before))
    size = ENTRY.itemsize
    first = int(np.searchsorted(before["time_ms"], after["time_ms"][0], side="left"))
    last = int(np.searchsorted(before["time_ms"], after["time_ms"][0], side="right"))
    oldest = new[:size]
    head = next(
        (at for at in range(first, last) if old[at * size : (at + 1) * size] == oldest), None
    )
    if head is None:
        return _Overlap(len(before), 0)
    longest = min(len(before) - head, len(after))
    stayed = np.frombuffer(old, f"V{size}")[head : head + longest]
    differs = np.flatnonzero(stayed != np.frombuffer(new, f"V{size}")[:longest])
    return _Overlap(head, int(differs[0]) if len(differs) else longest)


def _liked_between(before: Entries, after: Entries, window: int) -> bytes:
    """Runs of what went from the beginning, what came, and what went from the end.

    Args:
        window: 0 where no pairs are counted.
    """
    liked = LIKED if window else ALONE
    stayed = _overlap(before, after)
    end = stayed.head + stayed.length
    came = after[max(0, stayed.length - window) :]
    found = _marked(came, min(window, stayed.length), liked)
    touched = after[stayed.length :]
    if stayed.head:
        # Backwards, so that what went follows what stays, as it does in every run.
        went = before[: min(stayed.head + window, end)][::-1]
        found = _marked(went, len(went) - stayed.head, -liked) + found
    if end < len(before):
        found += _marked(before[max(0, end - window) :], min(window, end), -liked)
    if stayed.head or end < len(before):
        touched = concatenated((touched, before[: stayed.head], before[end:]))
    return found + _people_between(before, after, touched, LIKER)


def _disliked_between(before: Entries, after: Entries) -> bytes:
    if not len(before) and not len(after):
        return b""
    stayed = _overlap(before, after)
    first, last = before[: stayed.head], before[stayed.head + stayed.length :]
    came = after[stayed.length :]
    entries = _marked(first, 0, -DISLIKED) + _marked(last, 0, -DISLIKED)
    touched = concatenated((first, last, came))
    return entries + _marked(came, 0, DISLIKED) + _people_between(before, after, touched, DISLIKER)


def _people_between(before: Entries, after: Entries, touched: Entries, mark: int) -> bytes:
    """The user once for each item that they had nothing about, or have nothing about any more.

    Args:
        touched: Entries that came or went.
    """
    if not len(touched):
        return b""
    had, has = before["item"].tolist(), after["item"].tolist()
    items = set(touched["item"].tolist())
    if len(items) > 2:
        # Looked up often enough to be worth building.
        had, has = set(had), set(has)
    told = [(item, 0, step * mark) for item in items if (step := (item in has) - (item in had))]
    return np.array(told, MARKED).tobytes() if told else b""


def _marked(rows: Entries, beside: int, mark: int) -> bytes:
    """A run that counts all rows but the first `beside`; nothing if that leaves none."""
    if len(rows) <= beside:
        return b""
    run = np.empty(len(rows), MARKED)
    run["item"] = rows["item"]
    run["time_ms"] = rows["time_ms"]
    run["mark"] = mark
    run["mark"][:beside] = BESIDE
    return run.tobytes()
