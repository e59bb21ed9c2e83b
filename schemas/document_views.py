"""What the read side answers from documents: retrieved passages and contexts for a model.

As in `schemas.views`: times are RFC 3339 in UTC, `null` means absent.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from schemas.views import AbsenceView, Layer

__all__ = [
    "ContextLineView",
    "ContextView",
    "FoundItemView",
    "LanguageView",
    "RetrievalView",
    "RetrievedPassageView",
    "TermView",
    "WritingView",
]

_Instant: TypeAlias = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_Count: TypeAlias = Annotated[int, Field(ge=0)]
_Rank: TypeAlias = Annotated[int, Field(ge=1)]
_Fraction: TypeAlias = Annotated[FiniteFloat, Field(ge=0.0, le=1.0)]


class _View(BaseModel):
    # As in `schemas.views`: unknown fields are let through for older readers.
    model_config = ConfigDict(frozen=True)


class RetrievedPassageView(_View):
    """A piece of one of the user's own documents, and how it was found.

    Attributes:
        at: Event time of the document's version.
        passage: Place in the document, from 0.
        start: First character of it in the document without its control characters.
        score: Fused rank, decayed with age; 1 for the first of both rankings.
        by_meaning, by_words: Rank in each ranking, from 1; null where it is not in it.
    """

    document_id: str
    title: str | None
    kind: str | None
    about: tuple[str, ...]
    at: _Instant
    passage: _Count
    start: _Count
    text: str
    score: _Fraction
    by_meaning: _Rank | None
    by_words: _Rank | None
    level: Layer


class FoundItemView(_View):
    """An item whose description answers the query; `level` put it forward for this user."""

    item_id: str
    title: str | None
    text: str
    score: Annotated[FiniteFloat, Field(gt=0.0)]
    level: Layer


class RetrievalView(_View):
    """What a user wrote that answers a query; else items, and why.

    Attributes:
        known: False if no event of this user was ever folded.
        level: `user` for passages, which are the user's own and nobody else's; else the layer
            that most of the items come from; null if nothing was found.
        searched: "meaning" and "words", or what of them could be.
        passages: In the order in which they were chosen.
        items: Only without passages; never anything that anybody wrote or did.
        fallback: What is offered in place of passages: "items", or "nothing" where none answers
            either; null where there are passages.
        absent: Why there are no passages.
        withheld: Kinds of data that the data policy keeps from language models.
    """

    tenant: str
    user_id: str
    known: bool
    level: Layer | None
    searched: tuple[str, ...]
    passages: tuple[RetrievedPassageView, ...]
    items: tuple[FoundItemView, ...]
    absent: AbsenceView | None
    withheld: tuple[str, ...] = ()
    fallback: Literal["items", "nothing"] | None = None


class TermView(_View):
    """A word that the user uses more than everybody; `score` is a z-score."""

    term: str
    score: FiniteFloat
    count: _Count


class LanguageView(_View):
    """`code` is ISO 639-1; `share` is of the letters looked at."""

    code: str
    share: _Fraction


class WritingView(_View):
    """What a user writes about, in which language, and how much, of their newest passages."""

    documents: _Count
    passages: _Count
    words: _Count
    mean_words: Annotated[FiniteFloat, Field(ge=0.0)]
    languages: tuple[LanguageView, ...]
    terms: tuple[TermView, ...]


class ContextLineView(_View):
    """One line of a context.

    Attributes:
        section: "stated", "inferred", "norms", "persona", "interests" or "passages".
        texts: As they stand in the context, quoted.
        source: Where it comes from; `source_id`, quoted, says which one.
    """

    section: str
    level: Layer
    says: str
    texts: str
    source: str
    source_id: str | None
    at: _Instant | None


class ContextView(_View):
    """A block of text about a user for a language model.

    Attributes:
        text: Empty if the budget has no room for anything.
        level: What the profile behind it rests on.
        tokens: Of `text`, as `tokenizer` counts; at most `token_budget`.
        left_out: Lines for which there was no room.
        withheld: Kinds of data that the data policy keeps from language models.
    """

    tenant: str
    user_id: str
    known: bool
    level: Layer
    template: str
    tokenizer: str
    token_budget: _Count
    tokens: _Count
    text: str
    lines: tuple[ContextLineView, ...]
    left_out: _Count
    writing: WritingView | None
    stale: bool
    stale_because: tuple[str, ...]
    withheld: tuple[str, ...] = ()
