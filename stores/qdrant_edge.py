"""Points in Qdrant's own segment, opened by this process in a directory.

What was measured (2 cores, 128 dimensions, 1.3 KB of payload) and decided:

* Updates hold Python's lock for about 25 µs a point, so segments have a process of their
  own (`stores.edge_service`), and requests go in batches of 128: none keeps a lookup
  waiting for longer than some 3 ms.
* Writing has one thread, reading another. A read beside a saturated writer
  takes 0.1 ms at the median; queued behind it in one thread, 29 ms.
* A killed process (SIGKILL) loses nothing: the segment's log of operations is in the page
  cache. So a loss of power loses nothing once that log is on the disk, which is all that
  `flush` waits for: of 512 users, 2 ms on a disk where flushing the segment takes 55, with
  its hundred files. What was not waited for gets there within `_SYNC_AFTER_S` seconds.
* Updates reuse their space, and the log ends, only when the segment is flushed (a
  checkpoint): with one per 20 000 points the segment stays at 61 MB and 45 000 updates/s
  after 180 000 updates; without, it is at 247 MB and 27 000, and the log at 339 MB. One of
  20 000 takes 0.12 s and holds the lock, which is its price.
* On a full disk the segment's memory maps end the process (SIGBUS), so writes
  are refused while room is left.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar, assert_never
from uuid import UUID

import numpy as np
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    HasIdCondition,
    IdfParams,
    KeywordIndexParams,
    MatchValue,
    Modifier,
    PayloadSchemaType,
    Query,
    QueryRequest,
    RangeFloat,
    Record,
    ScoredPoint,
    ScrollRequest,
    SearchParams,
    UpdateMode,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint
from qdrant_edge import SparseVector as EdgeSparseVector

from profiles.documents.words import SparseVector
from profiles.ports import Vector
from stores.edge_files import draft_of, log_synced, settled, swapped_in
from stores.errors import StoreFull, StoreMismatch
from stores.points import (
    NO_WORDS,
    Above,
    AtMost,
    Collection,
    Differs,
    Equals,
    Except,
    Hit,
    Index,
    Payload,
    Point,
    PointId,
    Points,
    Stored,
    Where,
    batches,
    finished,
)

__all__ = ["EdgePoints"]

T = TypeVar("T")

_UNNAMED = ""
_WORDS = "words"
_BATCH = 128
_SYNC_AFTER_S = 5.0
_CHECKPOINT_AFTER_POINTS = 20_000
_RESERVE_BYTES = 128 * 2**20
"""Room for the log's and the payload's next 32 MB pages, and for who else writes to the disk."""

_INDEXES: dict[Index, KeywordIndexParams | PayloadSchemaType] = {
    Index.TENANT: KeywordIndexParams(is_tenant=True),
    Index.KEYWORD: PayloadSchemaType.Keyword,
    Index.INTEGER: PayloadSchemaType.Integer,
    Index.FLOAT: PayloadSchemaType.Float,
}


class EdgePoints(Points):
    """One collection in one directory, which nobody else has open (`stores.edge_directory`)."""

    def __init__(self, shard: EdgeShard, collection: Collection, directory: Path) -> None:
        self._shard = shard
        self._collection = collection
        self._directory = directory
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"{collection.name}-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix=f"{collection.name}-reader")
        self._unsynced = False
        self._since_checkpoint = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timed_sync: Future[None] | None = None

    @classmethod
    def open(cls, collection: Collection, directory: Path) -> "EdgePoints":
        """Load the collection, or create it where absent; blocks for some 50 ms.

        Raises:
            StoreMismatch: it was created with another dimension.
            StoreFull: the disk has no room for it.
        """
        settled(directory)
        if not directory.exists():
            _require_room(directory.parent)
            # Renamed when whole, so that a killed creation leaves nothing to trip over.
            draft = draft_of(directory)
            EdgeShard.create(str(draft), _config_of(collection)).close()
            draft.rename(directory)
        try:
            shard = _loaded(directory, collection)
        except Exception as error:
            if "incompatible" in str(error):
                raise StoreMismatch(f"{directory}: {error}") from error
            raise
        return cls(shard, collection, directory)

    @property
    def dimension(self) -> int:
        return self._collection.dimension

    async def upsert(self, points: Sequence[Point]) -> None:
        await self._put(points, condition=None, mode=UpdateMode.Upsert)

    async def insert_only(self, points: Sequence[Point]) -> None:
        await self._put(points, condition=None, mode=UpdateMode.InsertOnly)

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        await self._put(points, condition=_filter(condition), mode=UpdateMode.UpdateOnly)

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        def operation(batch: Sequence[PointId]) -> UpdateOperation:
            where = _filter(condition, among=batch)
            return UpdateOperation.set_payload_by_filter(where, payload, under)

        await self._write_batches(ids, operation)

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        wanted = True if fields is None else list(fields)

        def read(batch: Sequence[PointId]) -> list[Stored]:
            records = self._shard.retrieve([_edge_id(one) for one in batch], wanted, vectors)
            return [_stored(record) for record in records]

        pages = await finished(self._read(partial(read, batch)) for batch in batches(ids, _BATCH))
        found = {point.id: point for page in pages for point in page}
        return [found.get(point_id) for point_id in ids]

    async def scroll(
        self,
        where: Where,
        *,
        start: PointId | None,
        limit: int,
        vectors: bool,
        fields: tuple[str, ...] | None = None,
    ) -> tuple[list[Stored], PointId | None]:
        def read() -> tuple[list[Stored], PointId | None]:
            records, following = self._shard.scroll(
                ScrollRequest(
                    offset=None if start is None else _edge_id(start),
                    limit=limit,
                    filter=_filter(where),
                    with_payload=True if fields is None else list(fields),
                    with_vector=vectors,
                )
            )
            return [_stored(record) for record in records], (
                None if following is None else _point_id(following)
            )

        return await self._read(read)

    async def search(
        self, vector: Vector, *, where: Where, limit: int, bare: bool = False
    ) -> list[Hit]:
        def read() -> list[Hit]:
            request = QueryRequest(
                limit=limit,
                query=Query.Nearest(vector.tolist()),
                filter=_filter(where),
                with_payload=not bare,
                with_vector=False if bare else [_UNNAMED],
            )
            return [Hit(_stored(point), point.score) for point in self._shard.query(request)]

        return await self._read(read)

    async def search_words(
        self, words: SparseVector, *, where: Where, corpus: Where, limit: int
    ) -> list[Hit]:
        if not words.indices:
            return []

        def read() -> list[Hit]:
            query = EdgeSparseVector(list(words.indices), list(words.values))
            request = QueryRequest(
                limit=limit,
                query=Query.Nearest(query, using=_WORDS),
                filter=_filter(where),
                params=SearchParams(idf=IdfParams(corpus=_filter(corpus))),
                with_payload=True,
                with_vector=[_UNNAMED],
            )
            return [Hit(_stored(point), point.score) for point in self._shard.query(request)]

        return await self._read(read)

    async def count(self, where: Where) -> int:
        return await self._read(
            lambda: int(self._shard.count(CountRequest(exact=True, filter=_filter(where))))
        )

    async def delete(self, where: Where) -> None:
        await self._write(partial(UpdateOperation.delete_points_by_filter, _filter(where)), count=1)

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        def operation(batch: Sequence[PointId]) -> UpdateOperation:
            return UpdateOperation.delete_points_by_filter(_filter(condition, among=batch))

        await self._write_batches(ids, operation)

    async def rewrite(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._rewrite)

    async def flush(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._sync)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self._checkpoint)
        await loop.run_in_executor(self._writer, self._shard.close)
        self._writer.shutdown()
        self._reader.shutdown()

    async def _put(
        self, points: Sequence[Point], *, condition: Filter | None, mode: UpdateMode
    ) -> None:
        for point in points:
            if point.vector.shape != (self.dimension,):
                raise StoreMismatch(f"{self._collection.name}: vectors have {self.dimension} d")

        def operation(batch: Sequence[Point]) -> UpdateOperation:
            edge_points = [_edge_point(point, words=self._collection.words) for point in batch]
            return UpdateOperation.upsert_points(edge_points, condition, mode)

        await self._write_batches(points, operation)

    async def _write_batches(
        self, things: Sequence[T], operation: Callable[[Sequence[T]], UpdateOperation]
    ) -> None:
        await finished(
            self._write(partial(operation, batch), count=len(batch))
            for batch in batches(things, _BATCH)
        )

    async def _write(self, operation: Callable[[], UpdateOperation], *, count: int) -> None:
        if self._timed_sync is not None and self._timed_sync.done():
            self._timed_sync.result()
            self._timed_sync = None
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._timer = loop.call_later(_SYNC_AFTER_S, self._start_timed_sync)

        def update() -> None:
            _require_room(self._directory)
            self._unsynced = True
            self._shard.update(operation())
            self._since_checkpoint += count
            if self._since_checkpoint >= _CHECKPOINT_AFTER_POINTS:
                self._checkpoint()

        await loop.run_in_executor(self._writer, update)

    def _start_timed_sync(self) -> None:
        """Its failure surfaces at the next write."""
        self._timer = None
        self._timed_sync = self._writer.submit(self._sync)

    def _sync(self) -> None:
        if self._unsynced:
            _require_room(self._directory)
            log_synced(self._directory)
            self._unsynced = False

    def _checkpoint(self) -> None:
        if self._since_checkpoint:
            _require_room(self._directory)
            self._shard.flush()
            self._since_checkpoint = 0
            self._unsynced = False

    def _rewrite(self) -> None:
        """Copy every point into a new segment and put that in the old one's place.

        Deleted points stay in the log and in the payload's pages for as long as those live,
        and neither a flush nor the optimizer rewrites them (measured). Writes wait meanwhile.
        """
        _require_room(self._directory)
        draft = draft_of(self._directory)
        config = _config_of(self._collection)
        EdgeShard.create(str(draft), config).close()
        copy = EdgeShard.load(str(draft), config)
        offset: int | UUID | str | None = None
        while True:
            records, offset = self._shard.scroll(
                ScrollRequest(offset=offset, limit=_BATCH, with_payload=True, with_vector=True)
            )
            points = [
                EdgePoint(one.id, one.vector, one.payload)
                for one in records
                if one.vector is not None
            ]
            if points:
                copy.update(UpdateOperation.upsert_points(points))
            if offset is None:
                break
        copy.flush()
        copy.close()
        # Readers have a thread of their own, which waits for the new segment.
        self._reader.submit(self._replace, draft).result()
        self._since_checkpoint = 0
        self._unsynced = False

    def _replace(self, draft: Path) -> None:
        self._shard.close()
        swapped_in(draft, self._directory)
        self._shard = _loaded(self._directory, self._collection)

    async def _read(self, read: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)


def _config_of(collection: Collection) -> EdgeConfig:
    return EdgeConfig(
        vectors=EdgeVectorParams(size=collection.dimension, distance=Distance.Dot),
        sparse_vectors=(
            {_WORDS: EdgeSparseVectorParams(modifier=Modifier.Idf)} if collection.words else None
        ),
    )


def _loaded(directory: Path, collection: Collection) -> EdgeShard:
    """The segment with all indexes of the collection."""
    shard = EdgeShard.load(str(directory), _config_of(collection))
    present = shard.info().payload_schema
    for name, index in collection.indexes.items():
        if name not in present:
            shard.update(UpdateOperation.create_field_index(name, _INDEXES[index]))
    return shard


def _require_room(directory: Path) -> None:
    disk = os.statvfs(directory)
    free_bytes = disk.f_bavail * disk.f_frsize
    if free_bytes < _RESERVE_BYTES:
        raise StoreFull(
            f"{directory}: {free_bytes >> 20} MB left on the disk, "
            f"writing needs {_RESERVE_BYTES >> 20} MB"
        )


@lru_cache(maxsize=1 << 14)
def _edge_id(point_id: PointId) -> int | UUID:
    # Kept for a while: a new user's is asked for four times before their first write.
    return point_id if isinstance(point_id, int) else UUID(point_id)


def _point_id(edge_id: int | UUID | str) -> PointId:
    return edge_id if isinstance(edge_id, int) else str(edge_id)


def _edge_point(point: Point, *, words: bool) -> EdgePoint:
    dense = point.vector.tolist()
    if not words:
        return EdgePoint(_edge_id(point.id), dense, point.payload)
    sparse = EdgeSparseVector(list(point.words.indices), list(point.words.values))
    return EdgePoint(_edge_id(point.id), {_UNNAMED: dense, _WORDS: sparse}, point.payload)


def _stored(record: Record | ScoredPoint) -> Stored:
    held = record.vector if isinstance(record.vector, dict) else {_UNNAMED: record.vector}
    dense, sparse = held.get(_UNNAMED), held.get(_WORDS)
    return Stored(
        _point_id(record.id),
        record.payload or {},
        None if dense is None else np.asarray(dense, np.float32),
        SparseVector(tuple(sparse.indices), tuple(sparse.values))
        if isinstance(sparse, EdgeSparseVector)
        else NO_WORDS,
    )


def _filter(where: Where, *, among: Sequence[PointId] | None = None) -> Filter:
    must: list[FieldCondition | HasIdCondition] = []
    must_not: list[FieldCondition | HasIdCondition] = []
    if among is not None:
        must.append(HasIdCondition({_edge_id(point_id) for point_id in among}))
    for term in where:
        match term:
            case Equals(field, value):
                must.append(FieldCondition(key=field, match=MatchValue(value)))
            case Differs(field, value):
                must_not.append(FieldCondition(key=field, match=MatchValue(value)))
            case AtMost(field, bound):
                must.append(FieldCondition(key=field, range=RangeFloat(lte=bound)))
            case Above(field, bound):
                must.append(FieldCondition(key=field, range=RangeFloat(gt=bound)))
            case Except(ids):
                must_not.append(HasIdCondition({_edge_id(point_id) for point_id in ids}))
            case _:
                assert_never(term)
    return Filter(must=[*must], must_not=[*must_not])
