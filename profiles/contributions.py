"""A user's part in the aggregates, as a pure function of their state.

Every aggregate is Σ over users of `contribution(view)`, in integers: exact under
any order, removable (erasing a user subtracts what they added) and rebuildable
by sweeping the stored users. `change` gives the difference of two views without
building both whole. A statistic is one function that lists its counters.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.entries import ENTRY, TEXT, Entries, concatenated
from profiles.evidence import Evidence
from profiles.policy import Policy
from profiles.ports import Vector
from profiles.projection import interests
from profiles.state import AttributeValue, UserState, decode_state, encode_state
from schemas.updates import Contribution, Counts, WholeUser

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
    "size_in",
    "unpacked",
    "view_of",
    "view_of_whole",
    "views_of",
    "whole_user",
]

MEAN_SCALE: Final = 1 << 24
# An era of 32 half-lives in fixed point with 10 fractional bits: an entry is worth
# 2^10 … 2^42, so a million of the largest still fit a signed 64-bit counter.
ERA_HALF_LIVES: Final = 32
_FRACTION_BITS: Final = 10
_LONGEST_VALUE_BYTES: Final = 256


FixedVector = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TrendWindow:
    """A trend compares the last `window_s` with the `window_s` before it.

    Attributes:
        bucket_s: Resolution of the event-time buckets.
    """

    name: str
    window_s: int
    bucket_s: int

    @property
    def series(self) -> str:
        return f"trend-{self.name}"


TREND_WINDOWS: Final = (
    TrendWindow("1h", 3_600, 300),
    TrendWindow("24h", 86_400, 3_600),
    TrendWindow("7d", 604_800, 21_600),
)


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
        return bool(self.mean.any())


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
        UserView(state, liked.copy(), disliked.copy(), mean.copy(), space)
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


def contribution(view: UserView, policy: Policy) -> Contribution:
    """All that a user adds to the counters."""
    counts: Counts = {}
    _count_presence(counts, view, +1)
    _count_totals(counts, view)
    _count_attributes(counts, view, +1, unless={})
    _count_items(counts, "positive", view.positive, +1)
    _count_items(counts, "negative", view.negative, +1)
    _count_people(counts, "likers", view.positive[:0], view.positive, touched=(view.positive,))
    _count_people(counts, "dislikers", view.negative[:0], view.negative, touched=(view.negative,))
    _count_times(counts, view.positive, policy, +1)
    _count_pairs(counts, view.positive, policy.co_occurrence_window, +1, first=0)
    return Contribution(_without_zeros(counts), _packed(view.mean))


def change(before: UserView, after: UserView, policy: Policy) -> Contribution:
    """`contribution(after)` - `contribution(before)`; cheap when only the ends differ."""
    counts: Counts = {}
    _count_totals(counts, after, since=before)
    _count_attributes(counts, before, -1, unless=after.state.attributes)
    _count_attributes(counts, after, +1, unless=before.state.attributes)
    _count_presence(counts, before, -1)
    _count_presence(counts, after, +1)

    overlap = _overlap(before.positive, after.positive)
    end = overlap.head + overlap.length
    added = after.positive[overlap.length :]
    _count_items(counts, "positive", added, +1)
    _count_times(counts, added, policy, +1)
    touched = [added]
    if overlap.head or end < len(before.positive):
        removed = concatenated((before.positive[: overlap.head], before.positive[end:]))
        touched.append(removed)
        _count_items(counts, "positive", removed, -1)
        _count_times(counts, removed, policy, -1)
    _count_people(counts, "likers", before.positive, after.positive, touched=touched)
    window = policy.co_occurrence_window
    _count_first_pairs(counts, before.positive, window, overlap)
    _count_pairs(counts, before.positive, window, -1, first=end)
    _count_pairs(counts, after.positive, window, +1, first=overlap.length)

    unliked = _overlap(before.negative, after.negative)
    dropped = before.negative[: unliked.head]
    replaced = before.negative[unliked.head + unliked.length :]
    fresh = after.negative[unliked.length :]
    _count_items(counts, "negative", dropped, -1)
    _count_items(counts, "negative", replaced, -1)
    _count_items(counts, "negative", fresh, +1)
    _count_people(
        counts,
        "dislikers",
        before.negative,
        after.negative,
        touched=(dropped, replaced, fresh),
    )
    return Contribution(_without_zeros(counts), _packed(after.mean - before.mean))


TIMED_SERIES: Final = ("popularity", *(window.series for window in TREND_WINDOWS))
"""Series whose parts leave as the watermark advances."""


def bucket_floor(series: str, watermark_ms: int, policy: Policy) -> int | None:
    """Oldest part (era or bucket number) of a timed series still kept; None if untimed.

    Parts only ever leave as the watermark advances, so a part that is kept has
    been kept since its first entry: what is left is exact.
    """
    if series == "popularity":
        return _era(watermark_ms, policy) - 1
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
    return mean.astype("<i4").tobytes() if mean.any() else b""


def _count_presence(counts: Counts, view: UserView, sign: int) -> None:
    if view.state.version and not view.state.is_vacant:
        _add(counts, "size", "", b"users", sign)
    if view.has_direction:
        _add(counts, "size", "", b"directed", sign)
        _add(counts, "size", "", size_in(view.space), sign)


def _count_totals(counts: Counts, view: UserView, *, since: UserView | None = None) -> None:
    known = since.state.totals if since is not None else {}
    for kind, by_action in view.state.totals.items():
        earlier = known.get(kind, {})
        for action, count in by_action.items():
            more = count - earlier.get(action, 0)
            if more:
                _add(counts, "events", "", f"{kind.value}/{action}".encode(), more)
            if count and not earlier.get(action, 0):
                _add(counts, "doers", "", f"{kind.value}/{action}".encode(), 1)
    for kind, by_action in known.items():
        later = view.state.totals.get(kind, {})
        for action, count in by_action.items():
            if action not in later:
                _add(counts, "events", "", f"{kind.value}/{action}".encode(), -count)
                _add(counts, "doers", "", f"{kind.value}/{action}".encode(), -1)


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


def _item_fields(rows: Entries) -> Iterator[bytes]:
    packed = rows["item"].astype("<u8").tobytes()
    return (packed[start : start + 8] for start in range(0, len(packed), 8))


def _count_items(counts: Counts, series: str, rows: Entries, sign: int) -> None:
    for field in _item_fields(rows):
        _add(counts, series, "", field, sign)


def _count_people(
    counts: Counts, series: str, before: Entries, after: Entries, *, touched: Sequence[Entries]
) -> None:
    """Count the user once for each item, however many entries are about it.

    Args:
        touched: Rows of all items of which entries came or went.
    """
    items = {item for rows in touched for item in rows["item"].tolist()}
    if not items:
        return
    had, has = before["item"], after["item"]
    for item in items:
        step = int((has == item).any()) - int((had == item).any())
        if step:
            _add(counts, series, "", item.to_bytes(8, "little"), step)


def _era(time_ms: int, policy: Policy) -> int:
    return math.floor(time_ms / (1000.0 * policy.popularity_half_life_s * ERA_HALF_LIVES))


def _count_times(counts: Counts, rows: Entries, policy: Policy, sign: int) -> None:
    for field, time_ms in zip(_item_fields(rows), rows["time_ms"].tolist(), strict=True):
        era = _era(time_ms, policy)
        half_lives = time_ms / (1000.0 * policy.popularity_half_life_s) - era * ERA_HALF_LIVES
        worth = round(2.0 ** (_FRACTION_BITS + half_lives))
        _add(counts, "popularity", str(era), field, sign * worth)
        for window in TREND_WINDOWS:
            bucket = time_ms // 1000 // window.bucket_s
            _add(counts, window.series, str(bucket), field, sign)


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


def _count_pairs(counts: Counts, rows: Entries, window: int, sign: int, *, first: int) -> None:
    """Pairs at most `window` apart whose later entry is at `first` or after it."""
    start = max(0, first - window)
    fields = list(_item_fields(rows[start:]))
    for j in range(first - start, len(fields)):
        for i in range(max(0, j - window), j):
            _count_pair(counts, fields[i], fields[j], sign)


def _count_first_pairs(counts: Counts, rows: Entries, window: int, stayed: _Overlap) -> None:
    """Take back pairs whose later entry is before the overlap's end and whose earlier left."""
    if not stayed.head:
        return
    fields = list(_item_fields(rows))
    for j in range(1, min(stayed.head + window, stayed.head + stayed.length)):
        for i in range(max(0, j - window), min(j, stayed.head)):
            _count_pair(counts, fields[i], fields[j], -1)


def _count_pair(counts: Counts, one: bytes, other: bytes, sign: int) -> None:
    if one == other:
        return
    for item, beside in ((one, other), (other, one)):
        table = counts.setdefault(("co-occurrence", item.hex()), {})
        table[beside] = table.get(beside, 0) + sign
