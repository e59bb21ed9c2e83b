"""How near a text is to what the user really wrote; by kept libraries.

* `rouge1`, `rougeL`: F-measures of shared words, and of the longest common subsequence of words
  (Lin 2004, "ROUGE: A package for automatic evaluation of summaries"; `rouge-score`, no stemming).
  They read letters a to z and digits: a text in another script has none, and scores 0.
* `chrf`: F-measure of runs of letters, in any script (Popović 2015, "chrF"; `sacrebleu`).
* `similarity`: cosine of sentence vectors of the project's text model, in [-1, 1].
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.chrf import CHRF

from streams.embedding import Embedder

__all__ = ["METRICS", "Similarity", "overlap"]

METRICS: Final = ("rouge1", "rougeL", "chrf", "similarity")
_rouge = RougeScorer(["rouge1", "rougeL"], use_stemmer=False)
_chrf = CHRF()


@lru_cache(maxsize=1 << 16)
def overlap(written: str, reference: str) -> Mapping[str, float]:
    """ROUGE-1, ROUGE-L and chrF of a text, each in [0, 1].

    >>> overlap("the same", "the same") == {"rouge1": 1.0, "rougeL": 1.0, "chrf": 1.0}
    True
    """
    rouge = _rouge.score(reference, written)
    chrf = _chrf.sentence_score(written, [reference]).score / 100.0
    return {
        "rouge1": float(rouge["rouge1"].fmeasure),
        "rougeL": float(rouge["rougeL"].fmeasure),
        "chrf": min(1.0, float(chrf)),
    }


class Similarity:
    """Cosines of sentence vectors; each different text is embedded once."""

    def __init__(self, embedder: Embedder, texts: Iterable[str]) -> None:
        distinct = [text for text in dict.fromkeys(texts) if text]
        self._row_of = {text: row for row, text in enumerate(distinct)}
        # Of like lengths together: a batch is as long as its longest.
        order = sorted(range(len(distinct)), key=lambda row: len(distinct[row]))
        self._vectors = np.zeros((len(distinct), embedder.dimension), np.float32)
        if distinct:
            self._vectors[order] = embedder.embed([distinct[row] for row in order])

    def of(self, written: str, reference: str) -> float:
        """Cosine, in [-1, 1]; 0 for an empty text."""
        a, b = self._row_of.get(written), self._row_of.get(reference)
        if a is None or b is None:
            return 0.0
        return float(np.clip(self._vectors[a] @ self._vectors[b], -1.0, 1.0))
