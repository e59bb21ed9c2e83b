"""One collection of points, as the domain adapters need it.

The least that Qdrant's server, its edge segment and a dictionary have in common.
The adapters for users, items, control and personas are written once over it.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, TypeVar

import numpy as np
from msgspec import Struct

from profiles.documents.words import SparseVector
from profiles.ports import Vector

__all__ = [
    "BATCH",
    "NO_WORDS",
    "Above",
    "AtMost",
    "Collection",
    "Differs",
    "Equals",
    "Except",
    "Hit",
    "Index",
    "Payload",
    "PayloadValue",
    "Point",
    "PointId",
    "Points",
    "Stored",
    "Where",
    "batches",
    "finished",
    "require_finite",
    "vector_of",
]

T = TypeVar("T")

BATCH = 512
"""Points per request: more gains nothing measurable and makes one slow answer slower."""

PointId = int | str
"""In [0, 2**64), or a UUID in its canonical lower-case form."""

PayloadValue = str | int | float | list[str] | dict[str, int] | None
Payload = dict[str, PayloadValue]


class Index(Enum):
    """How a payload field is indexed; `TENANT` is a keyword that also groups storage."""

    TENANT = "tenant"
    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection is made of. Its points are compared by dot product.

    Attributes:
        name: Without the namespace, e.g. "users".
        dimension: Of its vectors, ≥ 1.
        indexes: By payload field. Conditions on other fields are slow, not wrong.
        words: Points also carry a sparse vector, for `Points.search_words`.
    """

    name: str
    dimension: int
    indexes: Mapping[str, Index] = field(default_factory=dict)
    words: bool = False


class Equals(Struct, frozen=True, tag=True, array_like=True):
    """A field that holds a list equals each of its members.

    Not for booleans: qdrant-edge-py 0.9 reads `MatchValue(True)` as the integer 1.
    """

    field: str
    value: str | int


class Differs(Struct, frozen=True, tag=True, array_like=True):
    field: str
    value: str | int


class AtMost(Struct, frozen=True, tag=True, array_like=True):
    """Numbers up to and including `bound`, |bound| < 2**53."""

    field: str
    bound: float


class Above(Struct, frozen=True, tag=True, array_like=True):
    """Numbers greater than `bound`, |bound| < 2**53."""

    field: str
    bound: float


class Except(Struct, frozen=True, tag=True, array_like=True):
    """Every point but these."""

    ids: tuple[PointId, ...]


NO_WORDS = SparseVector()

Where = tuple[Equals | Differs | AtMost | Above | Except, ...]
"""All of the terms hold; an empty one matches every point."""


_LARGEST: Final = float(np.finfo(np.float32).max)


def require_finite(vector: Vector, *, owner: str) -> None:
    """Refuse NaN, infinity and lengths beyond float32: Qdrant stores them and ranks them first.

    Raises:
        ValueError: naming `owner`.
    """
    # In double precision nothing overflows, and NumPy's silence costs more than the product.
    wide = vector.astype(np.float64)
    if not float(np.dot(wide, wide)) <= _LARGEST:  # NaN is not
        raise ValueError(f"the vector of {owner} is not finite")


class Point(Struct, frozen=True, gc=False):
    """A point to store. `vector` is finite and has the collection's dimension.

    `words` are stored where the collection has words, and are empty elsewhere.
    """

    id: PointId
    vector: Vector
    payload: Payload
    words: SparseVector = NO_WORDS

    def __post_init__(self) -> None:
        require_finite(self.vector, owner=f"point {self.id}")


class Stored(Struct, frozen=True, gc=False):
    """A point as read; `vector` is None when it was not asked for, and `words` are read with it."""

    id: PointId
    payload: Payload
    vector: Vector | None
    words: SparseVector = NO_WORDS


class Hit(Struct, frozen=True, gc=False):
    """A point that was found."""

    point: Stored
    score: float


class Points(Protocol):
    """One collection. Writes are applied in order and visible when the call returns.

    Within one call an id occurs once. Every method may raise `StoreUnavailable`;
    a write that raised it may or may not have been applied.
    """

    @property
    def dimension(self) -> int: ...

    async def upsert(self, points: Sequence[Point]) -> None: ...

    async def insert_only(self, points: Sequence[Point]) -> None:
        """Insert those whose id is absent; the others stay as they are."""
        ...

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        """Replace those that exist and meet `condition`; silently nothing for the others."""
        ...

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        """Merge `payload` into those that exist and meet `condition`; silent about the others.

        With `under`, it is merged into the object in that field instead.
        """
        ...

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        """In the order asked; of the payload only `fields`, if given."""
        ...

    async def scroll(
        self,
        where: Where,
        *,
        start: PointId | None,
        limit: int,
        vectors: bool,
        fields: tuple[str, ...] | None = None,
    ) -> tuple[list[Stored], PointId | None]:
        """A page in ascending order of id from `start` on, and where the next one starts.

        Of the payload only `fields`, if given.
        """
        ...

    async def search(
        self, vector: Vector, *, where: Where, limit: int, bare: bool = False
    ) -> list[Hit]:
        """Greatest dot product first, with payloads and vectors.

        Args:
            bare: Without either, which are most of what an answer costs.
        """
        ...

    async def search_words(
        self, words: SparseVector, *, where: Where, corpus: Where, limit: int
    ) -> list[Hit]:
        """Greatest Σ query weight · idf · point weight first, with vectors.

        Points without a common word are left out.
        idf = ln(1 + (n − df + ½) / (df + ½)) over the n points that match `corpus`, df of
        which hold the word. A sharded server counts within each shard.
        """
        ...

    async def count(self, where: Where) -> int: ...

    async def delete(self, where: Where) -> None:
        """Delete what matches; `where` is not empty."""
        ...

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        """Delete those that exist and meet `condition`; silent about the others."""
        ...

    async def rewrite(self) -> None:
        """Write the files anew where they are ours: what was deleted is in none of them after it.

        A server's files are the server's, which drops what was deleted when it sees fit.
        """
        ...

    async def flush(self) -> None:
        """Return when everything written so far survives a loss of power, where that is ours."""
        ...

    async def close(self) -> None: ...


def batches(things: Sequence[T], size: int = BATCH) -> list[Sequence[T]]:
    return [things[start : start + size] for start in range(0, len(things), size)]


async def finished(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Results in order, once *all* calls have ended; then the first error, if any.

    Not `gather` alone: that raises while other writes are still on their way,
    and one of them could land after the caller's next.
    """
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    results: list[T] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results


def vector_of(point: Stored) -> Vector:
    """The vector of a point that was read with vectors."""
    if point.vector is None:
        raise AssertionError(f"point {point.id} was read without its vector")
    return point.vector
