"""Quality and cost by history length, in steps as fine as the data carry."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from evaluation.report.results import Band, Point, rounded
from evaluation.report.samples import Floats, Sample, Whole, resampled_means
from profiles.queries import Level

__all__ = ["band_of", "curve_of", "steps"]

_LEAST_USERS: Final = 20
_LEAST_PREDICTIONS: Final = 60
_STARTS: Final = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1_000)


def steps(history: Whole, owner: Whole) -> list[tuple[int, int | None]]:
    """Ranges of history, both ends included, each with at least 20 users and 60 predictions.

    They cover everything from 0 on, and the last is open. There is one, however few data there are.
    """
    ranges: list[tuple[int, int | None]] = []
    first = 0
    for start in _STARTS:
        if _carries((history >= first) & (history < start), owner) and _carries(
            history >= start, owner
        ):
            ranges.append((first, start - 1))
            first = start
    return [*ranges, (first, None)]


def _carries(inside: npt.NDArray[np.bool_], owner: Whole) -> bool:
    return int(inside.sum()) >= _LEAST_PREDICTIONS and len(np.unique(owner[inside])) >= _LEAST_USERS


def band_of(values: Floats, owner: Whole, draws: Whole) -> Band:
    """Mean of the values, at least one, with its interval."""
    low, high = np.nanquantile(resampled_means(values, owner, draws), (0.025, 0.975))
    return Band(rounded(float(values.mean())), rounded(float(low)), rounded(float(high)))


def curve_of(
    sample: Sample, draws: Whole, *, held_bytes: Mapping[Level, Floats], answer_us: Floats
) -> tuple[Point, ...]:
    """One point per step; none without predictions.

    Args:
        held_bytes: Of each prediction's user when it was asked, by level, shape (n,).
        answer_us: Shape (n,).
    """
    points: list[Point] = []
    for first, last in steps(sample.history, sample.owner) if len(sample) else ():
        inside = sample.history >= first
        if last is not None:
            inside &= sample.history <= last
        owner = sample.owner[inside]
        points.append(
            Point(
                first=first,
                last=last,
                n=int(inside.sum()),
                users=len(np.unique(owner)),
                quality={
                    level: band_of(values[inside], owner, draws)
                    for level, values in sample.quality.items()
                },
                held_bytes={
                    level: float(round(float(held[inside].mean())))
                    for level, held in held_bytes.items()
                },
                answer_us=float(round(float(np.median(answer_us[inside])))),
            )
        )
    return tuple(points)
