"""A user's documents as passages, and the port to where they are kept.

A document is a register in which the latest (event time, event hash) wins: a changed
document replaces its passages, a late one changes nothing, a repeated one changes nothing.
Its first passage is its *head*: it is written last, so a version whose head is there is
whole, and readers leave out passages of another version than their head's. A document
without text has a head and nothing to find.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Protocol
from uuid import UUID

import numpy as np

from profiles.documents.chunking import DEFAULT_CUT, Cut, cut_text
from profiles.documents.words import SparseVector, passage_words
from profiles.ids import event_hash, item_key
from profiles.ports import Vector
from profiles.state import DataType, UserState
from schemas.decoded import Document

__all__ = [
    "ALL_PASSAGES",
    "DocumentPassages",
    "Passage",
    "PassageFilter",
    "PassageStore",
    "Rankings",
    "ScoredPassage",
    "Version",
    "cutoff_ms",
    "document_passages",
    "embedded_text",
    "is_live",
    "live_versions",
    "passage_id",
    "with_vectors",
]

_LONGEST_TITLE: Final = 300


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Of a document; the greater one wins."""

    time_ms: int
    event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document.

    Attributes:
        index: Place in the document, from 0.
        start: First character of the cleaned document that it holds.
        text: Empty for the head of a document without text.
    """

    tenant: str
    user: bytes
    document_id: str
    index: int
    version: Version
    title: str
    kind: str
    about: tuple[str, ...]
    start: int
    text: str

    @property
    def id(self) -> str:
        return passage_id(self.tenant, self.user, self.document_id, self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPassages:
    """One version of a document, ready to be stored.

    Attributes:
        passages: At least the head, in order of `index`.
        words: BM25 weights, one for each passage.
        vectors: Shape (len(passages), d), finite.
        content: 16 bytes that change with anything stored and with the model.
    """

    passages: tuple[Passage, ...]
    words: tuple[SparseVector, ...]
    vectors: Vector
    content: bytes

    @property
    def head(self) -> Passage:
        return self.passages[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageFilter:
    """Which of a user's passages; each part that is given must hold.

    Attributes:
        since_ms, until_ms: Event times, both included.
        about: An item id that the document names.
    """

    kind: str | None = None
    document_id: str | None = None
    about: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


ALL_PASSAGES: Final = PassageFilter()


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """`vector` has unit length, or is zeros."""

    passage: Passage
    vector: Vector
    score: float


@dataclass(frozen=True, slots=True)
class Rankings:
    """The same question answered twice, best first: by meaning and by words."""

    dense: list[ScoredPassage] = field(default_factory=list)
    words: list[ScoredPassage] = field(default_factory=list)


class PassageStore(Protocol):
    """Passages of all users. Every question names one user, and the store filters by them."""

    async def replace(self, documents: Sequence[DocumentPassages]) -> int:
        """Store versions of documents, each unless a later one is there; how many were new.

        May be repeated, in any order and by two writers at once: the latest version of
        each document stays. One call holds a document once.

        Raises:
            ValueError: a vector is not finite.
        """
        ...

    async def forget(self, tenant: str, user: bytes, *, through_ms: int) -> None:
        """Delete a user's passages of event times up to and including `through_ms`."""
        ...

    async def prune(self, tenant: str, user: bytes, live: frozenset[tuple[int, int, int]]) -> None:
        """Delete a user's passages whose events are none of these, as of `live_versions`."""
        ...

    async def search(
        self,
        tenant: str,
        user: bytes,
        *,
        vector: Vector | None,
        words: SparseVector,
        chosen: PassageFilter = ALL_PASSAGES,
        after_ms: int | None = None,
        limit: int,
    ) -> Rankings:
        """A user's passages nearest to a vector, and those that hold a query's words.

        Word weights count this user's passages alone, so an answer depends on nobody else.

        Args:
            vector: None for no ranking by meaning.
            after_ms: Only passages of later event times: the user's `forget_before`.
        """
        ...

    async def latest(
        self, tenant: str, user: bytes, *, after_ms: int | None = None, limit: int
    ) -> list[Passage]:
        """Up to `limit` of a user's passages with text, the newest versions first."""
        ...

    async def written(self, tenant: str, user: bytes) -> list[Passage]:
        """All passages of a user's documents, heads of empty ones included.

        By event time, document and place in it.
        """
        ...

    async def sample(self, tenant: str, *, limit: int) -> list[tuple[bytes, str]]:
        """(user key, text) of a random sample of the tenant's passages: for counting words.

        What it returns is for sums over many users, never for showing.
        """
        ...

    async def count(self, *, tenant: str | None = None, user: bytes | None = None) -> int:
        """Passages stored, heads of empty documents included."""
        ...


