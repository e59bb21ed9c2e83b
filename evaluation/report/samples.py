"""Predictions as arrays, and resamples of their users.

Users, not predictions, are drawn: those of one user are not independent (Efron & Tibshirani 1993,
ch. 8). All levels answer the same predictions, so differences of levels are paired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.protocol import Scored
from profiles.queries import Level

__all__ = ["Floats", "Sample", "draw_users", "resampled_means"]

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Scored predictions of one task.

    Attributes:
        users: Ids, in order of first prediction.
        owner: Shape (n,): row of each prediction's user in `users`.
        history: Shape (n,): events that the task had counted for the user before, ≥ 0.
        quality: For each level, shape (n,), in [0, 1].
        event_ids: Of each prediction.
    """

    users: tuple[str, ...]
    owner: Whole
    history: Whole
    quality: Mapping[Level, Floats]
    event_ids: tuple[str, ...]

    @classmethod
    def of(cls, scored: Sequence[Scored], metric: str) -> "Sample":
        rows = {user: row for row, user in enumerate(dict.fromkeys(one.user_id for one in scored))}
        levels = [level for level in Level if scored and level in scored[0].figures]
        return cls(
            tuple(rows),
            np.array([rows[one.user_id] for one in scored], np.int64),
            np.array([one.history for one in scored], np.int64),
            {
                level: np.array([one.figures[level][metric] for one in scored], np.float64)
                for level in levels
            },
            tuple(one.event_id for one in scored),
        )

    def __len__(self) -> int:
        return len(self.owner)


def draw_users(users: int, *, resamples: int, seed: int) -> Whole:
    """How often each resample draws each user, shape (resamples, users)."""
    if not users:
        return np.zeros((resamples, 0), np.int64)
    rng = np.random.default_rng(seed)
    return np.asarray(rng.multinomial(users, np.full(users, 1.0 / users), size=resamples), np.int64)


def resampled_means(values: Floats, owner: Whole, draws: Whole) -> Floats:
    """Mean over predictions in each resample, shape (resamples,); NaN in one that drew none."""
    users = draws.shape[1]
    sums = draws @ np.bincount(owner, weights=values, minlength=users)
    counts = draws @ np.bincount(owner, minlength=users)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), np.float64)
