"""Best of n: candidate answers of a language model, the one that a user would prefer first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from strata_client import answers
from strata_client._async import AsyncStrata
from strata_client._sync import Strata
from strata_client.events import Choice

__all__ = ["MOST_TEXTS", "NothingLearned", "Reranked", "rerank", "rerank_async"]

MOST_TEXTS: Final = 14
"""Texts of which all pairs fit into one request."""

_LAYERS: Final = ("global", "persona", "user")
_BLEND: Final = "blend"


class NothingLearned(RuntimeError):
    """Nobody has chosen anything yet that could be learned from."""


@dataclass(frozen=True, slots=True)
class Reranked:
    """One text in its place.

    Attributes:
        place: In the order given, from 0.
        reward: In log-odds; those of all texts sum to 0.
        standard_error: Of the reward, at most.
        layers: Each layer's own reward.
        shares: How much of the reward's size each layer makes up; they sum to 1, or all are 0.
    """

    text: str
    place: int
    reward: float
    standard_error: float
    layers: Mapping[str, float]
    shares: Mapping[str, float]


def rerank(client: Strata, user_id: str, texts: Sequence[str]) -> list[Reranked]:
    """2 to 14 texts, best first, by one question to the service.

    Raises:
        ValueError: fewer texts, or more.
        NothingLearned: there is no model of choices yet.
    """
    return _ranked(texts, client.score(user_id, pairs=_pairs(texts)))


async def rerank_async(client: AsyncStrata, user_id: str, texts: Sequence[str]) -> list[Reranked]:
    """As `rerank`."""
    return _ranked(texts, await client.score(user_id, pairs=_pairs(texts)))


def _pairs(texts: Sequence[str]) -> list[tuple[Choice, Choice]]:
    if not 2 <= len(texts) <= MOST_TEXTS:
        raise ValueError(f"give 2 to {MOST_TEXTS} texts, not {len(texts)}")
    return [(Choice(text=a), Choice(text=b)) for a, b in combinations(texts, 2)]


def _ranked(texts: Sequence[str], scores: answers.Scores) -> list[Reranked]:
    if scores.absent is not None:
        raise NothingLearned(scores.absent.text)
    count = len(texts)
    rewards = {level: [0.0] * count for level in (*_LAYERS, _BLEND)}
    errors = [0.0] * count
    for (a, b), pair in zip(combinations(range(count), 2), scores.pairs, strict=True):
        for level, of in rewards.items():
            of[a] += pair.levels[level].log_odds / count
            of[b] -= pair.levels[level].log_odds / count
        for place in (a, b):
            errors[place] += pair.levels[_BLEND].standard_error / count
    ranked = [
        Reranked(
            text,
            place,
            rewards[_BLEND][place],
            errors[place],
            {level: rewards[level][place] for level in _LAYERS},
            _shares([rewards[level][place] for level in ("global", "persona", _BLEND)]),
        )
        for place, text in enumerate(texts)
    ]
    return sorted(ranked, key=lambda one: (-one.reward, one.place))


def _shares(rewards: Sequence[float]) -> dict[str, float]:
    added = [abs(after - before) for before, after in zip((0.0, *rewards), rewards, strict=False)]
    whole = math.fsum(added)
    return {
        layer: size / whole if whole else 0.0 for layer, size in zip(_LAYERS, added, strict=True)
    }
