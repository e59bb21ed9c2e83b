"""Statistics over users, each from its definition."""

import json
import math
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from oracle.history import OracleUser
from oracle.identities import hash_of_user
from oracle.reading import Entry, as_float32
from oracle.settings import DEFAULT_SETTINGS, Settings

# name → (window, bucket), both in seconds of event time
TREND_WINDOWS: Final = {"1h": (3600, 300), "24h": (86_400, 3600), "7d": (604_800, 21_600)}

_ERA: Final = 32  # half-lives
_MEAN_UNITS: Final = 16_777_216


@dataclass
class Population:
    """Sums over a group of users of one tenant; items are hashes.

    Attributes:
        users: How many there are.
        directed: How many of them have a vector other than zeros.
        positive, negative: Live entries per item, by the sign of their weight.
        likers, dislikers: Users with such entries, per item.
        eras: (era, item) → decayed popularity in units of 2^-10 at the era's start.
        buckets: (window name, bucket, item) → positive entries.
        pairs: (item, other item) → how often both were liked near each other, by the
            drawn users; each pair is there both ways round.
        attributes: (name, value as JSON) → users.
        events: (kind, action) → events ever.
        doers: (kind, action) → users with any.
        mean_fixed: Sum of the users' vectors in units of 2^-24.
        mean_sum: The same as floats.
    """

    users: int = 0
    directed: int = 0
    positive: Counter[int] = field(default_factory=Counter)
    negative: Counter[int] = field(default_factory=Counter)
    likers: Counter[int] = field(default_factory=Counter)
    dislikers: Counter[int] = field(default_factory=Counter)
    eras: Counter[tuple[int, int]] = field(default_factory=Counter)
    buckets: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    pairs: Counter[tuple[int, int]] = field(default_factory=Counter)
    attributes: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    doers: Counter[tuple[str, str]] = field(default_factory=Counter)
    mean_fixed: list[int] = field(default_factory=list)
    mean_sum: list[float] = field(default_factory=list)


def population(users: Iterable[OracleUser], *, settings: Settings = DEFAULT_SETTINGS) -> Population:
    """Statistics of these users, who are all of one tenant."""
    found = Population()
    everyone = list(users)
    for user in everyone:
        found.users += not user.is_erased
        found.directed += user.has_direction
        found.positive.update(entry.item for entry in user.positive)
        found.negative.update(entry.item for entry in user.negative)
        found.likers.update({entry.item for entry in user.positive})
        found.dislikers.update({entry.item for entry in user.negative})
        for entry in user.positive:
            era, fixed = _fixed_popularity(entry, settings)
            found.eras[era, entry.item] += fixed
            for name, (_, bucket_s) in TREND_WINDOWS.items():
                found.buckets[name, entry.time_ms // (1000 * bucket_s), entry.item] += 1
        if _is_drawn(user, settings.co_occurrence_share):
            found.pairs.update(_pairs(user.positive, settings.co_occurrence_window))
        for name, value in user.attributes.items():
            found.attributes[name, json.dumps(value)] += 1
        for kind, by_action in user.totals.items():
            for action, count in by_action.items():
                found.events[kind, action] += count
                found.doers[kind, action] += count > 0
    columns = list(zip(*(user.vector for user in everyone), strict=True))
    found.mean_sum = [math.fsum(column) for column in columns]
    found.mean_fixed = [
        sum(round(as_float32(number) * _MEAN_UNITS) for number in column) for column in columns
    ]
    return found


def _fixed_popularity(entry: Entry, settings: Settings) -> tuple[int, int]:
    half_life_ms = 1000.0 * settings.popularity_half_life_s
    era = math.floor(entry.time_ms / (half_life_ms * _ERA))
    return era, round(2.0 ** (10 + (entry.time_ms / half_life_ms - _ERA * era)))


def _is_drawn(user: OracleUser, share: float) -> bool:
    """The first four bytes of a user's hash, as a fraction, are below the share."""
    (drawn,) = struct.unpack(">I", hash_of_user(user.tenant, user.user_id)[:4])
    return bool(drawn / 2**32 < share)


def _pairs(liked: list[Entry], window: int) -> Iterable[tuple[int, int]]:
    for place, entry in enumerate(liked):
        for earlier in liked[max(0, place - window) : place]:
            if earlier.item != entry.item:
                yield earlier.item, entry.item
                yield entry.item, earlier.item


def popularity_at(
    users: Iterable[OracleUser], now_ms: int, *, settings: Settings = DEFAULT_SETTINGS
) -> dict[int, float]:
    """Σ 2^-(age / half-life) over the positive entries of each item."""
    worth: dict[int, list[float]] = {}
    for user in users:
        for entry in user.positive:
            age_s = (now_ms - entry.time_ms) / 1000.0
            worth.setdefault(entry.item, []).append(
                0.5 ** (age_s / settings.popularity_half_life_s)
            )
    return {item: math.fsum(parts) for item, parts in worth.items()}


def trend_counts(
    users: Iterable[OracleUser], now_ms: int, window: str
) -> dict[int, tuple[int, int]]:
    """Positive entries per item in the window that ends with `now_ms`'s bucket, and before it."""
    window_s, bucket_s = TREND_WINDOWS[window]
    width = window_s // bucket_s
    last = now_ms // 1000 // bucket_s
    recent: Counter[int] = Counter()
    before: Counter[int] = Counter()
    for user in users:
        for entry in user.positive:
            buckets_ago = last - entry.time_ms // 1000 // bucket_s
            if 0 <= buckets_ago < width:
                recent[entry.item] += 1
            elif width <= buckets_ago < 2 * width:
                before[entry.item] += 1
    return {item: (recent[item], before[item]) for item in recent.keys() | before.keys()}


def packed_item(item: int) -> bytes:
    """An item's hash as the eight bytes under which counters hold it."""
    return struct.pack("<Q", item)