def passage_id(tenant: str, user: bytes, document_id: str, index: int) -> str:
    """The point's id: a UUID hashed from length-prefixed parts.

    >>> passage_id("a", b"u", "bc", 0) == passage_id("ab", b"u", "c", 0)
    False
    """
    state = blake2b(digest_size=16, person=b"strata-passage")
    for part in (tenant.encode(), user, document_id.encode(), str(index).encode()):
        state.update(len(part).to_bytes(4, "little"))
        state.update(part)
    return str(UUID(bytes=state.digest()))


def document_passages(
    event: Document, user: bytes, *, cut: Cut = DEFAULT_CUT
) -> tuple[tuple[Passage, ...], bool]:
    """Passages of a document event, and whether all of its text is in them."""
    cutting = cut_text(event.text, cut)
    pieces = [(piece.start, piece.text) for piece in cutting.pieces] or [(0, "")]
    version = Version(event.occurred_at_ms, event_hash(event.event_id))
    passages = tuple(
        Passage(
            tenant=event.tenant,
            user=user,
            document_id=event.document_id,
            index=index,
            version=version,
            title=(event.title or "")[:_LONGEST_TITLE],
            kind=event.kind or "",
            about=event.about,
            start=start,
            text=text,
        )
        for index, (start, text) in enumerate(pieces)
    )
    return passages, cutting.whole


def embedded_text(passage: Passage) -> str:
    """What a passage is found by: its text under the document's title; empty without text."""
    return f"{passage.title}\n{passage.text}" if passage.title and passage.text else passage.text


def with_vectors(passages: tuple[Passage, ...], vectors: Vector, *, model: str) -> DocumentPassages:
    """A version of a document with its vectors; `model` names what made them."""
    digest = blake2b(digest_size=16, person=b"strata-document")
    head = passages[0]
    for part in (model, head.title, head.kind, *head.about, *(one.text for one in passages)):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "little"))
        digest.update(encoded)
    return DocumentPassages(
        passages=passages,
        words=tuple(passage_words(embedded_text(passage)) for passage in passages),
        vectors=np.ascontiguousarray(vectors, np.float32),
        content=digest.digest(),
    )


def live_versions(state: UserState) -> frozenset[tuple[int, int, int]]:
    """(item key of the document's id, event time, event hash) of the document entries kept."""
    rows = state.entries(DataType.DOCUMENTS)
    return frozenset(
        zip(rows["item"].tolist(), rows["time_ms"].tolist(), rows["event"].tolist(), strict=True)
    )


def is_live(passage: Passage, live: frozenset[tuple[int, int, int]]) -> bool:
    """Whether the user's state holds the event that a passage came from."""
    key = item_key(passage.tenant, passage.document_id)
    return (key, passage.version.time_ms, passage.version.event) in live


def cutoff_ms(state: UserState, *, kept: int) -> int | None:
    """Event time up to which no passage has a place any more; None if all have.

    What was forgotten (consent withdrawn, erasure), and what the latest `kept` documents
    have pushed out of the state.
    """
    forgotten = state.forget_before.get(DataType.DOCUMENTS, -1)
    rows = state.entries(DataType.DOCUMENTS)
    places = len(rows) + len(state.removed.get(DataType.DOCUMENTS, ()))
    pushed_out = int(rows["time_ms"][0]) - 1 if len(rows) and places >= kept else -1
    cutoff = max(forgotten, pushed_out)
    return cutoff if cutoff >= 0 else None
