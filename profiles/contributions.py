"""A user's part in the aggregates, as a pure function of their state.

Every aggregate is Σ over users of `contribution(view)`, in integers: exact under
any order, removable (erasing a user subtracts what they added) and rebuildable
by sweeping the stored users. `change` gives the difference of two views without
building both whole. A statistic about items is counted from the entries that a change
names (`profiles.counting`), every other one by a function here that lists its counters.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
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
from profiles.entries import EMPTY, ENTRY, TEXT, Entries, concatenated
from profiles.evidence import Evidence
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
    "fixed_point",
    "is_settled",
    "pairs_counted",
    "size_in",
    "spelled_out",
    "unpacked",
    "view_of",
    "view_of_whole",
    "views_of",
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


def views_of(
    states: Sequence[UserState], evidence: Evidence, vectors: Vector, space: int
) -> list[UserView]:
    """`view_of` each state.

    Args:
        evidence: Of these states.
        vectors: Shape (n, d).
    """
    weight = evidence.rows["weight"]
    positive = _parts(evidence, evidence.about_items & (weight > 0))
    negative = _parts(evidence, evidence.about_items & (weight < 0))
    means = fixed_point(vectors)
    return [
        # Copies: a user in memory must not keep everybody who was written along.
        UserView(
            state,
            liked.copy(),
            disliked.copy() if len(disliked) else EMPTY,
            mean.copy(),
            space,
        )
        for state, liked, disliked, mean in zip(states, positive, negative, means, strict=True)
    ]


def _parts(evidence: Evidence, chosen: npt.NDArray[np.bool_]) -> Iterator[Entries]:
    rows = evidence.rows[chosen]
    ends = np.cumsum(np.bincount(evidence.owner[chosen], minlength=len(evidence))).tolist()
    return (rows[start:end] for start, end in pairwise((0, *ends)))


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
    _count_presence(counts, None, view)
    _count_totals(counts, view)
    _count_attributes(counts, view, +1, unless={})
    entries = _marked(view.positive, 0, LIKED if pairs else ALONE)
    entries += _marked(view.negative, 0, DISLIKED)
    entries += _people_between(view.positive[:0], view.positive, view.positive, LIKER)
    entries += _people_between(view.negative[:0], view.negative, view.negative, DISLIKER)
    return Change(_without_zeros(counts), _packed(view.mean), entries)


def change(before: UserView, after: UserView, policy: Policy, *, pairs: bool = True) -> Change:
    """`whole_of(after)` - `whole_of(before)`; cheap when only the ends differ."""
    counts: Counts = {}
    _count_totals(counts, after, since=before)
    if before.state.attributes or after.state.attributes:
        _count_attributes(counts, before, -1, unless=after.state.attributes)
        _count_attributes(counts, after, +1, unless=before.state.attributes)
    _count_presence(counts, before, after)
    window = policy.co_occurrence_window if pairs else 0
    entries = _liked_between(before.positive, after.positive, window)
    entries += _disliked_between(before.negative, after.negative)
    mean = after.mean - before.mean
    return Change(_without_zeros(counts), _packed(mean), entries)


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


def _count_presence(counts: Counts, before: UserView | None, after: UserView) -> None:
    gone, here = _presence(before) if before is not None else (), _presence(after)
    if gone != here:
        for counter in gone:
            _add(counts, "size", "", counter, -1)
        for counter in here:
            _add(counts, "size", "", counter, +1)


def _presence(view: UserView) -> tuple[bytes, ...]:
    counted = (b"users",) if view.state.version and not view.state.is_vacant else ()
    return (*counted, b"directed", size_in(view.space)) if view.has_direction else counted


def _count_totals(counts: Counts, view: UserView, *, since: UserView | None = None) -> None:
    known = since.state.totals if since is not None else {}
    for kind, by_action in view.state.totals.items():
        earlier = known.get(kind, {})
        for action, count in by_action.items():
            more = count - earlier.get(action, 0)
            if more:
                _add(counts, "events", "", _total(kind, action), more)
            if count and not earlier.get(action, 0):
                _add(counts, "doers", "", _total(kind, action), 1)
    for kind, by_action in known.items():
        later = view.state.totals.get(kind, {})
        for action, count in by_action.items():
            if action not in later:
                _add(counts, "events", "", _total(kind, action), -count)
                _add(counts, "doers", "", _total(kind, action), -1)


@lru_cache(maxsize=1 << 12)
def _total(kind: DataType, action: str) -> bytes:
    return f"{kind.value}/{action}".encode()


def _count_attributes(
    counts: Counts, view: UserView, sign: int, *, unless: Mapping[str, AttributeValue]
) -> None:
    for name, stated in view.state.attributes.items():
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
    had, has = before["item"], after["item"]
    steps = {
        item: int((has == item).any()) - (int((had == item).any()) if len(had) else 0)
        for item in set(touched["item"].tolist())
    }
    told = [(item, 0, step * mark) for item, step in steps.items() if step]
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
