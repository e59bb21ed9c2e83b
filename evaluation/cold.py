"""How a new item fares: its first impressions, ranked among everything.

Some items are held out of the warm set, descriptions and all; they are described when the test
begins. Each liked event of a test user on such an item, among the item's first twenty events of
the test, is predicted before it is applied: by the blend, by popularity alone (with its prior: a
new item is expected to be as popular as the average), and by text alone.

    python -m evaluation.cold --items F --warm F --test F
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from evaluation.nextitem import StreamedPredictor
from evaluation.predictors import Options, next_item_predictor
from evaluation.reading import in_protocol_order, read_events
from evaluation.tasks import NextItemTask, rank_of
from profiles.queries import ItemScores, Level, NextItemQuery
from schemas.decoded import FastEvent, Interaction, Item, ItemRetired, Preference

__all__ = ["IMPRESSIONS", "ColdFigure", "Impression", "cold_figures", "impressions", "is_held_out"]

IMPRESSIONS: Final = 20
_HELD_OUT_OF: Final = 10
_RESAMPLES: Final = 1_000
_RANKERS: Final = ("blend", "popularity", "text")
_TEXT: Final = "liked texts"

_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Impression:
    """A new item was liked; `percentiles` says where each ranker had it.

    Attributes:
        number: Which event of the item it was, from 1.
        percentiles: Share of the other candidates that score lower, in [0, 1]; ties are lost.
    """

    item_id: str
    number: int
    percentiles: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ColdFigure:
    """A mean over impressions; `low` and `high` enclose 95 % of resamples of items."""

    mean: float
    low: float
    high: float


def is_held_out(item_id: str) -> bool:
    """A tenth of all items, by hash.

    >>> [number for number in range(30) if is_held_out(str(number))]
    [0, 6, 8, 14, 20, 23]
    """
    digest = sha256(f"cold:{item_id}".encode()).hexdigest()
    return int(digest[:8], 16) % _HELD_OUT_OF == 0


def impressions(
    predictor: StreamedPredictor,
    *,
    items: Sequence[FastEvent],
    warm: Sequence[FastEvent],
    test: Sequence[FastEvent],
) -> Iterator[Impression]:
    """Each liked event on a new item among its first, before it is applied.

    Args:
        items, warm, test: In protocol order.
    """
    task = NextItemTask()
    for event in (*items, *warm):
        if not _about_held_out(event):
            predictor.learn(event)
            task.note(event)
    predictor.end_warm()
    for event in (*items, *warm):
        if isinstance(event, Item) and is_held_out(event.item_id):
            predictor.learn(event)
            task.note(event)
    seen: Counter[str] = Counter()
    met: defaultdict[str, set[str]] = defaultdict(set)
    for event in test:
        if isinstance(event, Interaction) and is_held_out(event.item_id):
            seen[event.item_id] += 1
            query = task.ask(event)
            if query is not None and seen[event.item_id] <= IMPRESSIONS:
                asked = _asked(predictor, query, event.item_id, met[event.user_id])
                yield Impression(event.item_id, seen[event.item_id], asked)
        if isinstance(event, Interaction):
            met[event.user_id].add(event.item_id)
        predictor.learn(event)
        task.note(event)


def _asked(
    predictor: StreamedPredictor, query: NextItemQuery, item_id: str, met: set[str]
) -> dict[str, float]:
    blend = predictor.predict(query)[Level.BLEND]
    alone = predictor.ingredients(query)
    scores = (blend, alone["popularity"], alone[_TEXT])
    return {
        name: _percentile(one, item_id, met) for name, one in zip(_RANKERS, scores, strict=True)
    }


def _percentile(answer: ItemScores, item_id: str, met: set[str]) -> float:
    values = np.array(answer.values, np.float64)
    values[[answer.row_of[item] for item in met if item in answer.row_of]] = -np.inf
    target = answer.row_of.get(item_id, len(values))
    rank = rank_of(values, target)
    others = int((values > -np.inf).sum()) - 1
    return 0.0 if rank is None or others < 1 else 1.0 - rank / others


def _about_held_out(event: FastEvent) -> bool:
    match event:
        case Item() | ItemRetired() | Interaction():
            return is_held_out(event.item_id)
        case Preference():
            sides = (event.chosen.item_id, event.rejected.item_id)
            return any(side is not None and is_held_out(side) for side in sides)
        case _:
            return False


def cold_figures(seen: Sequence[Impression], *, seed: int = 0) -> dict[str, ColdFigure]:
    """Mean percentile of each ranker, and the blend's advantage over the other two.

    Items are resampled, not impressions: those of one item are not independent.
    """
    if not seen:
        return {}
    rows = {item: row for row, item in enumerate(dict.fromkeys(one.item_id for one in seen))}
    owner = np.array([rows[one.item_id] for one in seen], np.int64)
    draws = np.random.default_rng(seed).multinomial(
        len(rows), np.full(len(rows), 1.0 / len(rows)), size=_RESAMPLES
    )
    values = {name: np.array([one.percentiles[name] for one in seen]) for name in _RANKERS}
    for other in _RANKERS[1:]:
        values[f"blend minus {other}"] = values["blend"] - values[other]
    return {name: _figure(one, owner, draws) for name, one in values.items()}


def _figure(
    values: _Doubles, owner: npt.NDArray[np.int64], draws: npt.NDArray[np.int64]
) -> ColdFigure:
    items = draws.shape[1]
    sums = draws @ np.bincount(owner, weights=values, minlength=items)
    means = sums / np.maximum(draws @ np.bincount(owner, minlength=items), 1)
    low, high = np.quantile(means, (0.025, 0.975))
    return ColdFigure(float(values.mean()), float(low), float(high))


def main() -> int:
    """Print the figures as JSON; exit 0."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.cold")
    for name in ("--items", "--warm", "--test"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    items, warm, test = (
        read_events(path) for path in (arguments.items, arguments.warm, arguments.test)
    )
    known = [event for event in (*items, *warm) if isinstance(event, Item)]
    predictor = next_item_predictor(known, Options(seed=arguments.seed))
    with threadpool_limits(limits=1, user_api="blas"):
        seen = list(
            impressions(
                predictor,
                items=list(in_protocol_order(items)),
                warm=list(in_protocol_order(warm)),
                test=list(in_protocol_order(test)),
            )
        )
    figures = cold_figures(seen, seed=arguments.seed)
    report = {
        "items": len({one.item_id for one in seen}),
        "impressions": len(seen),
        "percentile": {
            name: {
                "mean": round(one.mean, 4),
                "interval": [round(one.low, 4), round(one.high, 4)],
            }
            for name, one in figures.items()
        },
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
