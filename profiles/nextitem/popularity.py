"""How often items are met and liked: overall, around a moment, and by how far users have come."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Popularity"]

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
_FIRST_ITEMS: Final = 1_024

_Floats = npt.NDArray[np.float32]


class Popularity:
    """Counts by item. Sums, so the order of events is immaterial.

    Memory: 4 bytes per item for each of 12 stages and at most 480 months; older months go first.
    """

    def __init__(self) -> None:
        self.met = np.zeros(0)
        self.liked = np.zeros(0)
        self._stages = np.zeros((_STAGES, 0), np.float32)
        self._periods: dict[int, _Floats] = {}

    def add(self, row: int, *, liked: bool, time_ms: int, position: int) -> None:
        """Count an event.

        Args:
            position: How many events the user had before; ≥ 0.
        """
        self._grow(row + 1)
        self.met[row] += 1.0
        self.liked[row] += liked
        self._stages[_stage(position), row] += 1.0
        period = time_ms // _PERIOD_MS
        if period not in self._periods:
            self._periods[period] = np.zeros(len(self.met), np.float32)
            if len(self._periods) > _PERIODS_KEPT:
                del self._periods[min(self._periods)]
        counts = self._periods.get(period)
        if counts is not None:
            if len(counts) <= row:
                counts = self._periods[period] = np.pad(counts, (0, len(self.met) - len(counts)))
            counts[row] += 1.0

    def log_met(self, items: int) -> _Floats:
        """log(count + 0.3), shape (items,)."""
        return np.asarray(np.log(_sized(self.met, items) + _COUNT_PRIOR), np.float32)

    def log_liked_share(self, items: int) -> _Floats:
        """Log of the share of likes, shrunk to everybody's by three events."""
        met, liked = _sized(self.met, items), _sized(self.liked, items)
        overall = (self.liked.sum() + 1.0) / (self.met.sum() + 2.0)
        return np.asarray(np.log((liked + _LIKE_PRIOR * overall) / (met + _LIKE_PRIOR)), np.float32)

    def share(self, items: int) -> _Floats:
        """Smoothed share of all events, sums to 1."""
        counts = _sized(self.met, items) + _COUNT_PRIOR
        return np.asarray(counts / counts.sum(), np.float32)

    def around(self, time_ms: int, share: _Floats) -> _Floats:
        """How much more common items are around a moment, in nats up to a constant.

        Months within half a year count by exp(-distance / 2 months), on both sides: what is
        known of later months is used when a question about an earlier one is asked.
        """
        period = time_ms // _PERIOD_MS
        counts = np.zeros(len(share), np.float32)
        for distance in range(-_PERIOD_REACH, _PERIOD_REACH + 1):
            near = self._periods.get(period + distance)
            if near is not None:
                part = near[: len(share)]
                counts[: len(part)] += np.float32(np.exp(-abs(distance) / _PERIOD_SCALE)) * part
        return np.asarray(np.log(counts / (share * _PERIOD_PRIOR) + 1.0), np.float32)

    def at_stage(self, position: int, share: _Floats) -> _Floats:
        """How much more common items are for users who have come this far, as `around`."""
        stage = _stage(position)
        weights = np.exp(-np.abs(np.arange(_STAGES) - stage) / _STAGE_SCALE).astype(np.float32)
        counts = np.zeros(len(share), np.float32)
        part = (weights @ self._stages)[: len(share)]
        counts[: len(part)] = part
        return np.asarray(np.log(counts / (share * _STAGE_PRIOR) + 1.0), np.float32)

    def _grow(self, items: int) -> None:
        have = len(self.met)
        if items > have:
            more = max(items, 2 * have, _FIRST_ITEMS) - have
            self.met = np.pad(self.met, (0, more))
            self.liked = np.pad(self.liked, (0, more))
            self._stages = np.pad(self._stages, ((0, 0), (0, more)))


def _stage(position: int) -> int:
    return min(int(np.log2(position + 1) * _STAGES_PER_DOUBLING), _STAGES - 1)


def _sized(counts: npt.NDArray[np.float64], items: int) -> npt.NDArray[np.float64]:
    if len(counts) >= items:
        return counts[:items]
    return np.pad(counts, (0, items - len(counts)))
