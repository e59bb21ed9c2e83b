"""From two rankings to a few passages: fusion, decay with time, diversity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from profiles.documents.passages import Passage, Rankings, ScoredPassage
from profiles.ports import Vector

__all__ = ["DEFAULT_CHOOSING", "Choosing", "Found", "choose_passages", "fused", "most_diverse"]

_RRF_K: Final = 60.0
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """How passages are chosen from what was found.

    Attributes:
        limit: At most so many, ≥ 1.
        half_life_s: Event-time seconds before the user's newest document in which a passage's
            score halves; > 0, None for no decay.
        diversity: In [0, 1]: 0 chooses by score alone, 1 by difference from what is chosen.

    Raises:
        ValueError: out of these ranges.
    """

    limit: int = 10
    half_life_s: float | None = None
    diversity: float = 0.3

    def __post_init__(self) -> None:
        if self.limit < 1 or not 0.0 <= self.diversity <= 1.0:
            raise ValueError("limit must be at least 1 and diversity in [0, 1]")
        if self.half_life_s is not None and not self.half_life_s > 0.0:
            raise ValueError("half_life_s must be greater than zero")


DEFAULT_CHOOSING: Final = Choosing()


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was chosen.

    Attributes:
        score: Fused and decayed, in (0, 1]; 1 for the first of both rankings, undecayed.
        by_meaning, by_words: Its rank from 1 in each ranking; None where it is not in it.
    """

    passage: Passage
    score: float
    by_meaning: int | None
    by_words: int | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    found: Found
    vector: Vector


def fused(rankings: Rankings) -> list[tuple[ScoredPassage, Found]]:
    """Both rankings as one, by reciprocal rank, best first; ties by document and place.

    Cormack, Clarke & Büttcher 2009, "Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods": Σ 1 / (60 + rank), here as a share of its maximum.
    """
    lists = [ranking for ranking in (rankings.dense, rankings.words) if ranking]
    best = len(lists) / (_RRF_K + 1.0)
    dense = {hit.passage.id: rank for rank, hit in enumerate(rankings.dense, 1)}
    words = {hit.passage.id: rank for rank, hit in enumerate(rankings.words, 1)}
    hits = {hit.passage.id: hit for ranking in lists for hit in ranking}

    def share(place: int | None) -> float:
        return 0.0 if place is None else 1.0 / (_RRF_K + place)

    found = [
        (
            hit,
            Found(
                hit.passage,
                (share(dense.get(key)) + share(words.get(key))) / best,
                dense.get(key),
                words.get(key),
            ),
        )
        for key, hit in hits.items()
    ]
    found.sort(key=lambda pair: _order(pair[1]))
    return found


def choose_passages(
    rankings: Rankings, choosing: Choosing = DEFAULT_CHOOSING, *, newest_ms: int | None = None
) -> list[Found]:
    """The passages to show, in the order in which they were chosen.

    Args:
        newest_ms: Event time of the user's newest document, from which ages are counted (no
            clock: the same state gives the same answer); None for the newest found.
    """
    candidates = [_Candidate(found, hit.vector) for hit, found in fused(rankings)]
    if choosing.half_life_s is not None and candidates:
        newest = max(one.found.passage.version.time_ms for one in candidates)
        now_ms = newest if newest_ms is None else max(newest, newest_ms)
        candidates = [
            _Candidate(_aged(one.found, now_ms, choosing.half_life_s), one.vector)
            for one in candidates
        ]
        candidates.sort(key=lambda one: _order(one.found))
    chosen = most_diverse(
        [one.found.score for one in candidates],
        [one.vector for one in candidates],
        limit=choosing.limit,
        diversity=choosing.diversity,
    )
    return [candidates[index].found for index in chosen]


def most_diverse(
    scores: Sequence[float], vectors: Sequence[Vector], *, limit: int, diversity: float
) -> list[int]:
    """Indices by maximal marginal relevance; equal values keep the order given.

    Carbonell & Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering
    Documents and Producing Summaries": the next is the greatest
    ``(1 − diversity) · score − diversity · max cosine to those chosen``, scores as shares of
    the greatest.

    Args:
        scores: ≥ 0.
        vectors: As many, of unit length or zeros.
    """
    if not scores:
        return []
    relevance = np.asarray(scores, np.float64)
    if relevance.max() > 0.0:
        relevance = relevance / relevance.max()
    matrix = np.asarray(vectors, np.float64)
    left = list(range(len(scores)))
    nearest = np.zeros(len(scores))
    chosen: list[int] = []
    while left and len(chosen) < limit:
        penalty = diversity * nearest if chosen else np.zeros(len(scores))
        marginal = (1.0 - diversity) * relevance - penalty
        best = max(left, key=lambda index: (marginal[index], relevance[index], -index))
        left.remove(best)
        chosen.append(best)
        similarity = matrix @ matrix[best]
        nearest = similarity if len(chosen) == 1 else np.maximum(nearest, similarity)
    return chosen


def _aged(found: Found, now_ms: int, half_life_s: float) -> Found:
    age_s = (now_ms - found.passage.version.time_ms) / 1_000.0
    # Underflow would make the oldest equal; the order of ties is by document then.
    score = found.score * 2.0 ** -min(age_s / half_life_s, 1_000.0)
    return Found(found.passage, score, found.by_meaning, found.by_words)


def _order(found: Found) -> tuple[float, str, int]:
    return (-found.score, found.passage.document_id, found.passage.index)
