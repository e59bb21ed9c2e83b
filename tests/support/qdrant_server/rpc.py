"""Qdrant's gRPC services over the engine: the protocol that products use by default."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import grpc.aio
from qdrant_client import grpc as messages
from qdrant_client import models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc import (
    collections_service_pb2_grpc,
    points_service_pb2_grpc,
    qdrant_pb2_grpc,
)

from qdrant_server.engine import BadRequest, Engine, Refused
from qdrant_server.rest import VERSION

__all__ = ["rpc_server"]

_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
}


def _answering(handler: Callable[[Any, Any], Any]) -> Any:
    @wraps(handler)
    async def answer(self: Any, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return handler(self, request)
        except Refused as refusal:
            await context.abort(_STATUS[refusal.status], str(refusal))

    return answer


def _filter(request: Any, name: str = "filter") -> models.Filter | None:
    return GrpcToRest.convert_filter(getattr(request, name)) if request.HasField(name) else None


def _selected(selector: Any) -> models.Filter:
    return GrpcToRest.convert_filter(selector.filter)


def _payload_selector(request: Any) -> Any:
    return GrpcToRest.convert_with_payload_selector(request.with_payload)


def _written(point: Any) -> dict[str, Any]:
    """What is to be stored, in the words of REST."""
    vectors = point.vectors
    if vectors.WhichOneof("vectors_options") != "vector":
        return GrpcToRest.convert_point_struct(point).model_dump()
    if vectors.vector.WhichOneof("vector") != "dense":
        return GrpcToRest.convert_point_struct(point).model_dump()
    return {
        "id": GrpcToRest.convert_point_id(point.id),
        "vector": list(vectors.vector.dense.data),
        "payload": GrpcToRest.convert_payload(point.payload),
    }


def _completed() -> Any:
    result = messages.UpdateResult(operation_id=0, status=messages.UpdateStatus.Completed)
    return messages.PointsOperationResponse(result=result)


def _record(point: dict[str, Any]) -> Any:
    # Without models between: Qdrant answers in a fraction of what they take, and what is measured
    # beside this server should be what is measured.
    return messages.RetrievedPoint(**_parts(point))


def _found(points: list[dict[str, Any]]) -> Any:
    return messages.QueryResponse(
        result=[
            messages.ScoredPoint(**_parts(point), score=point["score"], version=point["version"])
            for point in points
        ]
    )


def _parts(point: dict[str, Any]) -> dict[str, Any]:
    """What is answered of every point, as arguments of its message."""
    vector, point_id = point["vector"], point["id"]
    parts: dict[str, Any] = {
        "id": messages.PointId(num=point_id)
        if isinstance(point_id, int)
        else messages.PointId(uuid=str(point_id))
    }
    # Hundreds of hits without one are what a ranking asks for.
    if point["payload"]:
        parts["payload"] = RestToGrpc.convert_payload(point["payload"])
    if isinstance(vector, dict):
        named: Any = models.Record.model_validate(point).vector
        parts["vectors"] = RestToGrpc.convert_vector_struct_output(named)
    elif vector is not None:
        dense = messages.DenseVector(data=vector)
        parts["vectors"] = messages.VectorsOutput(vector=messages.VectorOutput(dense=dense))
    return parts


class _Points(points_service_pb2_grpc.PointsServicer):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @_answering
    def Upsert(self, request: Any) -> Any:  # noqa: N802
        points = [_written(point) for point in request.points]
        mode = (
            GrpcToRest.convert_update_mode(request.update_mode)
            if request.HasField("update_mode")
            else None
        )
        self._engine.upsert(
            request.collection_name, points, _filter(request, "update_filter"), mode
        )
        return _completed()

    @_answering
    def SetPayload(self, request: Any) -> Any:  # noqa: N802
        self._engine.set_payload(
            request.collection_name,
            GrpcToRest.convert_payload(request.payload),
            _selected(request.points_selector),
            request.key if request.HasField("key") else None,
        )
        return _completed()

    @_answering
    def Delete(self, request: Any) -> Any:  # noqa: N802
        self._engine.delete(request.collection_name, _selected(request.points))
        return _completed()

    @_answering
    def CreateFieldIndex(self, request: Any) -> Any:  # noqa: N802
        kind = messages.FieldType.Name(request.field_type).removeprefix("FieldType").lower()
        self._engine.create_index(request.collection_name, request.field_name, kind)
        return _completed()

    @_answering
    def Get(self, request: Any) -> Any:  # noqa: N802
        points = self._engine.retrieve(
            request.collection_name,
            [GrpcToRest.convert_point_id(one) for one in request.ids],
            payload=_payload_selector(request),
            vectors=request.with_vectors.enable,
        )
        return messages.GetResponse(result=[_record(point) for point in points])

    @_answering
    def Scroll(self, request: Any) -> Any:  # noqa: N802
        points, following = self._engine.scroll(
            request.collection_name,
            _filter(request),
            offset=GrpcToRest.convert_point_id(request.offset)
            if request.HasField("offset")
            else None,
            limit=request.limit,
            payload=_payload_selector(request),
            vectors=request.with_vectors.enable,
        )
        return messages.ScrollResponse(
            result=[_record(point) for point in points],
            next_page_offset=None
            if following is None
            else RestToGrpc.convert_extended_point_id(following),
        )

    @_answering
    def Query(self, request: Any) -> Any:  # noqa: N802
        nearest = request.query.nearest
        if nearest.HasField("sparse"):
            scoped = request.params.HasField("idf")
            points = self._engine.nearest_sparse(
                request.collection_name,
                models.SparseVector(
                    indices=list(nearest.sparse.indices), values=list(nearest.sparse.values)
                ),
                _filter(request),
                using=request.using,
                corpus=_filter(request.params.idf, "corpus") if scoped else None,
                limit=request.limit,
                payload=_payload_selector(request),
                vectors=request.with_vectors.enable,
            )
            return _found(points)
        points = self._engine.nearest(
            request.collection_name,
            list(nearest.dense.data),
            _filter(request),
            limit=request.limit,
            payload=_payload_selector(request),
            vectors=request.with_vectors.enable,
        )
        return _found(points)

    @_answering
    def Count(self, request: Any) -> Any:  # noqa: N802
        count = self._engine.count(request.collection_name, _filter(request))
        return messages.CountResponse(result=messages.CountResult(count=count))


class _Collections(collections_service_pb2_grpc.CollectionsServicer):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @_answering
    def CollectionExists(self, request: Any) -> Any:  # noqa: N802
        exists = messages.CollectionExists(exists=self._engine.exists(request.collection_name))
        return messages.CollectionExistsResponse(result=exists)

    @_answering
    def Create(self, request: Any) -> Any:  # noqa: N802
        vectors = GrpcToRest.convert_vectors_config(request.vectors_config)
        if not isinstance(vectors, models.VectorParams):
            raise BadRequest("the test server has unnamed vectors only")
        sparse = request.sparse_vectors_config.map
        self._engine.create(request.collection_name, vectors, list(sparse))
        return messages.CollectionOperationResponse(result=True)

    @_answering
    def Get(self, request: Any) -> Any:  # noqa: N802
        info = models.CollectionInfo.model_validate(self._engine.info(request.collection_name))
        return messages.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    @_answering
    def Delete(self, request: Any) -> Any:  # noqa: N802
        return messages.CollectionOperationResponse(
            result=self._engine.drop(request.collection_name)
        )

    @_answering
    def UpdateAliases(self, request: Any) -> Any:  # noqa: N802
        self._engine.change_aliases(
            [GrpcToRest.convert_alias_operations(action) for action in request.actions]
        )
        return messages.CollectionOperationResponse(result=True)

    @_answering
    def ListAliases(self, _request: Any) -> Any:  # noqa: N802
        return messages.ListAliasesResponse(
            aliases=[
                messages.AliasDescription(alias_name=alias, collection_name=name)
                for alias, name in self._engine.aliases.items()
            ]
        )


class _Root(qdrant_pb2_grpc.QdrantServicer):
    @_answering
    def HealthCheck(self, _request: Any) -> Any:  # noqa: N802
        return messages.HealthCheckReply(title="Qdrant for tests", version=VERSION)


def rpc_server(engine: Engine) -> tuple[grpc.aio.Server, int]:
    """A server on a free loopback port, not started yet."""
    # Large messages as in Qdrant, whose limit is 32 MB.
    options = [("grpc.max_receive_message_length", 32 * 2**20)]
    server = grpc.aio.server(options=options)
    services: list[tuple[Any, object]] = [
        (points_service_pb2_grpc.add_PointsServicer_to_server, _Points(engine)),
        (collections_service_pb2_grpc.add_CollectionsServicer_to_server, _Collections(engine)),
        (qdrant_pb2_grpc.add_QdrantServicer_to_server, _Root()),
    ]
    for add, service in services:
        add(service, server)
    return server, server.add_insecure_port("127.0.0.1:0")
