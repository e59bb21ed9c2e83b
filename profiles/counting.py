"""From entries that changed to counters, for many users at once.

An update names the entries that came and went; what they add to every statistic of items is
found here in columns. One more event of a user is 25 counters in two scopes or more, of which
users of one batch share many.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from profiles.policy import Policy
from profiles.ports import CounterTable, Increments, ItemCounters
from schemas.updates import Change

__all__ = [
    "ALONE",
    "BESIDE",
    "DISLIKED",
    "DISLIKER",
    "ERA_HALF_LIVES",
    "LIKED",
    "LIKER",
    "MARKED",
    "TREND_WINDOWS",
    "Sum",
    "TrendWindow",
    "era_of",
]

# An era of 32 half-lives in fixed point with 10 fractional bits: an entry is worth
# 2^10 … 2^42, so a million of the largest still fit a signed 64-bit counter.
ERA_HALF_LIVES: Final = 32
_FRACTION_BITS: Final = 10

MARKED: Final = np.dtype([("item", "<u8"), ("time_ms", "<i8"), ("mark", "i1")])
"""An entry that came (mark > 0), went (mark < 0) or stands beside such (0).

Rows of a user lie in runs of neighbours. What a run counts follows the entries that it stands
beside, at most a window of them; a run ends where the sign changes or a new one's neighbours begin.
"""
BESIDE: Final = 0
LIKED: Final = 1
DISLIKED: Final = 2
LIKER: Final = 3
"""The user, once for an item however many entries are about it."""
DISLIKER: Final = 4
ALONE: Final = 5
"""Liked by a user whose pairs are not counted."""

_PLAIN: Final = {
    "positive": (LIKED, ALONE),
    "negative": (DISLIKED,),
    "likers": (LIKER,),
    "dislikers": (DISLIKER,),
}
"""Series with one table, whose counters are of items."""

Integers = npt.NDArray[np.int64]
Items = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]


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


def era_of(time_ms: int, policy: Policy) -> int:
    """Number of the era that an event time lies in."""
    return math.floor(time_ms / (1000.0 * policy.popularity_half_life_s * ERA_HALF_LIVES))


class Sum:
    """Changes of many users being added up, by tenant and scope.

    Pairs of items are counted for everybody, and for no persona: whoever changes persona is taken
    out of one and added to the other entry by entry, and pairs would be most of that, by far.

    Args:
        dimension: Length of user vectors.
    """

    def __init__(self, policy: Policy, dimension: int) -> None:
        self._policy = policy
        self._dimension = dimension
        self._scopes: dict[tuple[str, str], int] = {}
        self._counts: dict[tuple[int, str, str], dict[bytes, int]] = {}
        self._entries: list[bytes] = []
        self._lengths: list[int] = []
        self._signs: list[int] = []
        self._members: list[int] = []
        self._memberships: list[int] = []
        self._means: list[bytes] = []
        self._mean_owners: list[int] = []

    def add(self, tenant: str, scopes: Iterable[str], change: Change, *, sign: int = 1) -> None:
        """Add a change in each of these scopes, or take it away with `sign` -1."""
        known = self._scopes
        places = [known.setdefault((tenant, scope), len(known)) for scope in scopes]
        for (series, part), counters in change.counts.items():
            for place in places:
                table = self._counts.setdefault((place, series, part), {})
                for counter, count in counters.items():
                    table[counter] = table.get(counter, 0) + sign * count
        if not (change.entries or change.mean):
            return
        if change.mean:
            self._means.append(change.mean)
            self._mean_owners.append(len(self._lengths))
        self._entries.append(change.entries)
        self._lengths.append(len(change.entries) // MARKED.itemsize)
        self._signs.append(sign)
        self._members += places
        self._memberships.append(len(places))

    def increments(self) -> Increments:
        """Counters of tables whose fields are not items; none is 0."""
        names = list(self._scopes)
        added: Increments = {}
        for (place, series, part), counters in self._counts.items():
            if left := {counter: count for counter, count in counters.items() if count}:
                added[CounterTable(*names[place], series, part)] = left
        for place, mean in enumerate(self._sums_of_means()):
            if mean.any():
                added[CounterTable(*names[place], "mean")] = {
                    index.to_bytes(2, "little"): int(mean[index])
                    for index in np.flatnonzero(mean).tolist()
                }
        return added

    def item_counters(self) -> list[ItemCounters]:
        """Counters of items; none is 0."""
        rows = np.frombuffer(b"".join(self._entries), MARKED)
        if not len(rows):
            return []
        owner = np.repeat(np.arange(len(self._lengths)), self._lengths)
        mark = rows["mark"].astype(np.int64) * np.asarray(self._signs, np.int64)[owner]
        items, item = np.unique(rows["item"], return_inverse=True)
        counted = _Counted(self._member_places(), items)
        sign, kind = np.sign(mark), np.abs(mark)
        zeros = np.zeros(len(rows), np.int64)
        found: list[Found] = []
        for series, meant in _PLAIN.items():
            at = np.flatnonzero(np.isin(kind, meant))
            found += counted.tables(series, owner[at], zeros[at], item[at], sign[at])
        liked = np.flatnonzero(np.isin(kind, (LIKED, ALONE)))
        time_ms = rows["time_ms"][liked].astype(np.int64)
        era, worth = _worth(time_ms, self._policy)
        found += counted.tables("popularity", owner[liked], era, item[liked], sign[liked] * worth)
        for window in TREND_WINDOWS:
            bucket = time_ms // 1000 // window.bucket_s
            found += counted.tables(window.series, owner[liked], bucket, item[liked], sign[liked])
        one, other = _pairs(rows["mark"], owner, item, self._policy.co_occurrence_window)
        found += _Counted(self._member_places().only(self._of_everybody()), items).tables(
            "co-occurrence",
            np.concatenate((owner[other], owner[other])),
            np.concatenate((item[one], item[other])),
            np.concatenate((item[other], item[one])),
            np.concatenate((sign[other], sign[other])),
        )
        names = list(self._scopes)
        return [
            ItemCounters(*names[place], series, parts, sizes, items, counts)
            for place, series, parts, sizes, items, counts in found
        ]

    def _of_everybody(self) -> npt.NDArray[np.bool_]:
        """Which scopes are not those of a persona."""
        return np.array([scope == "" for _, scope in self._scopes], np.bool_)

    def _member_places(self) -> "_Members":
        counts = np.asarray(self._memberships, np.intp)
        return _Members(np.asarray(self._members, np.int64), np.cumsum(counts) - counts, counts)

    def _sums_of_means(self) -> Integers:
        """Of each scope, shape (scopes, dimension); exact, as all of it are integers."""
        if not self._means:
            return np.zeros((0, self._dimension), np.int64)
        means = np.frombuffer(b"".join(self._means), "<i4").reshape(-1, self._dimension)
        members, owners = self._member_places(), np.asarray(self._mean_owners, np.intp)
        which, place = members.of(owners)
        signs = np.asarray(self._signs, np.int64)[owners[which]]
        shape = (len(self._scopes), len(means))
        return np.asarray(sp.csr_array((signs, (place, which)), shape) @ means.astype(np.int64))


@dataclass(frozen=True, slots=True)
class _Members:
    """Which scopes each owner's part is counted in: those of the first owner, and so on."""

    places: Integers
    starts: Places
    counts: Places

    def only(self, scopes: npt.NDArray[np.bool_]) -> "_Members":
        """Members of these scopes alone."""
        stays = scopes[self.places]
        owner = np.repeat(np.arange(len(self.counts)), self.counts)
        counts = np.bincount(owner[stays], minlength=len(self.counts))
        return _Members(self.places[stays], np.cumsum(counts) - counts, counts)

    def of(self, owner: Places) -> tuple[Places, Integers]:
        """Each index into `owner` once for each of that owner's scopes, and the scope."""
        counts = self.counts[owner]
        which = np.repeat(np.arange(len(owner)), counts)
        within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        return which, self.places[self.starts[owner[which]] + within]


