"""A text cut into passages at paragraphs, sentences or words, within a budget of tokens."""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from semantic_text_splitter import TextSplitter

__all__ = ["DEFAULT_CUT", "Cut", "Cutting", "Piece", "cut_text", "estimated_tokens"]

_BLOCK: Final = 4_000
"""Characters handed to the splitter at once: it is quadratic in text without breaks (measured:
28 s for a million letters without a space)."""

_BREAK: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How texts are cut.

    Attributes:
        least_tokens, most_tokens: A passage grows sentence by sentence until it has the
            least and never beyond the most, as `estimated_tokens` counts; 1 ≤ least ≤ most.
        most_passages: Of one document, ≥ 1; what comes after is left out and counted.

    Raises:
        ValueError: out of these ranges.
    """

    least_tokens: int = 120
    most_tokens: int = 180
    most_passages: int = 256

    def __post_init__(self) -> None:
        if not 1 <= self.least_tokens <= self.most_tokens or self.most_passages < 1:
            raise ValueError("1 <= least_tokens <= most_tokens and 1 <= most_passages must hold")


DEFAULT_CUT: Final = Cut()


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage's text, and the character of the cleaned document at which it begins."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Cutting:
    """Pieces in order; `whole` is False if some of the text was left out."""

    pieces: tuple[Piece, ...]
    whole: bool


def estimated_tokens(text: str) -> int:
    """Tokens of a text, about: a quarter per ASCII character, a third per byte of others.

    Close to what WordPiece and byte-pair vocabularies make of prose, and the same in every
    process whatever model is installed.

    >>> estimated_tokens("four words of English"), estimated_tokens("日本酒")
    (6, 3)
    """
    plain = len(text.encode("ascii", "ignore"))
    return math.ceil(plain / 4 + (len(text.encode()) - plain) / 3)


def cut_text(text: str, cut: Cut = DEFAULT_CUT) -> Cutting:
    """Cut a text; no piece is empty, and each has at most `cut.most_tokens`.

    Control characters other than line breaks and tabs are dropped first: they are no text,
    and would come out again in front of a model.
    """
    clean = "".join(
        letter
        for letter in text.replace("\r\n", "\n")
        if letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cs", "Cn", "Co"}
    )
    splitter = TextSplitter.from_callback(estimated_tokens, (cut.least_tokens, cut.most_tokens))
    pieces: list[Piece] = []
    for offset, block in _blocks(clean):
        for start, piece in splitter.chunk_indices(block):
            if len(pieces) == cut.most_passages:
                return Cutting(tuple(pieces), whole=False)
            pieces.append(Piece(offset + start, piece))
    return Cutting(tuple(pieces), whole=True)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Consecutive blocks that end at a paragraph, a line or a word where there is one."""
    start = 0
    while start < len(text):
        end = min(start + _BLOCK, len(text))
        if end < len(text):
            half = start + _BLOCK // 2
            for mark in ("\n\n", "\n"):
                at = text.rfind(mark, half, end)
                if at >= 0:
                    end = at + len(mark)
                    break
            else:
                spaces = list(_BREAK.finditer(text, half, end))
                end = spaces[-1].end() if spaces else end
        yield start, text[start:end]
        start = end
