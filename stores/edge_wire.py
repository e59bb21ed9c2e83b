"""What a process and the one that keeps its Qdrant segments say to each other.

Frames of MessagePack behind their length, over a pair of sockets. Vectors travel as one block of
float32, everything else as `stores.points` has it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from msgspec import Struct

from profiles.documents.words import SparseVector
from profiles.ports import Vector
from stores.points import (
    NO_WORDS,
    Collection,
    Hit,
    Payload,
    Point,
    PointId,
    Points,
    Stored,
    Where,
)

__all__ = [
    "Answer",
    "Asked",
    "Count",
    "Delete",
    "DeleteSome",
    "Failure",
    "Flush",
    "Mode",
    "Opening",
    "Page",
    "Patch",
    "Put",
    "Request",
    "Retrieve",
    "Rewrite",
    "Rows",
    "Scored",
    "Scroll",
    "Search",
    "SearchWords",
    "framed",
    "next_frame",
    "raw",
]

_LENGTH_BYTES: Final = 4

Mode = Literal["upsert", "insert_only", "update_if"]


class _Message(Struct, frozen=True, array_like=True, gc=False):
    """Base of what is sent."""


class _Request(_Message, frozen=True):
    """Base of what is asked of a collection."""

    async def answered_by(self, points: Points) -> object:
        """Do it; what is answered, None where nothing is said but that it is done."""
        raise NotImplementedError


class _Checked(Point, frozen=True, gc=False):
    """A point whose vector was looked at by who sent it."""

    def __post_init__(self) -> None:
        """Nothing is left to do."""


class Rows(_Message, frozen=True):
    """Points as columns.

    Attributes:
        vectors: n x dimension float32, little-endian; empty where they were not asked for.
        words: One per point, or none at all where no point has any.
    """

    ids: list[PointId]
    payloads: list[Payload]
    vectors: bytes
    words: list[SparseVector]

    @classmethod
    def of(cls, points: Sequence[Point | Stored]) -> "Rows":
        """The points, of which all have vectors or none has."""
        vectors = [point.vector for point in points if point.vector is not None]
        words = [point.words for point in points]
        return cls(
            [point.id for point in points],
            [point.payload for point in points],
            np.stack(vectors).astype("<f4", copy=False).tobytes() if vectors else b"",
            words if any(one.indices for one in words) else [],
        )

    def points(self) -> list[Point]:
        """To be stored."""
        vectors = np.frombuffer(self.vectors, "<f4").reshape(len(self.ids), -1) if self.ids else ()
        columns = zip(self.ids, vectors, self.payloads, self._words(), strict=True)
        return [_Checked(*column) for column in columns]

    def stored(self) -> list[Stored]:
        """As they were read."""
        count = len(self.ids)
        vectors: Sequence[Vector | None] = self._vectors() if self.vectors else [None] * count
        columns = zip(self.ids, self.payloads, vectors, self._words(), strict=True)
        return [Stored(*column) for column in columns]

    def _vectors(self) -> Sequence[Vector]:
        if not self.ids:
            return []
        # Copies, so that who keeps one vector does not keep the whole block.
        return [row.copy() for row in np.frombuffer(self.vectors, "<f4").reshape(len(self.ids), -1)]

    def _words(self) -> Sequence[SparseVector]:
        return self.words or [NO_WORDS] * len(self.ids)


class Put(_Request, frozen=True, tag=True):
    """`Points.upsert`, `insert_only` or `update_if`."""

    mode: Mode
    rows: Rows
    condition: Where

    async def answered_by(self, points: Points) -> None:
        rows = self.rows.points()
        if self.mode == "update_if":
            await points.update_if(rows, self.condition)
        elif self.mode == "insert_only":
            await points.insert_only(rows)
        else:
            await points.upsert(rows)


class Patch(_Request, frozen=True, tag=True):
    """`Points.set_payload_if`."""

    ids: list[PointId]
    payload: Payload
    condition: Where
    under: str | None

    async def answered_by(self, points: Points) -> None:
        await points.set_payload_if(self.ids, self.payload, self.condition, under=self.under)


class Retrieve(_Request, frozen=True, tag=True):
    """`Points.retrieve`; answered by `Rows` of those that are there."""

    ids: list[PointId]
    vectors: bool
    fields: tuple[str, ...] | None

    async def answered_by(self, points: Points) -> "Rows":
        found = await points.retrieve(self.ids, vectors=self.vectors, fields=self.fields)
        return Rows.of([point for point in found if point is not None])


class Scroll(_Request, frozen=True, tag=True):
    """`Points.scroll`; answered by a `Page`."""

    where: Where
    start: PointId | None
    limit: int
    vectors: bool
    fields: tuple[str, ...] | None

    async def answered_by(self, points: Points) -> "Page":
        stored, following = await points.scroll(
            self.where,
            start=self.start,
            limit=self.limit,
            vectors=self.vectors,
            fields=self.fields,
        )
        return Page(Rows.of(stored), following)


class Search(_Request, frozen=True, tag=True):
    """`Points.search`; answered by `Scored`."""

    vector: bytes
    where: Where
    limit: int
    bare: bool

    async def answered_by(self, points: Points) -> "Scored":
        query = np.frombuffer(self.vector, "<f4")
        hits = await points.search(query, where=self.where, limit=self.limit, bare=self.bare)
        return Scored.of(hits)


class SearchWords(_Request, frozen=True, tag=True):
    """`Points.search_words`; answered by `Scored`."""

    words: SparseVector
    where: Where
    corpus: Where
    limit: int

    async def answered_by(self, points: Points) -> "Scored":
        hits = await points.search_words(
            self.words, where=self.where, corpus=self.corpus, limit=self.limit
        )
        return Scored.of(hits)


class Count(_Request, frozen=True, tag=True):
    """`Points.count`; answered by a number."""

    where: Where

    async def answered_by(self, points: Points) -> int:
        return await points.count(self.where)


class Delete(_Request, frozen=True, tag=True):
    """`Points.delete`."""

    where: Where

    async def answered_by(self, points: Points) -> None:
        await points.delete(self.where)


class DeleteSome(_Request, frozen=True, tag=True):
    """`Points.delete_if`."""

    ids: list[PointId]
    condition: Where

    async def answered_by(self, points: Points) -> None:
        await points.delete_if(self.ids, self.condition)


class Rewrite(_Request, frozen=True, tag=True):
    """`Points.rewrite`."""

    async def answered_by(self, points: Points) -> None:
        await points.rewrite()


class Flush(_Request, frozen=True, tag=True):
    """`Points.flush`."""

    async def answered_by(self, points: Points) -> None:
        await points.flush()


Request = (
    Put
    | Patch
    | Retrieve
    | Scroll
    | Search
    | SearchWords
    | Count
    | Delete
    | DeleteSome
    | Rewrite
    | Flush
)


class Opening(_Message, frozen=True):
    """The first frame: what to open. Its answer has the number 0."""

    directory: str
    namespace: str
    collections: list[Collection]


class Asked(_Message, frozen=True):
    """A request, of the collection at that place of `Opening.collections`."""

    number: int
    collection: int
    request: Request


class Page(_Message, frozen=True):
    rows: Rows
    following: PointId | None


class Scored(_Message, frozen=True):
    rows: Rows
    scores: list[float]

    @classmethod
    def of(cls, hits: Sequence[Hit]) -> "Scored":
        return cls(Rows.of([hit.point for hit in hits]), [hit.score for hit in hits])

    def hits(self) -> list[Hit]:
        return [Hit(*pair) for pair in zip(self.rows.stored(), self.scores, strict=True)]


class Failure(_Message, frozen=True):
    """An error of the other side.

    Attributes:
        kind: Name of its class.
    """

    kind: str
    message: str


class Answer(_Message, frozen=True):
    """To the request of that number: what its class says, or a failure."""

    number: int
    failure: Failure | None = None
    body: msgspec.Raw = msgspec.Raw(b"\xc0")


_encoder = msgspec.msgpack.Encoder()


def framed(message: Asked | Answer | Opening) -> bytes:
    """A frame that holds the message."""
    frame = bytearray(_LENGTH_BYTES)
    _encoder.encode_into(message, frame, _LENGTH_BYTES)
    frame[:_LENGTH_BYTES] = (len(frame) - _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "little")
    return bytes(frame)


async def next_frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next frame's content; None when the other side has ended, within a frame or between."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "little")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def raw(value: object) -> msgspec.Raw:
    """The body of an answer."""
    return msgspec.Raw(_encoder.encode(value))