Found = tuple[int, str, list[str], list[int], Items, Integers]


@dataclass(frozen=True, slots=True)
class _Counted:
    """Sums counts by scope, part and item."""

    members: _Members
    items: Items

    def tables(
        self, series: str, owner: Places, part: Integers, item: Places, count: Integers
    ) -> Iterator[Found]:
        """Scope, series, parts, counters per part, items and counts of each scope.

        Args:
            part: Number of the table's part; for pairs the place of an item.
        """
        if not len(owner):
            return
        which, place = self.members.of(owner)
        if not len(which):
            return
        parts, part_place = np.unique(part, return_inverse=True)
        tables = place * len(parts) + part_place[which]
        # Below 2^63: scopes and parts of one batch, each times the items of the batch.
        key = tables * len(self.items) + item[which]
        order = np.argsort(key, kind="stable")
        key = key[order]
        starts = _changes(key)
        sums = np.add.reduceat(count[which[order]], starts)
        left = np.flatnonzero(sums)
        table, at = np.divmod(key[starts[left]], len(self.items))
        items, sums = self.items[at], sums[left]
        if not len(table):
            return
        first = _changes(table)
        sizes = np.diff(np.append(first, len(table)))
        scope, numbers = np.divmod(table[first], len(parts))
        names = self._names(series, parts[numbers])
        ends = np.append(_changes(scope), len(scope))
        offsets = np.append(first, len(table))
        for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            rows = slice(offsets[start], offsets[end])
            yield (
                int(scope[start]),
                series,
                names[start:end],
                sizes[start:end].tolist(),
                items[rows],
                sums[rows],
            )

    def _names(self, series: str, numbers: Integers) -> list[str]:
        if series in _PLAIN:
            return [""] * len(numbers)
        if series == "co-occurrence":
            whole = self.items[numbers].astype("<u8").tobytes().hex()
            return [whole[at : at + 16] for at in range(0, len(whole), 16)]
        return [str(number) for number in numbers.tolist()]


