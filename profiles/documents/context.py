"""What is told a language model about a user: lines in order of trust, within a budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from profiles.documents.quoting import quoted
from schemas.views import Layer

__all__ = [
    "Context",
    "ContextLine",
    "Renderer",
    "Section",
    "TokenCounter",
    "UpperBound",
    "fit",
]


class TokenCounter(Protocol):
    """Counts as a model's tokenizer does. Deterministic."""

    @property
    def name(self) -> str: ...

    def count(self, text: str) -> int:
        """Tokens of a text, ≥ 0, without those that a chat format adds."""
        ...


class UpperBound:
    """Bytes of UTF-8: no byte-level tokenizer makes more tokens than that of a text."""

    name: Final = "bytes"

    def count(self, text: str) -> int:
        return len(text.encode())


class Section(StrEnum):
    """Parts of a context, in the order in which they are told and given room."""

    STATED = "stated"
    INFERRED = "inferred"
    NORMS = "norms"
    PERSONA = "persona"
    INTERESTS = "interests"
    PASSAGES = "passages"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextLine:
    """One thing that is told.

    `says` and `source` are words of this program, never text of others; all else is made
    harmless and quoted before it is shown.

    Attributes:
        says: What the texts are, e.g. "country".
        texts: At least one.
        source: Where it comes from, e.g. "document".
        source_id: Which one; None if there is nothing to name.
        at: RFC 3339; None if no moment belongs to it.
    """

    section: Section
    level: Layer
    says: str
    texts: tuple[str, ...]
    source: str
    source_id: str | None = None
    at: str | None = None

    @property
    def quotes(self) -> str:
        """The texts, quoted, on one line."""
        return ", ".join(quoted(text) for text in self.texts)

    @property
    def provenance(self) -> str:
        """Level, source and day, on one line."""
        named = "" if self.source_id is None else f" {quoted(self.source_id, most=200)}"
        day = "" if self.at is None else f"; {self.at[:10]}"
        return f"{self.level}; {self.source}{named}{day}"


@dataclass(frozen=True, slots=True)
class Context:
    """A block of text and what is in it.

    Attributes:
        tokens: Of `text`, at most the budget.
        lines: Those in the text, in order.
        left_out: Lines for which there was no room.
    """

    text: str
    tokens: int
    lines: tuple[ContextLine, ...]
    left_out: int


Renderer = Callable[[Sequence[ContextLine]], str]


def fit(
    lines: Sequence[ContextLine], *, budget: int, render: Renderer, counter: TokenCounter
) -> Context:
    """As many lines as the budget has room for, the first sections first.

    A line for which there is no room is passed over, and a shorter one after it may still fit.
    The whole text is counted each time, because tokens of parts do not add up. If the budget
    has no room for the text without lines, there is no text.

    Args:
        budget: Tokens, ≥ 0.
    """
    order = list(Section)
    waiting = sorted(lines, key=lambda line: order.index(line.section))
    text = render([])
    tokens = counter.count(text)
    if tokens > budget:
        return Context("", 0, (), len(waiting))
    kept: list[ContextLine] = []
    for line in waiting:
        longer = render([*kept, line])
        needed = counter.count(longer)
        if needed <= budget:
            kept.append(line)
            text, tokens = longer, needed
    if not kept:
        # A frame around nothing tells nothing.
        return Context("", 0, (), len(waiting))
    return Context(text, tokens, tuple(kept), len(waiting) - len(kept))
