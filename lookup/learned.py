"""A ranking by a learned model, in the words of `profiles.ranking`."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lookup.models import Models
from profiles.nextitem.model import RankedLevels
from profiles.ports import ItemRecord
from profiles.queries import Level
from profiles.ranking import LayerWeights, Ranked
from profiles.state import UserState
from schemas.snapshots import ModelPointer
from schemas.views import EvidenceByLayerView, Layer, LearnedView

__all__ = ["LearnedAnswer", "learned_answer"]

_LAYER_OF: Final[Mapping[Level, Layer]] = {
    Level.USER: Layer.USER,
    Level.PERSONA: Layer.PERSONA,
    Level.GLOBAL: Layer.GLOBAL,
}


@dataclass(frozen=True, slots=True)
class LearnedAnswer:
    """Items by one level of one model, best first.

    Attributes:
        keys: As many as were asked for, and below them those to give in any case;
            none that was to be left out.
        scores: Of each: log-odds up to a constant.
        chances: Of each: that of all items left it is the one liked next; in [0, 1].
        shares: Of each: what every layer had in its standing above the average item.
        weights: How much each layer moves this ranking.
    """

    keys: tuple[int, ...]
    scores: tuple[float, ...]
    chances: tuple[float, ...]
    shares: tuple[Mapping[Layer, float], ...]
    weights: LayerWeights
    view: LearnedView

    def ranked(self, items: Mapping[int, ItemRecord]) -> list[Ranked]:
        """Those that can be shown: described and still offered; equal ones by item id."""
        found = [
            (-score, item.item_id, Ranked(item, chance, shares))
            for key, score, chance, shares in zip(
                self.keys, self.scores, self.chances, self.shares, strict=True
            )
            if (item := items.get(key)) is not None and item.revision > 0 and not item.retired
        ]
        return [place for *_, place in sorted(found, key=lambda one: one[:2])]


async def learned_answer(
    models: Models,
    state: UserState,
    *,
    level: Level,
    at_ms: int,
    without: Collection[int],
    most: int,
    admitted: Collection[int] = (),
) -> LearnedAnswer:
    """Ask a model about a state, off the event loop.

    Deterministic in its arguments.

    Args:
        at_ms: The moment asked about; event time, ms.
        without: Item keys to leave out.
        admitted: Item keys to give in any case, however low they stand.
    """
    answer = await asyncio.to_thread(models.next_item.answer, state, at_ms)
    return _of_level(answer, models.pointer, level, without=without, most=most, admitted=admitted)


def _of_level(
    answer: RankedLevels,
    pointer: ModelPointer,
    level: Level,
    *,
    without: Collection[int],
    most: int,
    admitted: Collection[int],
) -> LearnedAnswer:
    keys = np.array(answer.items, np.uint64)
    scores = answer.scores[level].astype(np.float64)
    if without:
        scores[np.isin(keys, np.array(list(without), np.uint64))] = -np.inf
    offered = np.flatnonzero(np.isfinite(scores))
    ordered = offered[np.lexsort((keys[offered], -scores[offered]))]
    best = ordered[:most]
    if admitted:
        below = ordered[most:]
        best = np.append(best, below[np.isin(keys[below], np.array(list(admitted), np.uint64))])
    chances = _chances(scores, offered)
    weights = _weights(answer, level)
    return LearnedAnswer(
        keys=tuple(keys[best].tolist()),
        scores=tuple(scores[best].tolist()),
        chances=tuple(chances[best].tolist()),
        shares=_shares(answer, level, best, weights),
        weights=weights,
        view=LearnedView(
            version=pointer.version,
            space=pointer.space,
            uncertainty=_uncertainty(chances[offered]),
            effective_sample_size=EvidenceByLayerView(
                user=answer.effective_sample_size[Level.USER],
                persona=answer.effective_sample_size[Level.PERSONA],
                global_=answer.effective_sample_size[Level.GLOBAL],
            ),
            persona_abstains=answer.abstains,
        ),
    )


def _chances(
    scores: npt.NDArray[np.float64], offered: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    chances = np.zeros(len(scores))
    if len(offered):
        chances[offered] = np.exp(scores[offered] - scores[offered].max())
        chances /= chances.sum()
    return chances


def _uncertainty(chances: npt.NDArray[np.float64]) -> float:
    """Entropy as a part of the most there could be; 1 where all items are equally likely."""
    if len(chances) < 2:
        return 0.0
    present = chances[chances > 0]
    entropy = -float((present * np.log(present)).sum())
    return float(np.clip(entropy / np.log(len(chances)), 0.0, 1.0))


def _weights(answer: RankedLevels, level: Level) -> LayerWeights:
    if level is not Level.BLEND:
        return LayerWeights(
            user=float(level is Level.USER),
            persona=float(level is Level.PERSONA),
            everybody=float(level is Level.GLOBAL),
        )
    shares = answer.shares
    if not any(shares.values()):
        return LayerWeights(user=0.0, persona=0.0, everybody=1.0)
    return LayerWeights(
        user=shares[Level.USER], persona=shares[Level.PERSONA], everybody=shares[Level.GLOBAL]
    )


def _shares(
    answer: RankedLevels, level: Level, best: npt.NDArray[np.intp], weights: LayerWeights
) -> tuple[Mapping[Layer, float], ...]:
    """What lifts each item above the mean of all; the weights where nothing does."""
    whole = {layer: weights.of(layer) for layer in Layer if weights.of(layer) > 0}
    if level is not Level.BLEND:
        return (whole,) * len(best)
    layers = list(_LAYER_OF)
    lifts = np.stack(
        [np.maximum(answer.parts[one][best] - answer.parts[one].mean(), 0.0) for one in layers]
    ).astype(np.float64)
    totals = lifts.sum(axis=0)
    found: list[Mapping[Layer, float]] = []
    for column, total in enumerate(totals.tolist()):
        if total <= 0:
            found.append(whole)
            continue
        parts = {
            _LAYER_OF[one]: float(lifts[row, column]) / total
            for row, one in enumerate(layers)
            if lifts[row, column] > 0
        }
        found.append(dict(sorted(parts.items(), key=lambda part: -part[1])))
    return tuple(found)
