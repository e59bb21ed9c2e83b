"""How often items are met and liked: overall, around a moment, and by how far users have come.

An item's rate has a gamma prior: with n events among the E that there were since the item came,
(n + a) / (E + a N), N items (gamma-Poisson; Robbins 1956). A new item is expected to be as popular
as the average; one that was there all the time and was never met is known not to be.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import Acts

__all__ = ["Popularity", "month_of"]

_PERIOD_MS: Final = 30 * 86_400_000
_PERIODS_KEPT: Final = 480
_PERIOD_REACH: Final = 6
_PERIOD_SCALE: Final = 2.0
_PERIOD_PRIOR: Final = 20.0
_STAGES: Final = 12
_STAGES_PER_DOUBLING: Final = 1.3
_STAGE_SCALE: Final = 0.5
_STAGE_PRIOR: Final = 30.0
_LIKE_PRIOR: Final = 3.0
_COUNT_PRIOR: Final = 0.3
_FIRST_ITEMS: Final = 64
_MOST_NEAR: Final = 1 << 22

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.int64]


class Popularity:
    """Counts by item. Sums, so the order of events is immaterial.

    Memory: 72 bytes per item, and 4 bytes per event of the latest 480 months.
    """

    def __init__(self) -> None:
        self.met = np.zeros(0)
        self.liked = np.zeros(0)
        self.total = 0.0
        # Events that there were before an item came.
        self._before = np.zeros(0)
        self._stages = np.zeros((_STAGES, 0), np.float32)
        # Rows of a month's events, one each: months are many, and most items are met in few.
        self._periods: dict[int, array[int]] = {}
        # Answers that are as good until the next event: many are asked in between.
        self._told: dict[tuple[str, int], _Floats] = {}
        self._near: dict[int, _Doubles] = {}

    @classmethod
    def counted(cls, acts: Acts, items: int, came_ms: Sequence[int | None] = ()) -> "Popularity":
        """All events at once.

        Args:
            came_ms: When each item came; None, and what is missing, is before everything.
        """
        made = cls()
        made._grow(items)
        made.total = float(len(acts.row))
        made._before[:items] = _events_before(acts, items, came_ms)
        made.met[:items] = np.bincount(acts.row, minlength=items)
        made.liked[:items] = np.bincount(acts.row[acts.liked], minlength=items)
        stages = _stages(acts.position)
        for stage in range(_STAGES):
            rows = acts.row[stages == stage]
            made._stages[stage, :items] = np.bincount(rows, minlength=items)
        period = month_of(acts.time_ms)
        order = np.argsort(period, kind="stable")
        numbers, starts = np.unique(period[order], return_index=True)
        parts = np.split(acts.row[order].astype(np.int32), starts[1:])
        latest = list(zip(numbers.tolist(), parts, strict=False))[-_PERIODS_KEPT:]
        made._periods = {number: array("i", rows.tobytes()) for number, rows in latest}
        return made

    def add(self, row: int, *, liked: bool, time_ms: int, position: int) -> None:
        """Count an event.

        Args:
            position: How many events the user had before; ≥ 0.
        """
        self._grow(row + 1)
        self._told.clear()
        self.total += 1.0
        self.met[row] += 1.0
        self.liked[row] += liked
        self._stages[_stages(np.array([position]))[0], row] += 1.0
        period = int(month_of(time_ms))
        self._periods.setdefault(period, array("i")).append(row)
        for distance in range(-_PERIOD_REACH, _PERIOD_REACH + 1):
            if (near := self._near.get(period + distance)) is not None:
                near[row] += np.exp(-abs(distance) / _PERIOD_SCALE)
        if len(self._periods) > _PERIODS_KEPT:
            del self._periods[min(self._periods)]
            self._near.clear()

    def come(self, row: int) -> None:
        """An item comes now."""
        self._grow(row + 1)
        self._told.clear()
        self._before[row] = self.total

    def log_met(self, items: int) -> _Floats:
        """Log of the count that would be expected had the item always been there, (items,).

        log(count + 0.3) for an item that has.
        """
        return self._once("met", items, lambda: np.log(self._expected(self.met, items)))

    def log_liked_share(self, items: int) -> _Floats:
        """Log of the share of likes, shrunk to everybody's by three events."""

        def log_share() -> _Doubles:
            met, liked = _sized(self.met, items), _sized(self.liked, items)
            overall = (self.liked.sum() + 1.0) / (self.met.sum() + 2.0)
            share: _Doubles = np.log((liked + _LIKE_PRIOR * overall) / (met + _LIKE_PRIOR))
            return share

        return self._once("liked share", items, log_share)

    def share(self, items: int) -> _Floats:
        """Smoothed share of all events, sums to 1."""
        return self._once("share", items, lambda: _shares(self._expected(self.met, items)))

    def appeal(self, items: int) -> _Floats:
        """Smoothed share of all likes, sums to 1."""
        return self._once("appeal", items, lambda: _shares(self._expected(self.liked, items)))

    def _once(self, name: str, items: int, answer: Callable[[], _Doubles]) -> _Floats:
        """An answer of shape (items,), from before if nothing has come since; not to be changed."""
        told = self._told.get((name, items))
        if told is None:
            told = self._told[name, items] = np.asarray(answer(), np.float32)
            told.flags.writeable = False
        return told

    def around(self, times_ms: _Rows, share: _Floats) -> _Floats:
        """How much more common items are around each moment, in nats; shape (m, items).

        Months within half a year count by exp(-distance / 2 months), on both sides: what is
        known of later months is used when a question about an earlier one is asked.
        """
        periods, which = np.unique(month_of(times_ms), return_inverse=True)
        out = np.zeros((len(periods), len(share)), np.float32)
        for place, period in enumerate(periods.tolist()):
            counts = self._counts_near(period)
            if len(counts):
                counts = _sized(counts, len(share))
                out[place] = np.log(counts / (share * _PERIOD_PRIOR) + 1.0)
        return np.asarray(out[which], np.float32)

    def _counts_near(self, period: int) -> _Doubles:
        """Weighted counts by item of the months around; none where there are no events."""
        known = self._near.get(period)
        if known is not None:
            return known
        rows, weights = [], []
        for distance in range(-_PERIOD_REACH, _PERIOD_REACH + 1):
            near = self._periods.get(period + distance)
            if near:
                rows.append(np.frombuffer(near, np.int32))
                weights.append(np.full(len(near), np.exp(-abs(distance) / _PERIOD_SCALE)))
        if not rows:
            return np.zeros(0)
        counts: _Doubles = np.bincount(
            np.concatenate(rows), weights=np.concatenate(weights), minlength=len(self.met)
        ).astype(np.float64, copy=False)
        if (len(self._near) + 1) * len(counts) > _MOST_NEAR:
            self._near.clear()
        self._near[period] = counts
        return counts

    def at_stage(self, positions: _Rows, share: _Floats) -> _Floats:
        """How much more common items are for users who have come this far, as `around`."""
        stages, which = np.unique(_stages(positions), return_inverse=True)
        weights = np.exp(-np.abs(np.arange(_STAGES) - stages[:, None]) / _STAGE_SCALE)
        counts = np.zeros((len(stages), len(share)), np.float32)
        part = (weights.astype(np.float32) @ self._stages)[:, : len(share)]
        counts[:, : part.shape[1]] = part
        return np.asarray(np.log(counts / (share * _STAGE_PRIOR) + 1.0)[which], np.float32)

    def arrays(self, items: int) -> dict[str, npt.NDArray[np.generic]]:
        self._grow(items)
        periods = sorted(self._periods)
        rows: Iterable[npt.NDArray[np.int32]] = (
            np.frombuffer(self._periods[period], np.int32) for period in periods
        )
        return {
            "met": self.met[:items].copy(),
            "liked": self.liked[:items].copy(),
            "before": self._before[:items].copy(),
            "total": np.array([self.total]),
            "stages": self._stages[:, :items].copy(),
            "periods": np.array(periods, np.int64),
            "period_sizes": np.array([len(self._periods[one]) for one in periods], np.int64),
            "period_rows": np.concatenate([np.zeros(0, np.int32), *rows]),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> "Popularity":
        made = cls()
        made.met = arrays["met"].astype(np.float64)
        made.liked = arrays["liked"].astype(np.float64)
        made._before = arrays["before"].astype(np.float64)
        made.total = float(arrays["total"].astype(np.float64)[0])
        made._stages = arrays["stages"].astype(np.float32)
        ends = np.cumsum(arrays["period_sizes"].astype(np.int64))
        parts = np.split(arrays["period_rows"].astype(np.int32), ends[:-1])
        made._periods = {
            int(period): array("i", rows.tobytes())
            for period, rows in zip(arrays["periods"].astype(np.int64), parts, strict=False)
        }
        return made

    def _expected(self, counts: _Doubles, items: int) -> _Doubles:
        """Posterior mean of the rate, times all events: shrunk by a weight of exposure."""
        weight = _COUNT_PRIOR * items
        exposure = self.total - _sized(self._before, items) + weight
        rates: _Doubles = (_sized(counts, items) + _COUNT_PRIOR) / exposure
        return rates * (self.total + weight)

    def _grow(self, items: int) -> None:
        have = len(self.met)
        if items > have:
            more = max(items, 2 * have, _FIRST_ITEMS) - have
            self._told.clear()
            self._near.clear()
            self.met = np.pad(self.met, (0, more))
            self.liked = np.pad(self.liked, (0, more))
            self._before = np.pad(self._before, (0, more))
            self._stages = np.pad(self._stages, ((0, 0), (0, more)))


T = TypeVar("T", int, npt.NDArray[np.int64])


def month_of(time_ms: T) -> T:
    """Number of the thirty days that a moment lies in; to `Popularity` all in them are alike."""
    return time_ms // _PERIOD_MS


def _shares(counts: _Doubles) -> _Doubles:
    shares: _Doubles = counts / counts.sum()
    return shares


def _stages(positions: _Rows) -> _Rows:
    stages = (np.log2(positions + 1.0) * _STAGES_PER_DOUBLING).astype(np.int64)
    return np.asarray(np.minimum(stages, _STAGES - 1), np.int64)


def _events_before(acts: Acts, items: int, came_ms: Sequence[int | None]) -> _Doubles:
    """How many events there were before each item came, or before its first one."""
    first = np.full(items, np.iinfo(np.int64).max)
    np.minimum.at(first, acts.row, acts.time_ms)
    came = np.array([0 if one is None else one for one in came_ms], np.int64)
    came = np.pad(came, (0, items - len(came)))
    before = np.searchsorted(np.sort(acts.time_ms), np.minimum(first, came))
    return np.asarray(before, np.float64)


def _sized(counts: npt.NDArray[np.float64], items: int) -> npt.NDArray[np.float64]:
    if len(counts) >= items:
        return counts[:items]
    return np.pad(counts, (0, items - len(counts)))
