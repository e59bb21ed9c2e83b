"""Inserts that wait in memory until somebody replaces what they inserted.

A user is claimed before the first write, and a claim inserts a stub: without this, a new user would
be indexed twice, and claims would wait behind the writes of others.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from profiles.documents.words import SparseVector
from profiles.ports import Vector
from stores.errors import StoreMismatch
from stores.points import (
    Above,
    AtMost,
    Equals,
    Hit,
    Payload,
    Point,
    PointId,
    Points,
    Stored,
    Where,
    finished,
)
from stores.pointwise import meets, patched, shown

__all__ = ["DeferredInserts"]

_HELD: Final = 50_000
"""Points in memory, of some 800 bytes; of more, those that came first are stored."""
_KNOWN_ABSENT: Final = 50_000


@dataclass(frozen=True, slots=True)
class _Landing:
    """A write under way that may create points, or delete what a write that failed has left.

    Attributes:
        before: Those of them that were in memory, by id.
    """

    task: asyncio.Task[None]
    before: dict[PointId, Point]


class DeferredInserts(Points):
    """The same points, for the only one who writes to them.

    What `insert_only` inserts stays in memory until it is replaced or somebody looks for points
    like it, and every method sees it as if it were stored. What was only inserted is lost with the
    process, `flush` or not: so it must mean nothing to whoever comes next, as a claim does whose
    owner has died.

    What is known to be absent makes that possible without asking: it was looked for, and nobody
    has created it since.

    What is in memory is what holds: it is stored by `upsert`, over whatever a write that failed may
    have left, and is in memory again if that fails. What such a write left all the same is found by
    searches and scans until it is written again.

    Args:
        held: How many are kept in memory.
    """

    def __init__(self, inner: Points, *, held: int = _HELD) -> None:
        self._inner = inner
        self._limit = held
        self._held: dict[PointId, Point] = {}
        # Of all that was ever in memory.
        self._fields: set[str] = set()
        self._absent: set[PointId] = set()
        self._landing: dict[PointId, _Landing] = {}
        # For each read under way, what has been created since it began.
        self._reading: list[set[PointId]] = []

    @property
    def dimension(self) -> int:
        return self._inner.dimension

    async def upsert(self, points: Sequence[Point]) -> None:
        await self._settled(point.id for point in points)
        self._require_dimension(points)
        before = self._taken(point.id for point in points)
        await self._land(self._inner.upsert(points), [point.id for point in points], before)

    async def insert_only(self, points: Sequence[Point]) -> None:
        await self._settled(point.id for point in points)
        self._require_dimension(points)
        unknown: list[Point] = []
        for point in points:
            if point.id in self._held:
                continue
            if point.id in self._absent:
                self._absent.remove(point.id)
                self._held[point.id] = point
                self._fields |= point.payload.keys()
            else:
                unknown.append(point)
        if unknown:
            await self._land(self._inner.insert_only(unknown), [point.id for point in unknown], {})
        if len(self._held) > self._limit:
            await self._store([*islice(self._held, len(self._held) - self._limit // 2)])

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        await self._settled(point.id for point in points)
        self._require_dimension(points)
        first: list[Point] = []
        others: list[Point] = []
        for point in points:
            held = self._held.get(point.id)
            if held is None:
                others.append(point)
            elif meets(held, condition):
                first.append(point)
        calls: list[Awaitable[None]] = []
        if first:
            ids = [point.id for point in first]
            calls.append(self._land(self._inner.upsert(first), ids, self._taken(ids)))
        if others:
            calls.append(self._inner.update_if(others, condition))
        await finished(calls)

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        await self._settled(ids)
        others: list[PointId] = []
        for point_id in ids:
            held = self._held.get(point_id)
            if held is None:
                others.append(point_id)
            elif meets(held, condition):
                self._held[point_id] = changed = patched(held, payload, under=under)
                self._fields |= changed.payload.keys()
        if others:
            await self._inner.set_payload_if(others, payload, condition, under=under)

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        await self._settled(ids)
        found: dict[PointId, Stored | None] = {
            point_id: shown(held, vectors=vectors, fields=fields)
            for point_id in ids
            if (held := self._held.get(point_id)) is not None
        }
        asked = [point_id for point_id in ids if point_id not in found]
        if asked:
            created: set[PointId] = set()
            self._reading.append(created)
            try:
                stored = await self._inner.retrieve(asked, vectors=vectors, fields=fields)
            finally:
                self._reading = [other for other in self._reading if other is not created]
            found |= zip(asked, stored, strict=True)
            absent = {point_id for point_id in asked if found[point_id] is None}
            absent -= created | self._held.keys()
            if len(self._absent) + len(absent) > _KNOWN_ABSENT:
                self._absent.clear()
            self._absent |= absent
        return [found[point_id] for point_id in ids]

    async def scroll(
        self,
        where: Where,
        *,
        start: PointId | None,
        limit: int,
        vectors: bool,
        fields: tuple[str, ...] | None = None,
    ) -> tuple[list[Stored], PointId | None]:
        await self._stored(where)
        return await self._inner.scroll(
            where, start=start, limit=limit, vectors=vectors, fields=fields
        )

    async def search(
        self, vector: Vector, *, where: Where, limit: int, bare: bool = False
    ) -> list[Hit]:
        await self._stored(where)
        return await self._inner.search(vector, where=where, limit=limit, bare=bare)

    async def search_words(
        self, words: SparseVector, *, where: Where, corpus: Where, limit: int
    ) -> list[Hit]:
        await self._stored(corpus)
        await self._stored(where)
        return await self._inner.search_words(words, where=where, corpus=corpus, limit=limit)

    async def count(self, where: Where) -> int:
        await self._stored(where)
        return await self._inner.count(where)

    async def delete(self, where: Where) -> None:
        await self._stored(where)
        await self._inner.delete(where)

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        await self._settled(ids)
        others: list[PointId] = []
        gone: list[PointId] = []
        for point_id in ids:
            held = self._held.get(point_id)
            if held is None:
                others.append(point_id)
            elif meets(held, condition):
                gone.append(point_id)
        calls: list[Awaitable[None]] = []
        if gone:
            # A write that failed may have left something.
            calls.append(self._land(self._inner.delete_if(gone, ()), gone, self._taken(gone)))
        if others:
            calls.append(self._inner.delete_if(others, condition))
        await finished(calls)

    async def rewrite(self) -> None:
        await self._settled([*self._landing])
        await self._inner.rewrite()

    async def flush(self) -> None:
        """As of the inner points: what was only inserted is not stored by it."""
        await self._inner.flush()

    async def close(self) -> None:
        """Once what is under way has ended; what was only inserted is forgotten."""
        await self._settled([*self._landing])
        await self._inner.close()

    def _require_dimension(self, points: Iterable[Point]) -> None:
        # Before any of them leaves memory, or goes there.
        for point in points:
            if point.vector.shape != (self.dimension,):
                raise StoreMismatch(f"vectors have {self.dimension} d, not {point.vector.shape}")

    def _taken(self, ids: Iterable[PointId]) -> dict[PointId, Point]:
        """Take these out of memory, as far as they are there."""
        return {
            point_id: held
            for point_id in ids
            if (held := self._held.pop(point_id, None)) is not None
        }

    def _land(
        self, write: Awaitable[None], ids: Sequence[PointId], before: dict[PointId, Point]
    ) -> Awaitable[None]:
        """Begin it; who asks for these ids waits for its end, even if its caller does not."""
        landing = _Landing(asyncio.ensure_future(_done(write)), before)
        for created in self._reading:
            created.update(ids)
        self._absent.difference_update(ids)
        self._landing.update(dict.fromkeys(ids, landing))

        def landed(task: asyncio.Task[None]) -> None:
            for point_id in ids:
                del self._landing[point_id]
            if task.cancelled() or task.exception() is not None:
                self._held |= before

        landing.task.add_done_callback(landed)
        return asyncio.shield(landing.task)

    async def _settled(self, ids: Iterable[PointId]) -> None:
        """Wait until no write is under way that may create one of these."""
        if not self._landing:
            return
        asked = [*ids]
        while tasks := {
            landing.task
            for point_id in asked
            if (landing := self._landing.get(point_id)) is not None
        }:
            await asyncio.wait(tasks)

    async def _stored(self, where: Where) -> None:
        """Have everything stored that was there in memory and meets this."""
        if any(
            isinstance(term, Equals | AtMost | Above) and term.field not in self._fields
            for term in where
        ):
            # Nothing in memory can: of thousands there, none is looked at.
            return
        # Of a write that failed they are in memory again, until the next one takes them out of it.
        while tasks := {
            landing.task
            for point_id, landing in self._landing.items()
            if (before := landing.before.get(point_id)) is not None and meets(before, where)
        }:
            await asyncio.wait(tasks)
        await self._store([point.id for point in self._held.values() if meets(point, where)])

    async def _store(self, ids: Sequence[PointId]) -> None:
        if ids:
            before = self._taken(ids)
            await self._land(self._inner.upsert([*before.values()]), ids, before)


async def _done(write: Awaitable[None]) -> None:
    await write
