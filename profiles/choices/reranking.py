"""Several answers in the order in which a user would prefer them, from comparisons of two.

Each text's reward is its mean log-odds against the others: for a complete round of comparisons the
least-squares solution of a Bradley–Terry scale (Jiang et al. 2011, "Statistical ranking and
combinatorial Hodge theory"), so rewards sum to zero and the difference of two is how much one is
preferred.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

__all__ = ["MOST_TEXTS", "Compared", "Reranked", "pairs_of", "rerank"]

MOST_TEXTS: Final = 14
"""Texts of which all pairs fit into one request of 100."""

_LAYERS: Final = ("global", "persona", "user")
_BLEND: Final = "blend"


@dataclass(frozen=True, slots=True)
class Compared:
    """Log-odds towards the first of two by level, and the standard error of the blend's."""

    log_odds: Mapping[str, float]
    standard_error: float


@dataclass(frozen=True, slots=True)
class Reranked:
    """One text in its place.

    Attributes:
        place: In the order given, from 0.
        reward: Of the blend, in log-odds; those of all texts sum to 0.
        standard_error: Of the reward, at most: errors of comparisons that share a text go together.
        layers: Each layer's own reward.
        shares: How much of the reward's size each layer makes up, beginning with everybody's and
            adding what the persona and the user change; sums to 1, or all 0 where nothing is known.
    """

    place: int
    reward: float
    standard_error: float
    layers: Mapping[str, float]
    shares: Mapping[str, float]


def pairs_of(count: int) -> list[tuple[int, int]]:
    """All pairs of places, in the order that `rerank` takes their comparisons.

    >>> pairs_of(3)
    [(0, 1), (0, 2), (1, 2)]
    """
    return list(combinations(range(count), 2))


def rerank(count: int, compared: Sequence[Compared]) -> list[Reranked]:
    """`count` texts, best first; of equal ones the earlier first.

    Args:
        compared: For each of `pairs_of(count)`.

    Raises:
        ValueError: there are more or fewer.
    """
    rewards = {level: [0.0] * count for level in (*_LAYERS, _BLEND)}
    errors = [0.0] * count
    for (a, b), one in zip(pairs_of(count), compared, strict=True):
        for level, of in rewards.items():
            of[a] += one.log_odds[level] / count
            of[b] -= one.log_odds[level] / count
        errors[a] += one.standard_error / count
        errors[b] += one.standard_error / count
    texts = [
        Reranked(
            place,
            rewards[_BLEND][place],
            errors[place],
            {level: rewards[level][place] for level in _LAYERS},
            _shares([rewards[level][place] for level in (*_LAYERS[:2], _BLEND)]),
        )
        for place in range(count)
    ]
    return sorted(texts, key=lambda text: (-text.reward, text.place))


def _shares(rewards: Sequence[float]) -> dict[str, float]:
    added = [abs(after - before) for before, after in zip((0.0, *rewards), rewards, strict=False)]
    whole = math.fsum(added)
    return {
        layer: size / whole if whole else 0.0 for layer, size in zip(_LAYERS, added, strict=True)
    }
