"""Points on a Qdrant server through qdrant-client, or in its `:memory:` mode.

Collections are addressed by an alias, `{namespace}_users` for
`{namespace}_users_v1`, so that a replay can build the next one beside it and
switch. Conditional writes ask for strong ordering and reads by id for a
majority, so that fencing holds on replicated collections too; on one node
both are free.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, assert_never

import structlog
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.grpc import PointsStub

from profiles.documents.words import SparseVector
from profiles.ports import Vector
from stores.errors import StoreMismatch
from stores.points import (
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
from stores.qdrant_errors import translated
from stores.qdrant_messages import (
    bare_hit_of,
    hit_of,
    nearest_to,
    record_of,
    records_by_id,
    stored_of,
)

__all__ = ["ServerPoints", "drop_collections", "require_version", "show_current"]

_log = structlog.get_logger(__name__)

T = TypeVar("T")
R = TypeVar("R")

_IN_FLIGHT = 4
_OLDEST_SERVER = (1, 17)
_COUNTS_IN_CORPUS = (1, 19)
_UNNAMED = ""
_WORDS = "words"
_STRONG = models.WriteOrdering.STRONG
_MAJORITY = models.ReadConsistencyType.MAJORITY
_INDEXES: dict[Index, models.KeywordIndexParams | models.PayloadSchemaType] = {
    Index.TENANT: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    Index.KEYWORD: models.PayloadSchemaType.KEYWORD,
    Index.INTEGER: models.PayloadSchemaType.INTEGER,
    Index.FLOAT: models.PayloadSchemaType.FLOAT,
}


async def require_version(client: AsyncQdrantClient) -> None:
    """Refuse a server that would ignore the conditions of a write, and so all fencing.

    Before 1.19 it ignores the corpus that words are counted in: passages are still found by
    their own user alone, but how rare a word is comes from everybody's. That is logged.

    Raises:
        StoreMismatch: it is older than 1.17.
        StoreUnavailable: it does not answer.
    """
    with translated("ask for the version"):
        version = (await client.info()).version
    release = tuple(int(part) for part in version.split(".")[:2])
    if release < _OLDEST_SERVER:
        raise StoreMismatch(
            f"Qdrant {version} ignores conditions that Strata relies on: 1.17 or later is needed"
        )
    if release < _COUNTS_IN_CORPUS:
        _log.warning(
            "words of passages are weighed by how rare they are among everybody's passages; "
            "from 1.19 on by their own user's alone",
            qdrant=version,
        )


@dataclass(frozen=True, slots=True)
class _Names:
    alias: str
    concrete: str


class ServerPoints(Points):
    """One collection on a server; the client belongs to whoever opened it."""

    def __init__(self, client: AsyncQdrantClient, collection: Collection, alias: str) -> None:
        self._client = client
        self._collection = collection
        self._alias = alias
        self._in_flight = asyncio.Semaphore(_IN_FLIGHT)
        # REST and the client's own memory know no messages.
        self._speaks_rpc = bool(client.init_options.get("prefer_grpc"))
        self._timeout_s = client.init_options.get("timeout")

    @classmethod
    async def open(
        cls, client: AsyncQdrantClient, collection: Collection, *, namespace: str, indexed: bool
    ) -> "ServerPoints":
        """Find the collection behind its alias, or create both; several may do so at once.

        Raises:
            StoreMismatch: it was created with another dimension or distance.
        """
        alias = f"{namespace}_{collection.name}"
        with translated(f"open {alias}"):
            known = {entry.alias_name for entry in (await client.get_aliases()).aliases}
            if alias not in known:
                await _create(client, collection, _Names(alias=alias, concrete=f"{alias}_v1"))
            info = await client.get_collection(alias)
            _require_same(collection, alias, info)
            for name, index in collection.indexes.items():
                if indexed and name not in info.payload_schema:
                    await client.create_payload_index(alias, name, _INDEXES[index], wait=True)
        return cls(client, collection, alias)

    @property
    def dimension(self) -> int:
        return self._collection.dimension

    @property
    def _rpc(self) -> PointsStub:
        return self._client.grpc_points

    async def upsert(self, points: Sequence[Point]) -> None:
        await self._put(points, condition=None, mode=models.UpdateMode.UPSERT)

    async def insert_only(self, points: Sequence[Point]) -> None:
        await self._put(points, condition=None, mode=models.UpdateMode.INSERT_ONLY)

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        await self._put(points, condition=_filter(condition), mode=models.UpdateMode.UPDATE_ONLY)

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        async def call(batch: Sequence[PointId]) -> None:
            await self._client.set_payload(
                self._alias,
                payload=payload,
                points=_filter(condition, among=batch),
                key=under,
                wait=True,
                ordering=_STRONG,
            )

        await self._batched("set payload", ids, call)

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        async def call(batch: Sequence[PointId]) -> list[Stored]:
            if self._speaks_rpc:
                asked = records_by_id(self._alias, batch, vectors=vectors, fields=fields)
                answer = await self._rpc.Get(asked, timeout=self._timeout_s)
                return [record_of(message) for message in answer.result]
            records = await self._client.retrieve(
                self._alias,
                ids=list(batch),
                with_payload=True if fields is None else list(fields),
                with_vectors=vectors,
                consistency=_MAJORITY,
            )
            return [stored_of(record) for record in records]

        pages = await self._batched("retrieve", ids, call)
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
        async def call() -> tuple[list[models.Record], models.ExtendedPointId | None]:
            return await self._client.scroll(
                self._alias,
                scroll_filter=_filter(where),
                limit=limit,
                offset=start,
                with_payload=True if fields is None else list(fields),
                with_vectors=vectors,
            )

        records, following = await self._call("scroll", call)
        return [stored_of(record) for record in records], (
            None if following is None else _point_id(following)
        )

    async def search(
        self, vector: Vector, *, where: Where, limit: int, bare: bool = False
    ) -> list[Hit]:
        async def call() -> list[Hit]:
            if self._speaks_rpc:
                asked = nearest_to(self._alias, vector, where=where, limit=limit, bare=bare)
                answer = await self._rpc.Query(asked, timeout=self._timeout_s)
                read = bare_hit_of if bare else hit_of
                return [read(message) for message in answer.result]
            response = await self._client.query_points(
                self._alias,
                query=vector.tolist(),
                query_filter=_filter(where),
                limit=limit,
                with_payload=not bare,
                with_vectors=not bare,
            )
            return [Hit(stored_of(point), point.score) for point in response.points]

        return await self._call("search", call)

    async def search_words(
        self, words: SparseVector, *, where: Where, corpus: Where, limit: int
    ) -> list[Hit]:
        if not words.indices:
            return []

        async def call() -> models.QueryResponse:
            return await self._client.query_points(
                self._alias,
                query=models.SparseVector(indices=list(words.indices), values=list(words.values)),
                using=_WORDS,
                query_filter=_filter(where),
                search_params=models.SearchParams(
                    idf=models.IdfCorpusParams(corpus=_filter(corpus))
                ),
                limit=limit,
                with_payload=True,
                with_vectors=True,
            )

        response = await self._call("search words", call)
        return [Hit(stored_of(point), point.score) for point in response.points]

    async def count(self, where: Where) -> int:
        async def call() -> models.CountResult:
            return await self._client.count(self._alias, count_filter=_filter(where), exact=True)

        return (await self._call("count", call)).count

    async def delete(self, where: Where) -> None:
        async def call() -> None:
            await self._client.delete(
                self._alias,
                points_selector=models.FilterSelector(filter=_filter(where)),
                wait=True,
                ordering=_STRONG,
            )

        await self._call("delete", call)

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        async def call(batch: Sequence[PointId]) -> None:
            await self._client.delete(
                self._alias,
                points_selector=models.FilterSelector(filter=_filter(condition, among=batch)),
                wait=True,
                ordering=_STRONG,
            )

        await self._batched("delete", ids, call)

    async def rewrite(self) -> None:
        """Nothing to do: the files are the server's."""

    async def flush(self) -> None:
        """Nothing to do: durability is the server's."""

    async def close(self) -> None:
        """Nothing to do: the client is closed by who opened it."""

    async def _put(
        self, points: Sequence[Point], *, condition: models.Filter | None, mode: models.UpdateMode
    ) -> None:
        for point in points:
            if point.vector.shape != (self.dimension,):
                raise StoreMismatch(f"{self._collection.name}: vectors have {self.dimension} d")

        async def call(batch: Sequence[Point]) -> None:
            await self._client.upsert(
                self._alias,
                points=[_point_struct(point, words=self._collection.words) for point in batch],
                update_filter=condition,
                update_mode=mode,
                wait=True,
                ordering=_STRONG,
            )

        await self._batched("write", points, call)

    async def _batched(
        self, verb: str, things: Sequence[T], call: Callable[[Sequence[T]], Awaitable[R]]
    ) -> list[R]:
        return await finished(self._call(verb, partial(call, batch)) for batch in batches(things))

    async def _call(self, verb: str, call: Callable[[], Awaitable[R]]) -> R:
        async with self._in_flight:
            with translated(f"{verb} in {self._alias}"):
                return await call()


