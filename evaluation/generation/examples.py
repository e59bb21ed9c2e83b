"""Earlier assignments with what was written, found by their particular words.

An example is found by the words of its input that few others have: a query is its most particular
words, and what holds most of them by inverse document frequency comes first, the newest of equals.
That is BM25 without lengths and repetitions, exact and the same however the file is cut, which
vectors of a batch are not.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from evaluation.generation.task import Assignment
from profiles.documents.words import inverse_document_frequency, terms_of

__all__ = ["Example", "Examples"]

_QUERY_TERMS: Final = 12
_POSTINGS_READ: Final = 500
_LOOKED_BACK: Final = 2_000


@dataclass(frozen=True, slots=True)
class Example:
    """An input of somebody, and what they wrote for it."""

    user_id: str
    document_id: str
    time_ms: int
    inputs: tuple[str, ...]
    output: str


class Examples:
    """Everybody's, in the order in which they were added."""

    def __init__(self) -> None:
        self._rows: list[Example | None] = []
        self._postings: defaultdict[str, list[int]] = defaultdict(list)
        self._of_user: defaultdict[str, list[int]] = defaultdict(list)
        self._row_of: dict[tuple[str, str], int] = {}

    def add(self, example: Example) -> None:
        """In the order of events; a document that is written again replaces what it was."""
        row = len(self._rows)
        self._rows.append(example)
        name = example.user_id, example.document_id
        before = self._row_of.get(name)
        if before is not None:
            self._rows[before] = None
            self._of_user[example.user_id].remove(before)
        self._row_of[name] = row
        self._of_user[example.user_id].append(row)
        for term in dict.fromkeys(_terms(example.inputs)):
            self._postings[term].append(row)

    def forget(self, user_id: str, *, through_ms: int) -> None:
        """Drop a user's examples of event times up to and including `through_ms`."""
        for row in list(self._of_user.get(user_id, ())):
            example = self._rows[row]
            if example is not None and example.time_ms <= through_ms:
                self._drop(row, example)

    def keep_latest(self, user_id: str, count: int) -> None:
        """Drop a user's oldest beyond `count`."""
        rows = self._of_user[user_id]
        for row in rows[: max(0, len(rows) - count)]:
            example = self._rows[row]
            if example is not None:
                self._drop(row, example)

    def rename(self, old: str, new: str) -> None:
        """What `old` wrote is `new`'s."""
        for example in self.of(old):
            self._drop(self._row_of[old, example.document_id], example)
            self.add(replace(example, user_id=new))

    def of(self, user_id: str) -> list[Example]:
        """A user's own, oldest first."""
        rows = self._of_user.get(user_id, ())
        return [example for row in rows if (example := self._rows[row]) is not None]

    def _drop(self, row: int, example: Example) -> None:
        self._rows[row] = None
        self._of_user[example.user_id].remove(row)
        del self._row_of[example.user_id, example.document_id]

    def nearest(self, assignment: Assignment) -> list[tuple[float, Example]]:
        """Examples that share particular words with the input, best first."""
        scores: defaultdict[int, float] = defaultdict(float)
        for term, weight in self._query(assignment.inputs):
            for row in self._postings[term][-_POSTINGS_READ:]:
                scores[row] += weight
        ranked = sorted(scores, key=lambda row: (-scores[row], -row))
        return [
            (scores[row], example) for row in ranked if (example := self._rows[row]) is not None
        ]

    def newest(self, accepted: Callable[[Example], bool]) -> Iterator[Example]:
        """Those accepted among the latest, newest first."""
        for example in reversed(self._rows[-_LOOKED_BACK:]):
            if example is not None and accepted(example):
                yield example

    def _query(self, inputs: Sequence[str]) -> list[tuple[str, float]]:
        weights = {
            term: inverse_document_frequency(len(self._rows), len(self._postings[term]))
            for term in dict.fromkeys(_terms(inputs))
            if term in self._postings
        }
        return sorted(weights.items(), key=lambda one: (-one[1], one[0]))[:_QUERY_TERMS]


def _terms(inputs: Sequence[str]) -> list[str]:
    return [term for text in inputs for term in _terms_of_one(text)]


@lru_cache(maxsize=1 << 13)
def _terms_of_one(text: str) -> tuple[str, ...]:
    # What is compared is compared again and again.
    return tuple(dict.fromkeys(term for term in terms_of(text) if len(term) > 2))
