"""Mixing the three layers into one ranking: weights from evidence, scores from ranks.

**Weights** have the form of an empirical-Bayes shrinkage (Efron & Morris 1975,
"Data Analysis Using Stein's Estimator and its Generalizations"): a mean of n
observations gets the weight n / (n + κ), where κ is the ratio of the variance
within to the variance between the means. Here κ is *not* estimated: it is a
constant set by judgement, the same for every user and item, and nothing in this
module checks that a layer helps. Learning both from outcomes is later work.

**Scores** of the layers have nothing in common (a cosine, decayed counts of
different populations), so each layer only orders the candidates and a place in
that order is worth (k + 1) / (k + place): 1 for the first. This is reciprocal
rank fusion (Cormack, Clarke & Büttcher 2009) with weights, scaled to [0, 1].
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.ports import ItemRecord, Vector
from schemas.views import Layer

__all__ = [
    "DEFAULT_SHRINKAGE",
    "LayerWeights",
    "Ranked",
    "Shrinkage",
    "layer_weights",
    "nearest_liked",
    "rank",
]

_PLACE_OFFSET: Final = 10
"""k: the 12th place is worth half of the first. The paper's 60 is for lists that
are equally good; here it would let two weak layers outvote a strong one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """How much evidence it takes to be believed by half.

    Attributes:
        user: Effective sample size at which a user's own evidence weighs 1/2; > 0.
        persona: Members at which a persona takes half of what the user leaves; > 0.
    """

    user: float = 10.0
    persona: float = 20.0

    def __post_init__(self) -> None:
        for name in ("user", "persona"):
            number = getattr(self, name)
            if not (np.isfinite(number) and number > 0):
                raise ValueError(f"shrinkage: {name} must be a finite number above 0, not {number}")


DEFAULT_SHRINKAGE: Final = Shrinkage()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWeights:
    """Each in [0, 1]; they sum to 1 up to rounding."""

    user: float
    persona: float
    everybody: float

    def of(self, layer: Layer) -> float:
        match layer:
            case Layer.USER:
                return self.user
            case Layer.PERSONA:
                return self.persona
            case Layer.GLOBAL:
                return self.everybody

    @property
    def leading(self) -> Layer:
        """The layer with the largest weight; of equals the most particular."""
        return max(Layer, key=self.of)


