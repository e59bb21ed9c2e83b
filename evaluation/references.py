"""Plain reference methods on folds of the known users, by the protocol of the evaluation.

DESIGN's figures of the same methods on other users tell how those differ from the folds.

    python -m evaluation.references --task sign --items F --events F
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from math import log
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from evaluation.figures import summarise
from evaluation.protocol import run_protocol
from evaluation.reading import in_protocol_order, read_events
from evaluation.run import METRICS, TaskName
from evaluation.split import FOLDS, fold_of
from evaluation.tasks import NextItemTask, PairwiseTask, SignTask
from profiles.nextitem.histories import Acts
from profiles.nextitem.spaces import taste_space
from profiles.outcomes import is_liked, signed_weight
from profiles.policy import DEFAULT_POLICY
from profiles.queries import ChoiceQuery, ItemScores, Level, NextItemQuery, SignQuery
from schemas.decoded import FastEvent, Interaction, Item, ItemRetired, Preference

__all__ = ["RunningShares", "SpectralTaste", "reference_figures"]

_DIMENSION: Final = 128
_SHRINKAGE: Final = 200.0
_FADE: Final = 2.0**-0.1


class RunningShares:
    """How often an item was voted for, or preferred, so far; the same for everybody."""

    def __init__(self) -> None:
        self._for: defaultdict[str, float] = defaultdict(float)
        self._of: defaultdict[str, float] = defaultdict(float)
        self._ayes = self._votes = 0.0

    def predict(self, query: ChoiceQuery) -> Mapping[Level, float]:
        """Log-odds; an unvoted item has everybody's share, an uncompared one half."""
        if isinstance(query, SignQuery):
            overall = self._ayes / self._votes if self._votes else 0.5
            share = (self._for[query.item_id] + overall) / (self._of[query.item_id] + 1.0)
            return {Level.GLOBAL: _log_odds(share)}
        a, b = (
            (self._for[side] + 1.0) / (self._of[side] + 2.0)
            for side in (query.a.item_id or "", query.b.item_id or "")
        )
        return {Level.GLOBAL: log(a / b)}

    def learn(self, event: FastEvent) -> None:
        match event:
            case Interaction():
                weight = signed_weight(event, DEFAULT_POLICY)
                if weight is not None:
                    self._count(event.item_id, won=weight > 0)
                    self._ayes += weight > 0
                    self._votes += 1.0
            case Preference():
                half = 0.5 if event.is_tie else 0.0
                self._count(event.chosen.item_id or "", won=1.0 - half)
                self._count(event.rejected.item_id or "", won=half)
            case _:
                pass

    def end_warm(self) -> None:
        """Nothing is fitted."""

    def _count(self, item_id: str, *, won: float) -> None:
        self._for[item_id] += won
        self._of[item_id] += 1.0


class SpectralTaste:
    """Popularity of the warm users' likes (`global`), and likes in a spectral space (`user`).

    The user level is the decayed sum of liked items' places, and popularity before the first.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._row_of: dict[str, int] = {}
        self._likes: defaultdict[str, list[int]] = defaultdict(list)
        self._popularity: npt.NDArray[np.float64] = np.zeros(0)
        self._places: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def predict(self, query: NextItemQuery) -> Mapping[Level, ItemScores]:
        scores, likes = self._popularity, self._likes.get(query.user_id, [])
        if likes:
            fades = _FADE ** np.arange(len(likes) - 1, -1, -1)
            known = np.array(likes) < len(self._places)
            vector = fades[known] @ self._places[np.array(likes)[known]]
            scores = np.asarray(self._places @ vector, np.float64)
        return {
            Level.GLOBAL: ItemScores(self._ids, self._row_of, self._popularity),
            Level.USER: ItemScores(self._ids, self._row_of, scores),
        }

    def learn(self, event: FastEvent) -> None:
        match event:
            case Item():
                self._row(event.item_id)
            case Interaction():
                row = self._row(event.item_id)
                if is_liked(event, DEFAULT_POLICY):
                    self._likes[event.user_id].append(row)
            case _:
                pass

    def end_warm(self) -> None:
        own = list(self._likes.values())
        rows = np.array([row for likes in own for row in likes], np.int64)
        users = np.repeat(np.arange(len(own)), [len(likes) for likes in own])
        self._popularity = np.bincount(rows, minlength=len(self._ids)).astype(np.float64)
        nothing = np.zeros(len(rows), np.int64)
        acts = Acts(users, rows, np.ones(len(rows), np.bool_), nothing, nothing)
        self._places = taste_space(acts, len(self._ids), dimension=_DIMENSION, shrinkage=_SHRINKAGE)

    def _row(self, item_id: str) -> int:
        if item_id not in self._row_of:
            self._row_of[item_id] = len(self._ids)
            self._ids.append(item_id)
        return self._row_of[item_id]


def _log_odds(share: float) -> float:
    return log(max(share, 1e-12) / max(1.0 - share, 1e-12))


def reference_figures(
    task: TaskName, items: list[FastEvent], events: list[FastEvent], *, fold: int
) -> Mapping[Level, tuple[float, int]]:
    """Mean of each method over the predictions of a fold, all others being known; and how many."""
    own = [
        not isinstance(event, Item | ItemRetired) and fold_of(event.user_id) == fold
        for event in events
    ]
    warm = in_protocol_order([one for one, asked in zip(events, own, strict=True) if not asked])
    test = in_protocol_order([one for one, asked in zip(events, own, strict=True) if asked])
    known = in_protocol_order(items)
    match task:
        case TaskName.NEXT_ITEM:
            scored = run_protocol(
                NextItemTask(), SpectralTaste(), items=known, warm=warm, test=test
            )
        case TaskName.SIGN:
            scored = run_protocol(SignTask(), RunningShares(), items=known, warm=warm, test=test)
        case TaskName.PAIRWISE:
            scored = run_protocol(
                PairwiseTask(), RunningShares(), items=known, warm=warm, test=test
            )
    with threadpool_limits(limits=1, user_api="blas"):
        figures = summarise(list(scored), metric=METRICS[task], seed=0)
    return {
        level: (by_bucket[None].mean, by_bucket[None].n)
        for level, by_bucket in figures.by_level.items()
    }


def main() -> int:
    """Print a line per fold; exit 0."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.references")
    parser.add_argument("--task", type=TaskName, choices=list(TaskName), required=True)
    for name in ("--items", "--events"):
        parser.add_argument(name, type=Path, required=True)
    arguments = parser.parse_args()
    items, events = read_events(arguments.items), read_events(arguments.events)
    for fold in range(FOLDS):
        for level, (mean, n) in reference_figures(arguments.task, items, events, fold=fold).items():
            sys.stdout.write(f"fold {fold} {level}: {mean:.4f} of {n}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
