"""Documents and passages for tests, and stores to keep them in."""

from collections.abc import Sequence

import numpy as np

from lookup.contexts import Contexts
from lookup.queries import Lookup
from lookup.retrieval import Retrieval
from lookup.routes_documents import Documents
from lookup.templates import Templates
from profiles.documents.chunking import Cut
from profiles.documents.context import TokenCounter, UpperBound
from profiles.documents.passages import (
    DocumentPassages,
    PassageStore,
    document_passages,
    with_vectors,
)
from profiles.ids import user_key
from profiles.norms import NO_NORMS, Norms
from profiles.ports import ItemStore, UserStore, Vector
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from schemas.decoded import Document
from streams.embedding import HashingEmbedder

__all__ = ["NOON_MS", "document", "documents_over", "passages_of", "unit"]

NOON_MS = 1_700_000_000_000


def document(
    user_id: str,
    document_id: str,
    text: str,
    *,
    tenant: str = "t",
    at_ms: int = NOON_MS,
    event_id: str | None = None,
    title: str | None = None,
    kind: str | None = None,
    about: tuple[str, ...] = (),
) -> Document:
    identity = event_id or f"{user_id}/{document_id}/{at_ms}/{text}/{kind}/{about}"
    return Document(tenant, identity, at_ms, user_id, document_id, text, title, kind, about)


def unit(*numbers: float) -> Vector:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def passages_of(
    event: Document,
    vectors: Sequence[Vector] = (),
    *,
    cut: Cut | None = None,
    model: str = "test",
    dimension: int = 4,
) -> DocumentPassages:
    """A version of a document; without vectors all of them point the same way."""
    user = user_key(event.tenant, event.user_id)
    passages, _ = document_passages(event, user, cut=cut or Cut())
    rows = list(vectors) or [np.eye(1, dimension, dtype=np.float32)[0]] * len(passages)
    return with_vectors(passages, np.array(rows, np.float32), model=model)


def documents_over(
    lookup: Lookup,
    *,
    users: UserStore,
    items: ItemStore,
    passages: PassageStore,
    embedder: HashingEmbedder | None = None,
    norms: Norms = NO_NORMS,
    counter: TokenCounter | None = None,
    templates: Templates | None = None,
    data_policy: DataPolicy = ANYTHING_GOES,
) -> Documents:
    """What the routes ask, composed as the service composes it; without a model, by words."""

    async def embed(text: str) -> Vector:
        assert embedder is not None
        vector: Vector = embedder.embed([text])[0]
        return vector

    retrieval = Retrieval(
        lookup=lookup,
        users=users,
        items=items,
        passages=passages,
        embed=None if embedder is None else embed,
        data_policy=data_policy,
    )
    contexts = Contexts(
        lookup=lookup,
        retrieval=retrieval,
        counter=counter or UpperBound(),
        templates=templates or Templates(),
        norms=norms,
        data_policy=data_policy,
    )
    return Documents(retrieval=retrieval, contexts=contexts)
