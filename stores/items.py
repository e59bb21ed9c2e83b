"""Items as points: id = the 64-bit key, dot product over vectors of any length."""

from collections.abc import AsyncIterator, Iterable, Sequence

import msgspec
import numpy as np

from profiles.ids import item_key
from profiles.ports import ItemRecord, ItemStore, ScoredItem, Vector
from stores.points import (
    Above,
    Collection,
    Equals,
    Except,
    Index,
    Point,
    PointId,
    Points,
    Stored,
    Where,
    require_finite,
    vector_of,
)

__all__ = ["PointItemStore", "item_collection"]


def item_collection(dimension: int) -> Collection:
    return Collection(
        name="items",
        dimension=dimension,
        indexes={"tenant": Index.TENANT, "revision": Index.INTEGER, "retired": Index.INTEGER},
    )


class _Fields(msgspec.Struct, frozen=True, kw_only=True):
    """An item's payload; bytes travel as base64, a boolean as 0 or 1 (see `Equals`)."""

    tenant: str
    item_id: str
    title: str = ""
    text: str = ""
    attributes: bytes = b"{}"
    described_ms: int = 0
    event_hash: int = 0
    content_hash: bytes = b""
    revision: int = 0
    retired: int = 0


class PointItemStore(ItemStore):
    """Items over any `Points`. One owner writes an item, so `put` needs no condition."""

    def __init__(self, points: Points) -> None:
        self._points = points

    async def put(self, items: Sequence[ItemRecord]) -> None:
        if items:
            await self._points.upsert([_point(record) for record in items])

    async def put_stubs(self, items: Sequence[tuple[str, str]]) -> None:
        zeros = np.zeros(self._points.dimension, np.float32)
        stubs = [
            Point(
                item_key(tenant, item_id),
                zeros,
                msgspec.to_builtins(_Fields(tenant=tenant, item_id=item_id)),
            )
            for tenant, item_id in dict.fromkeys(items)
        ]
        if stubs:
            await self._points.insert_only(stubs)

    async def read(self, keys: Sequence[int]) -> list[ItemRecord | None]:
        stored = await self._points.retrieve(keys, vectors=True)
        return [None if point is None else _record(point) for point in stored]

    async def scan(
        self, *, tenant: str | None = None, page: int = 512
    ) -> AsyncIterator[list[ItemRecord]]:
        where: Where = () if tenant is None else (Equals("tenant", tenant),)
        start: PointId | None = None
        while True:
            stored, start = await self._points.scroll(where, start=start, limit=page, vectors=True)
            if stored:
                yield [_record(point) for point in stored]
            if start is None:
                return

    async def nearest(
        self, *, tenant: str, vector: Vector, limit: int, exclude: Iterable[int] = ()
    ) -> list[ScoredItem]:
        where = _offered(tenant, vector, exclude)
        hits = await self._points.search(vector, where=where, limit=limit)
        return [ScoredItem(_record(hit.point), hit.score) for hit in hits]

    async def nearest_keys(
        self, *, tenant: str, vector: Vector, limit: int, exclude: Iterable[int] = ()
    ) -> list[int]:
        where = _offered(tenant, vector, exclude)
        hits = await self._points.search(vector, where=where, limit=limit, bare=True)
        return [int(hit.point.id) for hit in hits]


def _offered(tenant: str, vector: Vector, exclude: Iterable[int]) -> Where:
    require_finite(vector, owner="the query")
    excluded = tuple(exclude)
    return (
        Equals("tenant", tenant),
        Above("revision", 0),
        Equals("retired", 0),
        *((Except(excluded),) if excluded else ()),
    )


def _point(record: ItemRecord) -> Point:
    fields = _Fields(
        tenant=record.tenant,
        item_id=record.item_id,
        title=record.title,
        text=record.text,
        attributes=record.attributes,
        described_ms=record.described_ms,
        event_hash=record.event_hash,
        content_hash=record.content_hash,
        revision=record.revision,
        retired=int(record.retired),
    )
    return Point(record.key, record.vector, msgspec.to_builtins(fields))


def _record(point: Stored) -> ItemRecord:
    fields = msgspec.convert(point.payload, _Fields)
    return ItemRecord(
        key=int(point.id),
        tenant=fields.tenant,
        item_id=fields.item_id,
        title=fields.title,
        text=fields.text,
        attributes=fields.attributes,
        described_ms=fields.described_ms,
        event_hash=fields.event_hash,
        content_hash=fields.content_hash,
        revision=fields.revision,
        retired=bool(fields.retired),
        vector=vector_of(point),
    )