def layer_weights(
    *,
    effective_sample_size: float,
    persona_size: int,
    shrinkage: Shrinkage = DEFAULT_SHRINKAGE,
) -> LayerWeights:
    """Weights of the layers by evidence.

    With n = `effective_sample_size` and m = `persona_size`, the user weighs
    n / (n + κ), the persona m / (m + κ') of the remainder, everybody the rest.

    >>> layer_weights(effective_sample_size=10.0, persona_size=20)
    LayerWeights(user=0.5, persona=0.25, everybody=0.25)

    Args:
        effective_sample_size: Of the user's evidence, ≥ 0; 0 without a direction.
        persona_size: Members, ≥ 0; 0 without a persona that may be used.

    Raises:
        ValueError: a number is negative or not finite.
    """
    if not (math.isfinite(effective_sample_size) and effective_sample_size >= 0):
        raise ValueError(f"effective_sample_size must be ≥ 0, not {effective_sample_size}")
    if persona_size < 0:
        raise ValueError(f"persona_size must be ≥ 0, not {persona_size}")
    user = effective_sample_size / (effective_sample_size + shrinkage.user)
    persona = persona_size / (persona_size + shrinkage.persona)
    return LayerWeights(
        user=user, persona=(1.0 - user) * persona, everybody=(1.0 - user) * (1.0 - persona)
    )


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its score.

    Attributes:
        score: Σ weight · worth of its place, in (0, 1].
        shares: Each layer's part of the score, in (0, 1], largest first; they
            sum to 1. A layer without a part is not there.
    """

    item: ItemRecord
    score: float
    shares: Mapping[Layer, float]


def rank(
    candidates: Sequence[ItemRecord],
    *,
    weights: LayerWeights,
    user_vector: Vector | None,
    persona_popularity: Mapping[int, float],
    global_popularity: Mapping[int, float],
    seen: Collection[int] = frozenset(),
    limit: int,
) -> list[Ranked]:
    """The best candidates for a user, best first.

    Left out are items that are seen, retired or not described, and items for
    which no layer with a weight speaks: a layer speaks for an item if its dot
    product or popularity is above 0. Deterministic and independent of the order
    of `candidates`: equal scores of a layer share the better place, equal totals
    are ordered by item id.

    Args:
        candidates: Each item once; vectors of shape (d,).
        user_vector: Shape (d,); None, or zeros, without a direction.
        persona_popularity: Item key → popularity ≥ 0; what is absent has none.
        seen: Item keys to leave out.
        limit: ≥ 0.
    """
    offered = sorted(
        (
            item
            for item in candidates
            if item.revision > 0 and not item.retired and item.key not in seen
        ),
        key=attrgetter("item_id"),
    )
    if not offered:
        return []
    keys = [item.key for item in offered]
    nearness = np.zeros(len(offered)) if user_vector is None else _rows(offered) @ user_vector
    parts = {
        Layer.USER: weights.user * _worth_of_place(nearness),
        Layer.PERSONA: weights.persona * _worth_of_place(_lookup(keys, persona_popularity)),
        Layer.GLOBAL: weights.everybody * _worth_of_place(_lookup(keys, global_popularity)),
    }
    totals = sum(parts.values(), np.zeros(len(offered)))
    # Stable, so that equal totals keep the order by item id.
    best = np.argsort(-totals, kind="stable")[:limit]
    return [
        Ranked(
            offered[index],
            # Rounding of the weights may carry the sum past 1.
            min(1.0, float(totals[index])),
            _shares({layer: float(part[index]) for layer, part in parts.items()}),
        )
        for index in best.tolist()
        if totals[index] > 0.0
    ]


def _lookup(keys: Sequence[int], popularity: Mapping[int, float]) -> npt.NDArray[np.float64]:
    return np.fromiter(map(popularity.get, keys, repeat(0.0)), np.float64, len(keys))


def _worth_of_place(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(k + 1) / (k + place) where the score is above 0, else 0; shape as given."""
    descending = np.sort(-scores)
    place = np.searchsorted(descending, -scores, side="left") + 1
    worth: npt.NDArray[np.float64] = np.where(
        scores > 0.0, (_PLACE_OFFSET + 1) / (_PLACE_OFFSET + place), 0.0
    )
    return worth


def _shares(parts: Mapping[Layer, float]) -> dict[Layer, float]:
    total = sum(parts.values())
    speaking = [(layer, part / total) for layer, part in parts.items() if part > 0.0]
    return dict(sorted(speaking, key=lambda named: -named[1]))


def nearest_liked(
    items: Sequence[ItemRecord], liked: Sequence[ItemRecord]
) -> list[ItemRecord | None]:
    """For each item the other, liked item with the largest cosine; None if none is above 0.

    Of equals the one that comes first in `liked`.
    """
    if not items or not liked:
        return [None] * len(items)
    cosines = _unit_rows(items) @ _unit_rows(liked).T
    cosines[_keys(items)[:, None] == _keys(liked)] = 0.0
    nearest = np.argmax(cosines, axis=1)
    return [
        liked[index] if cosines[row, index] > 0.0 else None
        for row, index in enumerate(nearest.tolist())
    ]


def _keys(items: Sequence[ItemRecord]) -> npt.NDArray[np.uint64]:
    return np.array([item.key for item in items], np.uint64)


def _rows(items: Sequence[ItemRecord]) -> npt.NDArray[np.float64]:
    """Their vectors, shape (n, d)."""
    # Joined as bytes: numpy looks at each of hundreds, which takes longer than all that follows.
    # Arrays are buffers, which types know from Python 3.12 on; `data` of each would take longer.
    joined = b"".join([item.vector for item in items])  # type: ignore[misc, unused-ignore]
    flat = np.frombuffer(joined, np.float32)
    return flat.reshape(len(items), -1).astype(np.float64)


def _unit_rows(items: Sequence[ItemRecord]) -> npt.NDArray[np.float64]:
    rows = _rows(items)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: npt.NDArray[np.float64] = np.divide(
        rows, lengths, out=np.zeros_like(rows), where=lengths > 0.0
    )
    return unit
