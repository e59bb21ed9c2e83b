"""Records for the store contract, and a way to put another writer between two steps."""

from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from msgspec.structs import replace

from profiles.documents.words import SparseVector
from profiles.ids import item_key
from profiles.ports import ItemRecord, Token, UserRecord, Vector
from stores.points import Hit, Payload, Point, PointId, Points, Stored, Where

__all__ = ["AWKWARD_IDS", "Interleaved", "described", "touched", "vector"]

AWKWARD_IDS = [
    "a:b",
    "{live:p3}",
    "}{",
    "*",
    "nul\0nul",
    "a\nb",
    "..",
    "ü" * 250,
    "😀" * 125,
    "-1",
    '"quoted\\"',
]
"""Up to 500 bytes of UTF-8, with what Redis, JSON, URLs and globs treat specially."""


def vector(*numbers: float) -> Vector:
    return np.array(numbers, np.float32)


def touched(
    record: UserRecord,
    *,
    token: int,
    state: bytes = b"state",
    direction: Vector | None = None,
    mass: float = 1.0,
    waiting: bool = False,
) -> UserRecord:
    """The record after one more event."""
    return replace(
        record,
        token=Token(token),
        version=record.version + 1,
        state=state,
        outbox=b"outbox of " + state,
        vector=vector(0.6, 0.8, 0.0, 0.0) if direction is None else direction,
        persona="readers of verse",
        waiting=waiting,
        mass=mass,
    )


def described(
    tenant: str,
    item_id: str,
    numbers: Vector,
    *,
    retired: bool = False,
) -> ItemRecord:
    return ItemRecord(
        key=item_key(tenant, item_id),
        tenant=tenant,
        item_id=item_id,
        title=f"Title of {item_id}",
        text="What it is about",
        attributes=b'{"year":1851}',
        described_ms=1_700_000_000_000,
        event_hash=2**32 - 1,
        content_hash=bytes(range(16)),
        revision=1,
        retired=retired,
        vector=numbers,
    )


class Interleaved(Points):
    """Points where `intrude` runs once, just before the `step`-th call (from 0)."""

    def __init__(
        self, points: Points, *, step: int, intrude: Callable[[], Awaitable[None]]
    ) -> None:
        self._points = points
        self._left = step
        self._intrude = intrude
        self.intruded = False

    @property
    def dimension(self) -> int:
        return self._points.dimension

    async def _step(self) -> None:
        if self._left == 0 and not self.intruded:
            self.intruded = True
            await self._intrude()
        self._left -= 1

    async def upsert(self, points: Sequence[Point]) -> None:
        await self._step()
        await self._points.upsert(points)

    async def insert_only(self, points: Sequence[Point]) -> None:
        await self._step()
        await self._points.insert_only(points)

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        await self._step()
        await self._points.update_if(points, condition)

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        await self._step()
        await self._points.set_payload_if(ids, payload, condition, under=under)

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        await self._step()
        return await self._points.retrieve(ids, vectors=vectors, fields=fields)

    async def scroll(
        self,
        where: Where,
        *,
        start: PointId | None,
        limit: int,
        vectors: bool,
        fields: tuple[str, ...] | None = None,
    ) -> tuple[list[Stored], PointId | None]:
        await self._step()
        return await self._points.scroll(
            where, start=start, limit=limit, vectors=vectors, fields=fields
        )

    async def search(
        self, vector: Vector, *, where: Where, limit: int, bare: bool = False
    ) -> list[Hit]:
        await self._step()
        return await self._points.search(vector, where=where, limit=limit, bare=bare)

    async def search_words(
        self, words: SparseVector, *, where: Where, corpus: Where, limit: int
    ) -> list[Hit]:
        await self._step()
        return await self._points.search_words(words, where=where, corpus=corpus, limit=limit)

    async def count(self, where: Where) -> int:
        await self._step()
        return await self._points.count(where)

    async def delete(self, where: Where) -> None:
        await self._step()
        await self._points.delete(where)

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        await self._step()
        await self._points.delete_if(ids, condition)

    async def rewrite(self) -> None:
        await self._points.rewrite()

    async def flush(self) -> None:
        await self._points.flush()

    async def close(self) -> None:
        await self._points.close()
