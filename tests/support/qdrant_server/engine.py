"""Collections and aliases over edge shards, in the words of Qdrant's REST models."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import qdrant_edge as edge
from qdrant_client import models

__all__ = ["BadRequest", "Engine", "Refused"]


class Refused(Exception):
    """Answered with `status` and the message."""

    status = 500


class BadRequest(Refused):
    status = 400


class NotFound(Refused):
    status = 404


class Conflict(Refused):
    status = 409


_DISTANCES = {
    models.Distance.COSINE: edge.Distance.Cosine,
    models.Distance.DOT: edge.Distance.Dot,
}
_SCHEMAS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
}
_MODES = {
    None: edge.UpdateMode.Upsert,
    models.UpdateMode.UPSERT: edge.UpdateMode.Upsert,
    models.UpdateMode.INSERT_ONLY: edge.UpdateMode.InsertOnly,
    models.UpdateMode.UPDATE_ONLY: edge.UpdateMode.UpdateOnly,
}


@dataclass(slots=True)
class _Collection:
    shard: edge.EdgeShard
    vectors: models.VectorParams
    sparse: list[str]
    indexes: dict[str, str] = field(default_factory=dict)


class Engine:
    """Every call is whole before the next begins, as in one shard of the server.

    Everything outlives it, however it ends: another engine, opened on the same
    directory, finds it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._catalogue = directory / "catalogue.json"
        self._collections: dict[str, _Collection] = {}
        self.aliases: dict[str, str] = {}
        if self._catalogue.exists():
            saved = json.loads(self._catalogue.read_text())
            self.aliases = saved["aliases"]
            for name, one in saved["collections"].items():
                self._collections[name] = _Collection(
                    edge.EdgeShard.load(str(directory / name)),
                    models.VectorParams.model_validate(one["vectors"]),
                    one["sparse"],
                    one["indexes"],
                )

    def exists(self, name: str) -> bool:
        return self.aliases.get(name, name) in self._collections

    def create(self, name: str, vectors: models.VectorParams, sparse: list[str]) -> None:
        """`sparse` names vectors that are weighted by inverse document frequency."""
        if self.exists(name):
            raise Conflict(f"Collection `{name}` already exists!")
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(size=vectors.size, distance=_DISTANCES[vectors.distance]),
            sparse_vectors={
                one: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf) for one in sparse
            },
        )
        shard = edge.EdgeShard.create(str(self._directory / name), config)
        self._collections[name] = _Collection(shard, vectors, sparse)
        self._save()

    def drop(self, name: str) -> bool:
        """False if there is none of that name; an alias is none. Its aliases go with it."""
        found = self._collections.pop(name, None)
        if found is None:
            return False
        self.aliases = {alias: one for alias, one in self.aliases.items() if one != name}
        self._save()
        found.shard.close()
        shutil.rmtree(self._directory / name)
        return True

    def change_aliases(self, operations: list[models.AliasOperations]) -> None:
        for operation in operations:
            if isinstance(operation, models.CreateAliasOperation):
                created = operation.create_alias
                if created.collection_name not in self._collections:
                    raise NotFound(f"Collection `{created.collection_name}` doesn't exist!")
                self.aliases[created.alias_name] = created.collection_name
            elif isinstance(operation, models.DeleteAliasOperation):
                self.aliases.pop(operation.delete_alias.alias_name, None)
            else:
                raise BadRequest("the test server renames no aliases")
        self._save()

    def info(self, name: str) -> dict[str, Any]:
        collection = self._collection(name)
        return {
            "status": "green",
            "optimizer_status": "ok",
            "points_count": collection.shard.info().points_count,
            "indexed_vectors_count": 0,
            "segments_count": collection.shard.info().segments_count,
            "config": {
                "params": {
                    "vectors": collection.vectors.model_dump(mode="json"),
                    "sparse_vectors": {one: {"modifier": "idf"} for one in collection.sparse},
                },
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
                "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
            },
            "payload_schema": {
                name: {"data_type": kind, "points": 0} for name, kind in collection.indexes.items()
            },
        }

    def create_index(self, name: str, field_name: str, kind: str) -> None:
        collection = self._collection(name)
        operation = edge.UpdateOperation.create_field_index(field_name, _SCHEMAS[kind])
        collection.shard.update(operation)
        collection.indexes[field_name] = kind
        self._save()

    def upsert(
        self,
        name: str,
        points: list[dict[str, Any]],
        condition: models.Filter | None,
        mode: models.UpdateMode | None,
    ) -> None:
        self._update(
            name,
            edge.UpdateOperation.upsert_points(
                [
                    edge.Point(
                        _edge_id(point["id"]), _edge_vector(point["vector"]), point["payload"] or {}
                    )
                    for point in points
                ],
                None if condition is None else _edge_filter(condition),
                _MODES[mode],
            ),
        )

    def set_payload(
        self, name: str, payload: dict[str, Any], where: models.Filter, key: str | None
    ) -> None:
        self._update(
            name, edge.UpdateOperation.set_payload_by_filter(_edge_filter(where), payload, key)
        )

    def delete(self, name: str, where: models.Filter) -> None:
        self._update(name, edge.UpdateOperation.delete_points_by_filter(_edge_filter(where)))

    def retrieve(
        self, name: str, ids: list[models.ExtendedPointId], *, payload: Any, vectors: bool
    ) -> list[dict[str, Any]]:
        shard = self._collection(name).shard
        records = shard.retrieve([_edge_id(one) for one in ids], _edge_payload(payload), vectors)
        return [_record(record) for record in records]

    def scroll(
        self,
        name: str,
        where: models.Filter | None,
        *,
        offset: models.ExtendedPointId | None,
        limit: int,
        payload: Any,
        vectors: bool,
    ) -> tuple[list[dict[str, Any]], models.ExtendedPointId | None]:
        records, following = self._collection(name).shard.scroll(
            edge.ScrollRequest(
                offset=None if offset is None else _edge_id(offset),
                limit=limit,
                filter=None if where is None else _edge_filter(where),
                with_payload=_edge_payload(payload),
                with_vector=vectors,
            )
        )
        return [_record(record) for record in records], (
            None if following is None else _rest_id(following)
        )

    def nearest(
        self,
        name: str,
        vector: list[float],
        where: models.Filter | None,
        *,
        limit: int,
        payload: Any,
        vectors: bool,
    ) -> list[dict[str, Any]]:
        found = self._collection(name).shard.query(
            edge.QueryRequest(
                limit=limit,
                query=edge.Query.Nearest(vector),
                filter=None if where is None else _edge_filter(where),
                with_payload=_edge_payload(payload),
                with_vector=vectors,
            )
        )
        return [{**_record(point), "score": point.score, "version": 0} for point in found]

    def nearest_sparse(
        self,
        name: str,
        vector: models.SparseVector,
        where: models.Filter | None,
        *,
        using: str,
        corpus: models.Filter | None,
        limit: int,
        payload: Any,
        vectors: bool,
    ) -> list[dict[str, Any]]:
        found = self._collection(name).shard.query(
            edge.QueryRequest(
                limit=limit,
                query=edge.Query.Nearest(
                    edge.SparseVector(vector.indices, vector.values), using=using
                ),
                filter=None if where is None else _edge_filter(where),
                params=edge.SearchParams(
                    idf=None if corpus is None else edge.IdfParams(corpus=_edge_filter(corpus))
                ),
                with_payload=_edge_payload(payload),
                with_vector=vectors,
            )
        )
        return [{**_record(point), "score": point.score, "version": 0} for point in found]

    def count(self, name: str, where: models.Filter | None) -> int:
        condition = None if where is None else _edge_filter(where)
        request = edge.CountRequest(exact=True, filter=condition)
        return int(self._collection(name).shard.count(request))

    def _collection(self, name: str) -> _Collection:
        found = self._collections.get(self.aliases.get(name, name))
        if found is None:
            raise NotFound(f"Collection `{name}` doesn't exist!")
        return found

    def _update(self, name: str, operation: edge.UpdateOperation) -> None:
        collection = self._collection(name)
        try:
            collection.shard.update(operation)
        except Exception as error:
            # The library has one bare Exception; the server calls this its client's fault.
            raise BadRequest(str(error)) from error

    def _save(self) -> None:
        collections = {
            name: {
                "vectors": collection.vectors.model_dump(mode="json"),
                "sparse": collection.sparse,
                "indexes": collection.indexes,
            }
            for name, collection in self._collections.items()
        }
        self._catalogue.write_text(
            json.dumps({"aliases": self.aliases, "collections": collections})
        )


