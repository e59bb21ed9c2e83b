"""A writer without a model: it copies the sentence that says most in the way of the examples.

Candidates are the sentences of the input, and for a reason what the examples said: people give
the same reasons again, but no title twice. Each is valued by

* *content*: how frequent its words are in the input, on average (SumBasic; Nenkova & Vanderwende
  2005, "The impact of frequency on summarization"), and how early it stands;
* *manner*: how much it is like what the examples said: the mean F1 of shared words (choosing what
  agrees most with a set is minimum Bayes risk; Kumar & Byrne 2004), and whether it asks, if they
  do.

The best one is cut to the examples' median length. Without examples manner is nothing and the
length is a constant. Equal briefs give equal texts.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import median
from typing import Final

from evaluation.generation.contexts import Brief
from evaluation.generation.task import Kind
from profiles.documents.words import terms_of

__all__ = ["ExtractiveWriter"]

_SENTENCE: Final = re.compile(r"(?<=[.!?。！？])\s+|\n+")  # noqa: RUF001 - full stops of other scripts
_MOST_SENTENCES: Final = 40
_USUAL_WORDS: Final[Mapping[Kind, int]] = {Kind.TITLE: 10, Kind.REASON: 12}
_SHORTEST: Final = 3


# Chosen on other users than those measured (docs/generation.md).
_LEAD: Final = 0.25
_QUESTION: Final = 0.5
_CONSENSUS: Final[Mapping[Kind, float]] = {Kind.TITLE: 1.0, Kind.REASON: 8.0}


class ExtractiveWriter:
    """Needs no model."""

    name: Final = "extractive"

    def write(self, briefs: Sequence[Brief]) -> list[str]:
        """One text for each brief."""
        return [self._write(brief) for brief in briefs]

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, brief: Brief) -> str:
        said = [one.output for one in brief.told]
        counted = [_counted(text) for text in said]
        length = (
            round(median(len(text.split()) for text in said)) if said else _USUAL_WORDS[brief.kind]
        )
        asks = sum(text.endswith("?") for text in said) / len(said) if said else 0.0
        frequency: Counter[str] = Counter()
        for text in brief.inputs:
            frequency.update(_content(_counted(text)))
        most = max(frequency.values(), default=1)

        def value(text: str, lead: float) -> float:
            terms = _counted(text)
            content = _content(terms)
            share = sum(frequency[term] * count for term, count in content.items())
            worth = share / max(1, content.total()) / most + _LEAD * lead
            if said:
                agreement = sum(_f1(terms, other) for other in counted) / len(counted)
                worth += _CONSENSUS[brief.kind] * agreement
                worth += _QUESTION * (asks if text.endswith("?") else 1.0 - asks)
            return worth

        candidates = _candidates(brief, said)
        best = max(candidates, key=lambda one: value(*one), default=("", 0.0))[0]
        return " ".join(best.split()[: max(_SHORTEST, length)])


def _candidates(brief: Brief, said: Sequence[str]) -> list[tuple[str, float]]:
    """Each text that may be copied, and how much it leads: 1 for a first sentence, towards 0."""
    found: dict[str, float] = {}
    for text in brief.inputs:
        sentences = [part.strip() for part in _SENTENCE.split(text) if part.strip()]
        for place, sentence in enumerate(sentences[:_MOST_SENTENCES]):
            found.setdefault(sentence, 1.0 / (1.0 + place))
    if brief.kind is Kind.REASON:
        for text in said:
            found.setdefault(" ".join(text.split()), 0.0)
    return list(found.items())


@lru_cache(maxsize=1 << 15)
def _counted(text: str) -> Counter[str]:
    """Read only: it is shared."""
    return Counter(terms_of(text))


def _content(terms: Counter[str]) -> Counter[str]:
    return Counter({term: count for term, count in terms.items() if len(term) > 3})


def _f1(a: Counter[str], b: Counter[str]) -> float:
    common = sum(min(count, b[term]) for term, count in a.items() if term in b)
    return 2.0 * common / (a.total() + b.total()) if common else 0.0
