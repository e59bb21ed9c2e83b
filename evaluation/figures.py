"""Means by level and length of history, with bootstrap intervals over users.

Users, not events, are drawn: events of one user are not independent (Efron & Tibshirani 1993,
"An Introduction to the Bootstrap", ch. 8: resample the independent units).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from evaluation.protocol import BUCKETS, Bucket, Scored, bucket_of
from profiles.queries import Level

__all__ = ["RESAMPLES", "Advantage", "Figure", "Figures", "summarise"]

RESAMPLES: Final = 1_000
_LAYERS: Final = (Level.GLOBAL, Level.PERSONA, Level.USER)

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over `n` predictions; `low` and `high` enclose 95 % of the resamples."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Advantage:
    """Blend minus the best single layer, on the same predictions.

    Attributes:
        over: The layer with the highest mean here; chosen after the fact, which is unkind to
            the blend.
        standard_error: Of the difference, by the same resamples of users.
    """

    over: Level
    mean: float
    standard_error: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All of a metric: overall under None, else by bucket; buckets without events are absent."""

    metric: str
    by_level: Mapping[Level, Mapping[Bucket | None, Figure]]
    advantages: Mapping[Bucket | None, Advantage]


def summarise(
    scored: Sequence[Scored], *, metric: str, seed: int = 0, resamples: int = RESAMPLES
) -> Figures:
    """Means of a metric with intervals; the same seed gives the same intervals.

    Args:
        resamples: ≥ 200 for usable intervals.
    """
    if not scored:
        return Figures(metric, {}, {})
    users = {user: row for row, user in enumerate(dict.fromkeys(one.user_id for one in scored))}
    owner = np.array([users[one.user_id] for one in scored], np.int64)
    bucket = np.array([bucket_of(one.history) for one in scored], np.int64)
    draws = np.random.default_rng(seed).multinomial(
        len(users), np.full(len(users), 1.0 / len(users)), size=resamples
    )
    by_level: dict[Level, dict[Bucket | None, Figure]] = {}
    means: dict[tuple[Level, Bucket | None], _Floats] = {}
    parts: dict[Bucket | None, npt.NDArray[np.bool_]] = {None: np.ones(len(scored), np.bool_)}
    parts |= {name: bucket == index for index, name in enumerate(BUCKETS)}
    levels = [level for level in Level if level in scored[0].figures]
    for level in levels:
        hits = np.array([one.figures[level][metric] for one in scored])
        by_level[level] = {}
        for name, part in parts.items():
            n = int(part.sum())
            if n:
                means[level, name] = _resampled(hits[part], owner[part], draws)
                by_level[level][name] = _figure(float(hits[part].mean()), means[level, name], n)
    return Figures(metric, by_level, _advantages(by_level, means))


def _resampled(
    hits: _Floats, owner: npt.NDArray[np.int64], draws: npt.NDArray[np.int64]
) -> _Floats:
    """The mean in each resample, NaN in one that drew none of these users."""
    users = draws.shape[1]
    sums = draws @ np.bincount(owner, weights=hits, minlength=users)
    counts = draws @ np.bincount(owner, minlength=users)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _bounds(means: _Floats) -> tuple[float, float]:
    low, high = np.nanquantile(means, (0.025, 0.975))
    return float(low), float(high)


def _figure(mean: float, means: _Floats, n: int) -> Figure:
    return Figure(mean, *_bounds(means), n)


def _advantages(
    by_level: Mapping[Level, Mapping[Bucket | None, Figure]],
    means: Mapping[tuple[Level, Bucket | None], _Floats],
) -> dict[Bucket | None, Advantage]:
    singles = [level for level in _LAYERS if level in by_level]
    if not singles or Level.BLEND not in by_level:
        return {}
    advantages: dict[Bucket | None, Advantage] = {}
    for name, blend in by_level[Level.BLEND].items():
        best = max(singles, key=lambda level: by_level[level][name].mean)
        differences = means[Level.BLEND, name] - means[best, name]
        advantages[name] = Advantage(
            best,
            blend.mean - by_level[best][name].mean,
            float(np.nanstd(differences)),
            *_bounds(differences),
            blend.n,
        )
    return advantages
