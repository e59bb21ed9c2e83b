"""Reading the timed counters: decayed popularity and trends.

`now_ms` is event time: the smaller of the watermark and the clock, so that one
event from tomorrow does not empty today's trends.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from profiles.contributions import ERA_HALF_LIVES, TrendWindow
from profiles.policy import Policy

__all__ = ["Trend", "decayed", "trends"]

_LARGEST_EXPONENT = 900.0
_ONE = 1 << 10  # fixed-point unit of `profiles.contributions`


def decayed(
    eras: Mapping[int, Mapping[bytes, int]], *, now_ms: int, policy: Policy
) -> dict[bytes, float]:
    """Positive entries per item, each halved every `popularity_half_life_s`; ≥ 0.

    Args:
        eras: Era number → item field → fixed-point count.
    """
    half_lives_now = now_ms / (1000.0 * policy.popularity_half_life_s)
    worth: dict[bytes, float] = {}
    for era, table in eras.items():
        # Bounded, so that a watermark lagging by years does not overflow.
        factor = 2.0 ** min(era * ERA_HALF_LIVES - half_lives_now, _LARGEST_EXPONENT) / _ONE
        for item, count in table.items():
            worth[item] = worth.get(item, 0.0) + count * factor
    return worth


@dataclass(frozen=True, slots=True)
class Trend:
    """An item rising or falling.

    Attributes:
        score: (recent - before) / sqrt(recent + before + 1): the difference of
            two Poisson counts in standard deviations.
    """

    item: bytes
    recent: int
    before: int
    score: float


def trends(
    buckets: Mapping[int, Mapping[bytes, int]],
    window: TrendWindow,
    *,
    now_ms: int,
    most: int,
) -> list[Trend]:
    """Items rising most in the window that ends at `now_ms`, strongest first."""
    now = now_ms // 1000 // window.bucket_s
    width = window.window_s // window.bucket_s
    recent = _sum(buckets[part] for part in buckets if now - width < part <= now)
    before = _sum(buckets[part] for part in buckets if now - 2 * width < part <= now - width)
    found = [
        Trend(
            item,
            count,
            before.get(item, 0),
            (count - before.get(item, 0)) / math.sqrt(count + before.get(item, 0) + 1),
        )
        for item, count in recent.items()
        if count > before.get(item, 0)
    ]
    found.sort(key=lambda trend: (-trend.score, trend.item))
    return found[:most]


def _sum(tables: Iterable[Mapping[bytes, int]]) -> dict[bytes, int]:
    total: dict[bytes, int] = {}
    for table in tables:
        for item, count in table.items():
            total[item] = total.get(item, 0) + count
    return total
