"""Means by level and length of history, and the lift of one context over another.

Lifts are paired: both texts were written for the same document. Intervals are percentiles of
resamples of users, not of documents, which are not independent (Efron & Tibshirani 1993, ch. 8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from evaluation.generation.contexts import Context
from evaluation.generation.metrics import METRICS
from evaluation.protocol import BUCKETS, bucket_of
from profiles.choices.logistic import Floats

__all__ = ["LIFTS", "Judged", "generation_report"]

Part = npt.NDArray[np.bool_]
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

LIFTS: Final = (
    (Context.USER, Context.NONE),
    (Context.USER, Context.GLOBAL),
    (Context.USER, Context.PERSONA),
    (Context.PERSONA, Context.NONE),
    (Context.GLOBAL, Context.NONE),
    (Context.BLEND, Context.NONE),
    (Context.BLEND, Context.GLOBAL),
)
_RESAMPLES: Final = 1_000
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Judged:
    """A document as each level wrote it.

    Attributes:
        history: Documents of the same kind that the user had written before.
        figures: For each context, each metric's figure.
    """

    event_id: str
    user_id: str
    history: int
    figures: Mapping[Context, Mapping[str, float]]


class _Table:
    """All figures of all predictions, and means over any part of them."""

    def __init__(self, judged: Sequence[Judged], seed: int) -> None:
        users = {name: row for row, name in enumerate(dict.fromkeys(one.user_id for one in judged))}
        self.users = len(users)
        self.metrics = [name for name in METRICS if name in judged[0].figures[Context.NONE]]
        self._judged = judged
        self._owner = np.array([users[one.user_id] for one in judged], np.int64)
        self._draws = np.random.default_rng(seed).multinomial(
            len(users), np.full(len(users), 1.0 / len(users)), size=_RESAMPLES
        )

    def values(self, context: Context, metric: str) -> Floats:
        return np.array([one.figures[context][metric] for one in self._judged])

    def level(self, context: Context, part: Part) -> dict[str, Json]:
        """Each metric's mean, how many they are over, and their intervals."""
        means: dict[str, Json] = {}
        intervals: dict[str, Json] = {}
        for metric in self.metrics:
            values = self.values(context, metric)
            means[metric] = round(float(values[part].mean()), _DIGITS)
            intervals[metric] = self._interval(values, part)
        return {**means, "n": int(part.sum()), "intervals": intervals}

    def lift(self, one: Context, other: Context, part: Part) -> dict[str, Json]:
        """Each metric's paired difference with its interval."""
        found: dict[str, Json] = {"n": int(part.sum())}
        for metric in self.metrics:
            values = self.values(one, metric) - self.values(other, metric)
            found[metric] = {
                "mean": round(float(values[part].mean()), _DIGITS),
                "interval": self._interval(values, part),
            }
        return found

    def _interval(self, values: Floats, part: Part) -> list[Json]:
        """95 %, over the resamples that drew any of these users."""
        owner = self._owner[part]
        sums = self._draws @ np.bincount(owner, weights=values[part], minlength=self.users)
        counts = self._draws @ np.bincount(owner, minlength=self.users)
        drawn = counts > 0
        low, high = np.quantile(sums[drawn] / counts[drawn], (0.025, 0.975))
        return [round(float(low), _DIGITS), round(float(high), _DIGITS)]


def generation_report(
    judged: Sequence[Judged], *, generator: str, seed: int = 0
) -> dict[str, Json]:
    """The form of every task, with all metrics; then the lifts.

    `levels` names each context, the one without a profile as `none`. `lift` holds for each pair of
    contexts and each metric the paired difference, over all predictions (`overall`), over those of
    users who had written before (`with_history`), and by history.
    """
    head: dict[str, Json] = {"task": "generation", "n": len(judged), "generator": generator}
    if not judged:
        return {**head, "users": 0, "levels": {}, "lift": {}}
    table = _Table(judged, seed)
    everything = np.ones(len(judged), np.bool_)
    known = np.array([one.history > 0 for one in judged])
    bucket = np.array([bucket_of(one.history) for one in judged])
    parts = [
        (named, bucket == number)
        for number, named in enumerate(BUCKETS)
        if (bucket == number).any()
    ]
    levels: dict[str, Json] = {
        context.value: {
            "overall": table.level(context, everything),
            "by_history": [
                {"from": named.first, "to": named.last, **table.level(context, part)}
                for named, part in parts
            ],
        }
        for context in Context
    }
    lifts: dict[str, Json] = {}
    for one, other in LIFTS:
        found: dict[str, Json] = {"overall": table.lift(one, other, everything)}
        if known.any():
            found["with_history"] = table.lift(one, other, known)
        found["by_history"] = [
            {"from": named.first, "to": named.last, **table.lift(one, other, part)}
            for named, part in parts
        ]
        lifts[f"{one}_minus_{other}"] = found
    return {**head, "users": table.users, "levels": levels, "lift": lifts}
