"""The task `retrieval`: which of a user's own earlier passages does their next answer lean on?

Each answer of a test user is a question put to what the same user wrote before: the query is
the text of what they answer (`about` names it), never the answer. Protocol as elsewhere: all
events in time order, each answer asked before it is learned.

**Relevance.** Nobody has judged it, so it is defined twice, and both are reported:

* *leaned on*: the passage shares at least three particular words with the answer that the query
  does not hold; a word is particular if under 2 % of the passages known so far hold it. What
  the user said before and says again, and the question did not say. It is about words, which
  favours rankings by words over those by meaning.
* *same subject*: the passage was written about something that shares an attribute `tags` with
  what is answered. People gave the tags; nothing was counted.

Passages about the very thing that is answered are left out: they would be found by its words.
An answer counts where at least one passage is relevant and one is not. nDCG@10 with binary
gains (Järvelin & Kekäläinen 2002) and the reciprocal rank of the first relevant passage.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from evaluation.errors import UnreadableEvents
from evaluation.protocol import BUCKETS, bucket_of
from evaluation.reading import in_protocol_order, read_events
from profiles.documents.hybrid import Choosing, choose_passages
from profiles.documents.passages import (
    Passage,
    Rankings,
    document_passages,
    embedded_text,
    with_vectors,
)
from profiles.documents.words import (
    SparseVector,
    inverse_document_frequency,
    passage_words,
    query_words,
    terms_of,
)
from profiles.ids import user_key
from profiles.ports import Vector
from profiles.queries import Level
from schemas.decoded import Document, FastEvent, Item
from stores.memory import MemoryPoints
from stores.passages import PointPassageStore, passage_collection
from streams.embedding import DEFAULT_MODEL, Embedder, EmbeddingModelMissing, open_embedder

__all__ = ["Judged", "evaluate_retrieval", "ndcg", "reciprocal_rank", "report"]

Relevance = str
_LEANED: Final = "leaned on"
_SUBJECT: Final = "same subject"
_SHARED: Final = 3
_PARTICULAR: Final = 0.02
_SHOWN: Final = 10
_DEEP: Final = 200
_RESAMPLES: Final = 1_000
_YEAR_S: Final = 365 * 86_400.0
_SERVED: Final = "hybrid, diversity 0.3"
_ALL: Final = Choosing(limit=_DEEP, diversity=0.0)


@dataclass(frozen=True, slots=True)
class _Question:
    """An answer to come, and what is known before it: the text of what it answers."""

    answer: Document
    query: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer under one definition of relevance.

    Attributes:
        history: Passages that the user had written before.
        figures: Per way of ranking, (nDCG@10, reciprocal rank).
    """

    user_id: str
    relevance: Relevance
    history: int
    figures: Mapping[str, tuple[float, float]]


def ndcg(ranking: Sequence[str], relevant: frozenset[str]) -> float:
    """nDCG@10 with binary gains, in [0, 1].

    >>> bool(ndcg(["a", "b"], frozenset({"b"})) == 1 / np.log2(3))
    True
    """
    gains = [1.0 / np.log2(place + 2) for place in range(_SHOWN)]
    ideal = sum(gains[: len(relevant)])
    found = sum(gain for name, gain in zip(ranking, gains, strict=False) if name in relevant)
    return float(found / ideal)


def reciprocal_rank(ranking: Sequence[str], relevant: frozenset[str]) -> float:
    """1 / place of the first relevant one, from 1; 0 if it is not in the ranking."""
    places = (place for place, name in enumerate(ranking, 1) if name in relevant)
    return 1.0 / next(places, float("inf"))


class _Vectors:
    """Vectors by text, computed once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._held: dict[str, Vector] = {}

    def prepare(self, texts: Iterable[str]) -> None:
        fresh = [text for text in dict.fromkeys(texts) if text and text not in self._held]
        if fresh:
            self._held.update(zip(fresh, self._embedder.embed(fresh), strict=True))

    def of(self, text: str) -> Vector:
        found = self._held.get(text)
        return np.zeros(self._embedder.dimension, np.float32) if found is None else found


@dataclass(frozen=True, slots=True)
class _Kept:
    """A passage, and what is counted of it again and again."""

    passage: Passage
    terms: frozenset[str]
    words: SparseVector


class _Shelf:
    """What one user has written so far, in the store that the product uses."""

    def __init__(self, dimension: int) -> None:
        self.store = PointPassageStore(MemoryPoints(passage_collection(dimension)))
        self.kept: dict[str, _Kept] = {}

    async def add(self, passages: tuple[Passage, ...], vectors: _Vectors) -> None:
        rows = np.array([vectors.of(embedded_text(one)) for one in passages])
        await self.store.replace([with_vectors(passages, rows, model="evaluation")])
        for one in passages:
            if one.text:
                words = passage_words(embedded_text(one))
                self.kept[one.id] = _Kept(one, frozenset(terms_of(one.text)), words)


class _Words:
    """How many passages of everybody hold each word."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.passages = 0

    def learn(self, passages: Iterable[Passage]) -> None:
        for passage in passages:
            self.counts.update(set(terms_of(embedded_text(passage))))
            self.passages += 1

    def particular(self, text: str) -> frozenset[str]:
        return frozenset(
            term
            for term in set(terms_of(text))
            if len(term) > 2 and self.counts[term] < _PARTICULAR * self.passages
        )

    def weighted(self, query: str) -> dict[int, float]:
        """A query's word weights with everybody's document frequencies."""
        weights: dict[int, float] = {}
        for term, times in Counter(terms_of(query)).items():
            (index,) = query_words(term).indices
            idf = inverse_document_frequency(self.passages, self.counts[term])
            weights[index] = times * idf
        return weights


