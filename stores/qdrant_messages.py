"""Questions and answers in Qdrant's own messages, without a model for each point between.

qdrant-client makes pydantic models of what it is given and of what it is answered. Of the 200 hits
of a ranking, or of a hundred items, that takes several times as long as the whole question does.
"""

import math
from collections.abc import Sequence
from typing import Final, assert_never

import numpy as np
from qdrant_client import grpc, models
from qdrant_client.conversions.conversion import GrpcToRest

from profiles.documents.words import SparseVector
from profiles.ports import Vector
from stores.points import (
    NO_WORDS,
    Above,
    AtMost,
    Differs,
    Equals,
    Except,
    Hit,
    PayloadValue,
    PointId,
    Stored,
    Where,
)

__all__ = ["bare_hit_of", "hit_of", "nearest_to", "record_of", "records_by_id", "stored_of"]

_UNNAMED: Final = ""
_WORDS: Final = "words"
_ALL: Final = grpc.WithPayloadSelector(enable=True)
_NONE: Final = grpc.WithPayloadSelector(enable=False)
_MAJORITY: Final = grpc.ReadConsistency(type=grpc.ReadConsistencyType.Majority)


def records_by_id(
    collection: str, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None
) -> grpc.GetPoints:
    """The question for these points; a majority of replicas answers it.

    Args:
        fields: Of the payload; None for all.
    """
    return grpc.GetPoints(
        collection_name=collection,
        ids=[_id_message(one) for one in ids],
        with_payload=_ALL
        if fields is None
        else grpc.WithPayloadSelector(include=grpc.PayloadIncludeSelector(fields=fields)),
        with_vectors=grpc.WithVectorsSelector(enable=vectors),
        read_consistency=_MAJORITY,
    )


def nearest_to(
    collection: str, vector: Vector, *, where: Where, limit: int, bare: bool
) -> grpc.QueryPoints:
    """The question for the points with the largest products with `vector`.

    Args:
        bare: Without payloads and vectors.
    """
    dense = grpc.DenseVector(data=vector.tolist())
    return grpc.QueryPoints(
        collection_name=collection,
        query=grpc.Query(nearest=grpc.VectorInput(dense=dense)),
        filter=_filter_message(where),
        limit=limit,
        with_payload=_NONE if bare else _ALL,
        with_vectors=grpc.WithVectorsSelector(enable=not bare),
    )


def record_of(message: grpc.RetrievedPoint) -> Stored:
    """A point as it was answered by its id."""
    return _stored(message) or stored_of(GrpcToRest.convert_retrieved_point(message))


def hit_of(message: grpc.ScoredPoint) -> Hit:
    """A point as it was found."""
    point = _stored(message) or stored_of(GrpcToRest.convert_scored_point(message))
    return Hit(point, message.score)


def bare_hit_of(message: grpc.ScoredPoint) -> Hit:
    """A point as it was found, asked for without payload and vector."""
    # Hundreds of them for each ranking: a number that is there needs no second look.
    return Hit(Stored(message.id.num or _id_of(message.id), {}, None), message.score)


def stored_of(record: models.Record | models.ScoredPoint) -> Stored:
    """From qdrant-client's model, which knows every kind of vector."""
    payload: dict[str, PayloadValue] = record.payload or {}
    held = record.vector if isinstance(record.vector, dict) else {_UNNAMED: record.vector}
    dense, sparse = held.get(_UNNAMED), held.get(_WORDS)
    return Stored(
        record.id if isinstance(record.id, int) else str(record.id),
        payload,
        None if dense is None else np.asarray(dense, np.float32),
        SparseVector(tuple(sparse.indices), tuple(sparse.values))
        if isinstance(sparse, models.SparseVector)
        else NO_WORDS,
    )


def _stored(message: grpc.RetrievedPoint | grpc.ScoredPoint) -> Stored | None:
    """From the message itself; None for one with more than one dense vector and plain fields."""
    vector: Vector | None = None
    if message.HasField("vectors"):
        output = message.vectors.vector
        # Servers before 1.16 put the numbers where all kinds of vectors once lay.
        kind = output.WhichOneof("vector")
        if kind == "dense":
            numbers = output.dense.data
        elif kind is None and not output.HasField("indices") and not output.vectors_count:
            numbers = output.data
        else:
            return None
        if not numbers:
            return None
        vector = np.fromiter(numbers, np.float32, len(numbers))
    payload: dict[str, PayloadValue] = {}
    for name, value in message.payload.items():
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            payload[name] = value.string_value
        elif kind == "integer_value":
            payload[name] = value.integer_value
        elif kind == "double_value" and math.isfinite(value.double_value):
            payload[name] = value.double_value
        else:
            return None
    return Stored(_id_of(message.id), payload, vector)


def _id_message(point_id: PointId) -> grpc.PointId:
    return grpc.PointId(num=point_id) if isinstance(point_id, int) else grpc.PointId(uuid=point_id)


def _id_of(message: grpc.PointId) -> PointId:
    found: PointId = message.uuid if message.HasField("uuid") else message.num
    return found


def _filter_message(where: Where) -> grpc.Filter:
    must: list[grpc.Condition] = []
    must_not: list[grpc.Condition] = []
    for term in where:
        match term:
            case Equals(field, value):
                must.append(_field(field, match=_match(value)))
            case Differs(field, value):
                must_not.append(_field(field, match=_match(value)))
            case AtMost(field, bound):
                must.append(_field(field, range=grpc.Range(lte=bound)))
            case Above(field, bound):
                must.append(_field(field, range=grpc.Range(gt=bound)))
            case Except(ids):
                among = grpc.HasIdCondition(has_id=[_id_message(one) for one in ids])
                must_not.append(grpc.Condition(has_id=among))
            case _:
                assert_never(term)
    return grpc.Filter(must=must, must_not=must_not)


def _field(name: str, **condition: grpc.Match | grpc.Range) -> grpc.Condition:
    return grpc.Condition(field=grpc.FieldCondition(key=name, **condition))


def _match(value: str | int) -> grpc.Match:
    return grpc.Match(keyword=value) if isinstance(value, str) else grpc.Match(integer=value)
