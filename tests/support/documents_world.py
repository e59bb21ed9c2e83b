"""Documents and passages for tests, and stores to keep them in."""

from collections.abc import Sequence

import numpy as np

from profiles.documents.chunking import Cut
from profiles.documents.passages import DocumentPassages, document_passages, with_vectors
from profiles.ids import user_key
from profiles.ports import Vector
from schemas.decoded import Document

__all__ = ["NOON_MS", "document", "passages_of", "unit"]

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
    identity = event_id or f"{user_id}/{document_id}/{at_ms}"
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