async def show_current(
    client: AsyncQdrantClient, *, base: str, namespace: str, names: Sequence[str]
) -> None:
    """Let `{base}_current_NAME` stand for these collections of `namespace`, all in one step.

    Raises:
        StoreUnavailable: the server does not answer.
    """
    with translated(f"show {namespace} as current"):
        known = {
            one.alias_name: one.collection_name for one in (await client.get_aliases()).aliases
        }
        operations: list[models.AliasOperations] = []
        for name in names:
            shown = f"{base}_current_{name}"
            if shown in known:
                operations.append(
                    models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=shown))
                )
            operations.append(
                models.CreateAliasOperation(
                    create_alias=models.CreateAlias(
                        collection_name=known[f"{namespace}_{name}"], alias_name=shown
                    )
                )
            )
        await client.update_collection_aliases(change_aliases_operations=operations)


async def drop_collections(
    client: AsyncQdrantClient, *, namespace: str, names: Sequence[str]
) -> None:
    """Delete these collections of a namespace, and with them their aliases, those that exist.

    Raises:
        StoreUnavailable: the server does not answer.
    """
    with translated(f"drop {namespace}"):
        for entry in (await client.get_aliases()).aliases:
            if entry.alias_name in {f"{namespace}_{name}" for name in names}:
                await client.delete_collection(entry.collection_name)