async def evaluate_retrieval(
    *,
    items: Path,
    warm: Path,
    test: Path,
    embedder: Embedder,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Judged]:
    """Ask every answer of the test file before it is learned.

    Args:
        on_progress: Called after every test document with how many are done, and of how many.

    Raises:
        UnreadableEvents: a file is missing or holds something that is no event.
    """
    described = {event.item_id: event for event in read_events(items) if isinstance(event, Item)}
    vectors = _Vectors(embedder)
    shelves: defaultdict[str, _Shelf] = defaultdict(lambda: _Shelf(embedder.dimension))
    everybody = _Words()
    judged: list[Judged] = []
    warm_events, test_events = (_documents(read_events(path)) for path in (warm, test))
    asked = [_query(event, described) for event in test_events]
    # What warm users wrote is counted and never searched.
    written = [_passages(event) for event in test_events]
    vectors.prepare(embedded_text(one) for passages in written for one in passages)
    vectors.prepare(asked)
    for event in warm_events:
        everybody.learn(_passages(event))
    for done, (event, query) in enumerate(zip(test_events, asked, strict=True), 1):
        shelf = shelves[event.user_id]
        if query:
            question = _Question(event, query, vectors.of(query))
            judged += await _judge(question, shelf, everybody, described)
        passages = _passages(event)
        await shelf.add(passages, vectors)
        everybody.learn(passages)
        on_progress(done, len(test_events))
    return judged


def _documents(events: list[FastEvent]) -> list[Document]:
    return [event for event in in_protocol_order(events) if isinstance(event, Document)]


def _passages(event: Document) -> tuple[Passage, ...]:
    return document_passages(event, user_key(event.tenant, event.user_id))[0]


def _query(event: Document, described: Mapping[str, Item]) -> str:
    """What an answer answers; empty for what is no answer."""
    named = [described[name] for name in event.about if name in described]
    if event.kind != "answer" or not named:
        return ""
    return f"{named[0].title or ''}\n{named[0].text}".strip()


async def _judge(
    question: _Question, shelf: _Shelf, everybody: _Words, described: Mapping[str, Item]
) -> list[Judged]:
    event, query = question.answer, question.query
    candidates = {
        name: kept
        for name, kept in shelf.kept.items()
        if not {*kept.passage.about, kept.passage.document_id} & set(event.about)
    }
    relevant = {
        _LEANED: frozenset(_leaned(event, query, candidates, everybody)),
        _SUBJECT: frozenset(_same_subject(event, candidates, described)),
    }
    relevant = {name: found for name, found in relevant.items() if 0 < len(found) < len(candidates)}
    if not relevant:
        return []
    user = user_key(event.tenant, event.user_id)
    rankings = await shelf.store.search(
        event.tenant, user, vector=question.vector, words=query_words(query), limit=_DEEP
    )
    ways = {
        name: [one for one in ranking if one in candidates]
        for name, ranking in _ways(rankings, shelf, everybody.weighted(query)).items()
    }
    return [
        Judged(
            event.user_id,
            relevance,
            len(candidates),
            {
                way: (ndcg(ranking, found), reciprocal_rank(ranking, found))
                for way, ranking in ways.items()
            },
        )
        for relevance, found in relevant.items()
    ]


def _leaned(
    event: Document, query: str, candidates: Mapping[str, _Kept], everybody: _Words
) -> Iterator[str]:
    own = everybody.particular(event.text) - set(terms_of(query))
    for name, kept in candidates.items():
        if len(own & kept.terms) >= _SHARED:
            yield name


def _same_subject(
    event: Document, candidates: Mapping[str, _Kept], described: Mapping[str, Item]
) -> Iterator[str]:
    def tags_of(item_ids: Iterable[str]) -> set[object]:
        found: set[object] = set()
        for item_id in item_ids:
            item = described.get(item_id)
            tags = (item.attributes or {}).get("tags", ()) if item is not None else ()
            found.update(tags if isinstance(tags, tuple) else (tags,))
        return found

    wanted = tags_of(event.about)
    for name, kept in candidates.items():
        if wanted & tags_of((*kept.passage.about, kept.passage.document_id)):
            yield name


