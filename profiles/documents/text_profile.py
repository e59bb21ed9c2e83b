"""What a user writes about, in which language, and how much."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from profiles.documents.passages import Passage
from profiles.documents.words import terms_of

__all__ = [
    "NO_VOCABULARY",
    "LanguageShare",
    "TermWeight",
    "TextProfile",
    "Vocabulary",
    "text_profile",
    "vocabulary_of",
]

_PRIOR: Final = 50.0
_LEAST_Z: Final = 1.96
_LEAST_COUNT: Final = 2
_EVERYWHERE: Final = 0.005
_LEAST_LETTERS: Final = 3


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How often everybody uses words; words of too few users are counted in `total` alone."""

    counts: Mapping[str, int] = field(default_factory=dict)
    total: int = 0


NO_VOCABULARY: Final = Vocabulary()


@dataclass(frozen=True, slots=True)
class TermWeight:
    """`score` is a z-score: how surely the user uses the word more than everybody; ≥ 1.96."""

    term: str
    score: float
    count: int


@dataclass(frozen=True, slots=True)
class LanguageShare:
    """`share` of the user's letters, in (0, 1]; `code` is ISO 639-1."""

    code: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextProfile:
    """Of a user, or of some of what they wrote.

    Attributes:
        documents, passages, words: How many were looked at; all ≥ 0.
        mean_words: Per document; 0.0 without any.
        languages: Largest share first; what cannot be told is in none.
        terms: Surest first.
    """

    documents: int
    passages: int
    words: int
    mean_words: float
    languages: tuple[LanguageShare, ...]
    terms: tuple[TermWeight, ...]


def vocabulary_of(texts: Iterable[tuple[bytes, str]], *, least_users: int = 5) -> Vocabulary:
    """Count the words of (user, text) pairs.

    Args:
        least_users: A word that fewer users use is nobody's business: it is not named.
    """
    counts: Counter[str] = Counter()
    users: defaultdict[str, set[bytes]] = defaultdict(set)
    for user, text in texts:
        terms = terms_of(text)
        counts.update(terms)
        for term in set(terms):
            users[term].add(user)
    named = {term: count for term, count in counts.items() if len(users[term]) >= least_users}
    return Vocabulary(named, counts.total())


def text_profile(
    passages: Sequence[Passage],
    everybody: Vocabulary,
    *,
    language_of: Callable[[str], str | None],
    most: int = 10,
) -> TextProfile:
    """Describe what a user wrote; the order of the passages does not matter.

    Terms are ranked by log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn
    2008, "Fightin' Words", eq. 16 and 20–22), the prior being everybody's usage, worth 50
    words. Without a vocabulary nothing can be said to be particular, so there are no terms.

    Args:
        language_of: Code of a text's language; None if it cannot be told.
    """
    counts: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    for passage in passages:
        counts.update(terms_of(passage.text))
        language = language_of(passage.text)
        if language is not None:
            letters[language] += len(passage.text)
    documents = len({passage.document_id for passage in passages})
    told = sum(len(passage.text) for passage in passages)
    return TextProfile(
        documents=documents,
        passages=len(passages),
        words=counts.total(),
        mean_words=counts.total() / documents if documents else 0.0,
        languages=tuple(
            LanguageShare(code, count / told)
            for code, count in sorted(letters.items(), key=lambda one: (-one[1], one[0]))
        ),
        terms=_particular_terms(counts, everybody)[:most],
    )


def _particular_terms(counts: Counter[str], everybody: Vocabulary) -> tuple[TermWeight, ...]:
    if not everybody.total:
        return ()
    found = [
        TermWeight(term, _z_score(count, counts.total(), term, everybody), count)
        for term, count in counts.items()
        if count >= _LEAST_COUNT and _says_something(term, everybody)
    ]
    found = [one for one in found if one.score >= _LEAST_Z]
    return tuple(sorted(found, key=lambda one: (-one.score, one.term)))


def _z_score(count: int, total: int, term: str, everybody: Vocabulary) -> float:
    theirs = everybody.counts.get(term, 0)
    # Half an occurrence for a word that nobody is known to use: its prior must not be zero.
    prior = _PRIOR * (theirs + 0.5) / (everybody.total + 1.0)
    own = _log_odds(count + prior, total + _PRIOR)
    others = _log_odds(theirs + prior, everybody.total + _PRIOR)
    return (own - others) / math.sqrt(1.0 / (count + prior) + 1.0 / (theirs + prior))


def _log_odds(part: float, whole: float) -> float:
    return math.log(part / (whole - part))


def _says_something(term: str, everybody: Vocabulary) -> bool:
    """A word of at least three letters, or of two where words are pairs of letters.

    One that is half a percent of all words is grammar, or what everything here is about.
    """
    return (
        term.isalpha()
        and (len(term) >= _LEAST_LETTERS or not term.isascii())
        and everybody.counts.get(term, 0) < _EVERYWHERE * everybody.total
    )