def _changes(ascending: Integers) -> Places:
    """Where a new value begins; `ascending` is not empty."""
    return np.append(0, np.flatnonzero(ascending[1:] != ascending[:-1]) + 1)


def _worth(time_ms: Integers, policy: Policy) -> tuple[Integers, Integers]:
    """Era of each entry, and what it adds to popularity there."""
    half_life_ms = 1000.0 * policy.popularity_half_life_s
    era = np.floor(time_ms / (half_life_ms * ERA_HALF_LIVES)).astype(np.int64)
    half_lives = time_ms / half_life_ms - era * ERA_HALF_LIVES
    # Python's power, as NumPy's may differ in the last bit from one machine to the next.
    worth = [round(2.0 ** (_FRACTION_BITS + one)) for one in half_lives.tolist()]
    return era, np.asarray(worth, np.int64)


def _pairs(
    mark: npt.NDArray[np.int8], owner: Places, item: Places, window: int
) -> tuple[Places, Places]:
    """Rows at most `window` apart in one run, the later of which counts; of different items."""
    beside = np.abs(mark) <= LIKED
    kept = np.flatnonzero(beside)
    mark, owner, item = mark[kept], owner[kept], item[kept]
    begins = np.zeros(len(kept), np.bool_)
    begins[1:] = (owner[1:] != owner[:-1]) | ((mark[:-1] != BESIDE) & (mark[1:] != mark[:-1]))
    run = np.cumsum(begins)
    ones: list[Places] = []
    others: list[Places] = []
    for apart in range(1, min(window, len(kept) - 1) + 1):
        together = np.flatnonzero(
            (run[apart:] == run[:-apart])
            & (mark[apart:] != BESIDE)
            & (item[apart:] != item[:-apart])
        )
        if len(together):
            ones.append(kept[together])
            others.append(kept[together + apart])
    if not ones:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    return np.concatenate(ones), np.concatenate(others)
