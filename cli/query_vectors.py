"""Vectors of queries, by a model that is loaded when the first one is asked."""

import asyncio
from collections.abc import Awaitable, Callable

from profiles.ports import Vector
from streams.embedding import Embedder

__all__ = ["QueryVectors", "already_loaded"]


def already_loaded(embedder: Embedder) -> Callable[[], Awaitable[Embedder]]:
    """The worker's own model, where worker and lookup share a process."""

    async def loaded() -> Embedder:
        return embedder

    return loaded


class QueryVectors:
    """Called with a query, answers its vector; the event loop goes on meanwhile.

    Args:
        load: Called once, by the first query; others wait for it.
    """

    def __init__(self, load: Callable[[], Awaitable[Embedder]]) -> None:
        self._load = load
        self._embedder: Embedder | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, text: str) -> Vector:
        async with self._loading:
            if self._embedder is None:
                self._embedder = await self._load()
        vectors = await asyncio.to_thread(self._embedder.embed, [text])
        vector: Vector = vectors[0]
        return vector
