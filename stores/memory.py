"""Points in a dictionary: the default of unit tests, held to the same contract as Qdrant."""

from collections.abc import Iterable, Sequence

import numpy as np

from profiles.documents.words import SparseVector, inverse_document_frequency
from profiles.ports import Vector
from stores.errors import StoreMismatch
from stores.points import (
    Collection,
    Hit,
    Payload,
    Point,
    PointId,
    Points,
    Stored,
    Where,
)
from stores.pointwise import meets, patched, shown

__all__ = ["MemoryPoints"]


def _order(point_id: PointId) -> tuple[bool, int, str]:
    """Numbers before UUIDs, as Qdrant orders them."""
    return (False, point_id, "") if isinstance(point_id, int) else (True, 0, point_id)


class MemoryPoints(Points):
    """A collection that lives as long as the object."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._points: dict[PointId, Point] = {}

    @property
    def dimension(self) -> int:
        return self._collection.dimension

    async def upsert(self, points: Sequence[Point]) -> None:
        self._put(points)

    async def insert_only(self, points: Sequence[Point]) -> None:
        self._put([point for point in points if point.id not in self._points])

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        self._put(
            [
                point
                for point in points
                if (old := self._points.get(point.id)) is not None and meets(old, condition)
            ]
        )

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        for point_id in ids:
            old = self._points.get(point_id)
            if old is None or not meets(old, condition):
                continue
            self._points[point_id] = patched(old, payload, under=under)

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        found = [self._points.get(point_id) for point_id in ids]
        return [
            None if point is None else shown(point, vectors=vectors, fields=fields)
            for point in found
        ]

    async def scroll(
        self,
        where: Where,
        *,
        start: PointId | None,
        limit: int,
        vectors: bool,
        fields: tuple[str, ...] | None = None,
    ) -> tuple[list[Stored], PointId | None]:
        found = sorted(self._matching(where), key=lambda point: _order(point.id))
        if start is not None:
            found = [point for point in found if _order(point.id) >= _order(start)]
        page = [shown(point, vectors=vectors, fields=fields) for point in found[:limit]]
        return page, found[limit].id if len(found) > limit else None

    async def search(
        self, vector: Vector, *, where: Where, limit: int, bare: bool = False
    ) -> list[Hit]:
        fields = () if bare else None
        hits = [
            Hit(
                shown(point, vectors=not bare, fields=fields),
                float(np.dot(point.vector, vector)),
            )
            for point in self._matching(where)
        ]
        hits.sort(key=lambda hit: (-hit.score, _order(hit.point.id)))
        return hits[:limit]

    async def search_words(
        self, words: SparseVector, *, where: Where, corpus: Where, limit: int
    ) -> list[Hit]:
        population = list(self._matching(corpus))
        weights = {
            index: weight
            * inverse_document_frequency(
                len(population), sum(index in point.words.indices for point in population)
            )
            for index, weight in zip(words.indices, words.values, strict=True)
        }
        hits = []
        for point in self._matching(where):
            held = dict(zip(point.words.indices, point.words.values, strict=True))
            common = weights.keys() & held.keys()
            if common:
                score = sum(weights[index] * held[index] for index in common)
                hits.append(Hit(shown(point, vectors=True), score))
        hits.sort(key=lambda hit: (-hit.score, _order(hit.point.id)))
        return hits[:limit]

    async def count(self, where: Where) -> int:
        return sum(1 for _ in self._matching(where))

    async def delete(self, where: Where) -> None:
        for point in list(self._matching(where)):
            del self._points[point.id]

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        for point_id in ids:
            held = self._points.get(point_id)
            if held is not None and meets(held, condition):
                del self._points[point_id]

    async def rewrite(self) -> None:
        """Nothing to do: there are no files."""

    async def flush(self) -> None:
        """Nothing to do: nothing here outlives the process."""

    async def close(self) -> None:
        """Keeps what is stored, as a server would."""

    def _matching(self, where: Where) -> Iterable[Point]:
        return (point for point in self._points.values() if meets(point, where))

    def _put(self, points: Sequence[Point]) -> None:
        for point in points:
            if point.vector.shape != (self.dimension,):
                raise StoreMismatch(f"{self._collection.name}: vectors have {self.dimension} d")
        for point in points:
            # A copy: what the caller does with its own later is not stored.
            vector = point.vector.astype(np.float32, copy=True)
            self._points[point.id] = Point(point.id, vector, dict(point.payload), point.words)
