"""Words of a text in any script, and their BM25 weights as sparse vectors.

Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond".
A passage's vector holds the part of the score that depends on it alone,
``tf · (k₁ + 1) / (tf + k₁ · (1 − b + b · length / mean length))``; a query's holds how
often it names each word. The store multiplies by the inverse document frequency,
``ln(1 + (n − df + ½) / (df + ½))``, over the passages of the asking user alone: what one
user finds does not depend on what others wrote.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

__all__ = [
    "MEAN_TERMS",
    "SparseVector",
    "bm25_scores",
    "inverse_document_frequency",
    "passage_words",
    "query_words",
    "terms_of",
]

MEAN_TERMS: Final = 60.0
"""Mean length of a passage in words, taken as known (measured: 56): a running one would
move with every event."""

_K1: Final = 1.2
_B: Final = 0.75
_LONGEST_TERM: Final = 64
_MOST_QUERY_TERMS: Final = 64

# `\w` leaves out combining marks, which would cut the words of many scripts in two.
_MARKS: Final = "".join(
    chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code)).startswith("M")
)
_TERM: Final = re.compile(f"[\\w{_MARKS}]+")
# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]+"
)


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights by index: indices ascend without repetition in [0, 2**32), weights are finite.

    Raises:
        ValueError: they do not, or their numbers differ.
    """

    indices: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.indices) != len(self.values):
            raise ValueError("a sparse vector has as many indices as values")
        if any(not 0 <= index < 2**32 for index in self.indices) or any(
            later <= earlier for earlier, later in zip(self.indices, self.indices[1:], strict=False)
        ):
            raise ValueError("indices of a sparse vector ascend in [0, 2**32)")
        if not all(map(math.isfinite, self.values)):
            raise ValueError("a sparse vector is not finite")


def terms_of(text: str) -> list[str]:
    """Words in order, case folded and compatibility forms unified.

    Where a script has no spaces, pairs of letters stand for words, as in Lucene's CJK analyser.

    >>> terms_of("Ein STOUT, naïve!")
    ['ein', 'stout', 'naïve']
    >>> terms_of("日本酒 2020")
    ['日本', '本酒', '2020']
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    terms: list[str] = []
    for found in _TERM.findall(folded):
        start = 0
        for run in _UNSPACED.finditer(found):
            if run.start() > start:
                terms.append(found[start : run.start()][:_LONGEST_TERM])
            terms += _pairs(run.group())
            start = run.end()
        if start < len(found):
            terms.append(found[start:][:_LONGEST_TERM])
    return terms


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[at : at + 2] for at in range(len(run) - 1)]


@lru_cache(maxsize=1 << 16)
def _index(term: str) -> int:
    """Two of a query's words and a user's vocabulary of 10 000 meet with a probability of 5e-6."""
    return int.from_bytes(blake2b(term.encode(), digest_size=4).digest(), "little")


def _vector(weights: Iterable[tuple[str, float]]) -> SparseVector:
    by_index: dict[int, float] = {}
    for term, weight in weights:
        index = _index(term)
        by_index[index] = by_index.get(index, 0.0) + weight
    indices = tuple(sorted(by_index))
    return SparseVector(indices, tuple(by_index[index] for index in indices))


def passage_words(text: str) -> SparseVector:
    """A passage's part of the BM25 score of each of its words; each weight is in (0, k₁ + 1)."""
    counts = Counter(terms_of(text))
    norm = _K1 * (1.0 - _B + _B * counts.total() / MEAN_TERMS)
    return _vector((term, tf * (_K1 + 1.0) / (tf + norm)) for term, tf in counts.items())


def query_words(text: str) -> SparseVector:
    """How often a query names each word; its first 64 different ones."""
    counts = Counter(terms_of(text))
    return _vector((term, float(tf)) for term, tf in list(counts.items())[:_MOST_QUERY_TERMS])


def inverse_document_frequency(documents: int, containing: int) -> float:
    """Weight of a word that `containing` of `documents` hold; > 0.

    >>> round(inverse_document_frequency(2, 1), 4)
    0.6931
    """
    return math.log(1.0 + (documents - containing + 0.5) / (containing + 0.5))


def bm25_scores(query: SparseVector, texts: Sequence[str]) -> list[float]:
    """BM25 of each text among these texts, ≥ 0: 0 where no word is common."""
    vectors = [passage_words(text) for text in texts]
    held = [dict(zip(one.indices, one.values, strict=True)) for one in vectors]
    weights = {
        index: weight
        * inverse_document_frequency(len(texts), sum(index in words for words in held))
        for index, weight in zip(query.indices, query.values, strict=True)
    }
    return [
        sum(weights[index] * words[index] for index in weights.keys() & words.keys())
        for words in held
    ]