def _ways(rankings: Rankings, shelf: _Shelf, weighted: Mapping[int, float]) -> dict[str, list[str]]:
    """Ids of passages, best first, by each way of ranking."""

    def chosen(found: Rankings, choosing: Choosing) -> list[str]:
        return [one.passage.id for one in choose_passages(found, choosing)]

    passages = [kept.passage for kept in shelf.kept.values()]
    newest = sorted(passages, key=lambda one: one.version, reverse=True)
    scores = {name: _dot(weighted, kept.words) for name, kept in shelf.kept.items()}
    return {
        "newest": [passage.id for passage in newest],
        "words": chosen(Rankings([], rankings.words), _ALL),
        "words, everybody's weights": sorted(
            (name for name, score in scores.items() if score > 0.0),
            key=lambda name: (-scores[name], name),
        ),
        "meaning": chosen(Rankings(rankings.dense, []), _ALL),
        "hybrid": chosen(rankings, _ALL),
        _SERVED: chosen(rankings, Choosing(limit=_DEEP)),
        "hybrid, half-life a year": chosen(
            rankings, Choosing(limit=_DEEP, diversity=0.0, half_life_s=_YEAR_S)
        ),
    }


def _dot(weights: Mapping[int, float], words: SparseVector) -> float:
    return sum(
        weights.get(index, 0.0) * value
        for index, value in zip(words.indices, words.values, strict=True)
    )


def report(judged: Sequence[Judged], *, seed: int = 0) -> dict[str, object]:
    """The form of every task, with `user` as a service ranks by default; then all ways.

    `relevance` holds for each definition means with 95 % intervals over users, by history,
    and each way against words alone.
    """
    leaned = [one for one in judged if one.relevance == _LEANED]
    by_history = [
        {"from": bucket.first, "to": bucket.last, **_pair(part)}
        for number, bucket in enumerate(BUCKETS)
        if (part := [one for one in leaned if bucket_of(one.history) == number])
    ]
    level = {"overall": _pair(leaned), "by_history": by_history}
    return {
        "task": "retrieval",
        "n": len(leaned),
        "levels": {Level.USER.value: level} if leaned else {},
        "relevance": {
            name: _figures([one for one in judged if one.relevance == name], seed)
            for name in (_LEANED, _SUBJECT)
            if any(one.relevance == name for one in judged)
        },
    }


def _pair(judged: Sequence[Judged]) -> dict[str, object]:
    if not judged:
        return {"n": 0}
    gains, places = np.mean([one.figures[_SERVED] for one in judged], axis=0)
    return {"ndcg@10": round(float(gains), 6), "mrr": round(float(places), 6), "n": len(judged)}


def _figures(judged: Sequence[Judged], seed: int) -> dict[str, object]:
    ways = list(judged[0].figures)
    return {
        "n": len(judged),
        "users": len({one.user_id for one in judged}),
        "ways": {way: _way_figures(judged, way, seed) for way in ways},
        "by_history": [
            {
                "from": bucket.first,
                "to": bucket.last,
                "n": len(part),
                "ndcg@10": {
                    way: round(float(np.mean([one.figures[way][0] for one in part])), 4)
                    for way in ways
                },
            }
            for number, bucket in enumerate(BUCKETS)
            if (part := [one for one in judged if bucket_of(one.history) == number])
        ],
    }


def _way_figures(judged: Sequence[Judged], way: str, seed: int) -> dict[str, object]:
    def mean(value: Callable[[Judged], float]) -> dict[str, object]:
        return _mean(judged, value, seed)

    return {
        "ndcg@10": mean(lambda one: one.figures[way][0]),
        "mrr": mean(lambda one: one.figures[way][1]),
        "ndcg@10 over words": mean(lambda one: one.figures[way][0] - one.figures["words"][0]),
    }


def _mean(
    judged: Sequence[Judged], value: Callable[[Judged], float], seed: int
) -> dict[str, object]:
    """Users are drawn again, not answers (Efron & Tibshirani 1993, ch. 8)."""
    users = {name: row for row, name in enumerate(dict.fromkeys(one.user_id for one in judged))}
    owner = np.array([users[one.user_id] for one in judged])
    values = np.array([value(one) for one in judged])
    draws = np.random.default_rng(seed).multinomial(
        len(users), np.full(len(users), 1.0 / len(users)), size=_RESAMPLES
    )
    sums = draws @ np.bincount(owner, weights=values, minlength=len(users))
    counts = draws @ np.bincount(owner, minlength=len(users))
    low, high = np.quantile(sums / np.maximum(counts, 1), (0.025, 0.975))
    return {
        "mean": round(float(values.mean()), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


def main() -> int:
    """`python -m evaluation.retrieval --items F --warm F --test F [--json OUT]`."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.retrieval")
    for name in ("--items", "--warm", "--test"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    try:
        embedder = open_embedder(asked.model)
        judged = asyncio.run(
            evaluate_retrieval(
                items=asked.items, warm=asked.warm, test=asked.test, embedder=embedder
            )
        )
    except (UnreadableEvents, EmbeddingModelMissing, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    text = json.dumps(report(judged, seed=asked.seed), indent=2) + "\n"
    if asked.json:
        asked.json.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