async def _create(client: AsyncQdrantClient, collection: Collection, names: _Names) -> None:
    if not await client.collection_exists(names.concrete):
        try:
            await client.create_collection(
                names.concrete,
                vectors_config=models.VectorParams(
                    size=collection.dimension, distance=models.Distance.DOT
                ),
                sparse_vectors_config=(
                    {_WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)}
                    if collection.words
                    else None
                ),
            )
        except Exception:
            # Another worker created it first, under whichever error the client words that.
            if not await client.collection_exists(names.concrete):
                raise
    await client.update_collection_aliases(
        change_aliases_operations=[
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(
                    collection_name=names.concrete, alias_name=names.alias
                )
            )
        ]
    )


def _require_same(collection: Collection, alias: str, info: models.CollectionInfo) -> None:
    stored = info.config.params.vectors
    wanted = (collection.dimension, models.Distance.DOT)
    if not isinstance(stored, models.VectorParams) or (stored.size, stored.distance) != wanted:
        raise StoreMismatch(f"collection {alias} exists with other vectors than {wanted}")
    if collection.words and _WORDS not in (info.config.params.sparse_vectors or {}):
        raise StoreMismatch(f"collection {alias} exists without words")


def _point_struct(point: Point, *, words: bool) -> models.PointStruct:
    dense = point.vector.tolist()
    if words:
        sparse = models.SparseVector(
            indices=list(point.words.indices), values=list(point.words.values)
        )
        vector: models.VectorStruct = {_UNNAMED: dense, _WORDS: sparse}
    else:
        vector = dense
    # Without validation, which costs more than the request: a `Point` is valid already.
    return models.PointStruct.model_construct(id=point.id, vector=vector, payload=point.payload)


def _point_id(point_id: models.ExtendedPointId) -> PointId:
    return point_id if isinstance(point_id, int) else str(point_id)


def _filter(where: Where, *, among: Sequence[PointId] | None = None) -> models.Filter:
    must: list[models.Condition] = []
    must_not: list[models.Condition] = []
    if among is not None:
        must.append(models.HasIdCondition(has_id=list(among)))
    for term in where:
        match term:
            case Equals(field, value):
                must.append(_matching(field, models.MatchValue(value=value)))
            case Differs(field, value):
                must_not.append(_matching(field, models.MatchValue(value=value)))
            case AtMost(field, bound):
                must.append(models.FieldCondition(key=field, range=models.Range(lte=bound)))
            case Above(field, bound):
                must.append(models.FieldCondition(key=field, range=models.Range(gt=bound)))
            case Except(ids):
                must_not.append(models.HasIdCondition(has_id=list(ids)))
            case _:
                assert_never(term)
    return models.Filter(must=must, must_not=must_not)


def _matching(field: str, match: models.MatchValue) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=match)