def _edge_id(point_id: Any) -> int | UUID:
    try:
        return point_id if isinstance(point_id, int) else UUID(str(point_id))
    except ValueError as error:
        raise BadRequest(f"{point_id!r} is no point id") from error


def _rest_id(point_id: Any) -> int | str:
    return point_id if isinstance(point_id, int) else str(point_id)


def _edge_vector(vector: Any) -> Any:
    if not isinstance(vector, dict):
        return vector
    return {
        name: edge.SparseVector(one["indices"], one["values"]) if isinstance(one, dict) else one
        for name, one in vector.items()
    }


def _rest_vector(vector: Any) -> Any:
    if not isinstance(vector, dict):
        return vector
    return {
        name: {"indices": list(one.indices), "values": list(one.values)}
        if isinstance(one, edge.SparseVector)
        else one
        for name, one in vector.items()
    }


def _record(record: Any) -> dict[str, Any]:
    return {
        "id": _rest_id(record.id),
        "payload": record.payload,
        "vector": _rest_vector(record.vector),
    }


def _edge_payload(selector: Any) -> Any:
    if selector is None or isinstance(selector, bool | list):
        return True if selector is None else selector
    raise BadRequest(f"the test server selects no payload by {selector!r}")


def _edge_filter(where: models.Filter) -> edge.Filter:
    if where.should or where.min_should:
        raise BadRequest("the test server knows must and must_not")
    return edge.Filter(
        must=[_edge_condition(one) for one in _conditions(where.must)],
        must_not=[_edge_condition(one) for one in _conditions(where.must_not)],
    )


def _conditions(some: Any) -> list[Any]:
    return some if isinstance(some, list) else [] if some is None else [some]


def _edge_condition(condition: Any) -> edge.FieldCondition | edge.HasIdCondition:
    match condition:
        case models.HasIdCondition(has_id=ids):
            return edge.HasIdCondition({_edge_id(one) for one in ids})
        case models.FieldCondition(key=key, match=models.MatchValue(value=value)):
            return edge.FieldCondition(key=key, match=edge.MatchValue(value))
        case models.FieldCondition(key=key, range=models.Range() as bounds):
            limits = edge.RangeFloat(gt=bounds.gt, gte=bounds.gte, lt=bounds.lt, lte=bounds.lte)
            return edge.FieldCondition(key=key, range=limits)
    raise BadRequest(f"the test server does not know the condition {condition!r}")
