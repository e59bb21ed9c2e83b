"""Qdrant's segments in a child process, which `stores.edge_service` describes."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from profiles.documents.words import SparseVector
from profiles.ports import StoreUnavailable, Vector
from stores.edge_wire import (
    Answer,
    Asked,
    Count,
    Delete,
    DeleteSome,
    Failure,
    Flush,
    Mode,
    Opening,
    Page,
    Patch,
    Put,
    Request,
    Retrieve,
    Rewrite,
    Rows,
    Scored,
    Scroll,
    Search,
    SearchWords,
    framed,
    next_frame,
)
from stores.errors import StoreEnded, StoreFull, StoreInUse, StoreMismatch
from stores.points import (
    Collection,
    Hit,
    Payload,
    Point,
    PointId,
    Points,
    Stored,
    Where,
    batches,
    finished,
)

__all__ = ["EdgeProcess", "ProcessPoints"]

T = TypeVar("T")

_KNOWN: Final = {
    one.__name__: one for one in (StoreFull, StoreInUse, StoreMismatch, StoreUnavailable)
}
_BUFFER_BYTES: Final = 4 * 2**20
_ENDS_WITHIN_S: Final = 60.0
_ROOT: Final = Path(__file__).parent.parent

_answer = msgspec.msgpack.Decoder(Answer)
_nothing = msgspec.msgpack.Decoder(None)
_number = msgspec.msgpack.Decoder(int)
_rows = msgspec.msgpack.Decoder(Rows)
_page = msgspec.msgpack.Decoder(Page)
_scored = msgspec.msgpack.Decoder(Scored)


class EdgeProcess:
    """The child, and what was asked of it and not answered yet.

    It ends with this process, however that dies. Should it die before, everything that is
    asked raises `StoreEnded`: what it had acknowledged is stored, the rest may be or not.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Not for callers: use `open`."""
        self._process = process
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._next = 1
        self._ended: StoreEnded | None = None
        self._closing = False
        self._listening = asyncio.create_task(self._listen())
        self.collections: list[ProcessPoints] = []

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    @classmethod
    async def open(
        cls, directory: Path, *, namespace: str, collections: Sequence[Collection]
    ) -> "EdgeProcess":
        """Start it, and have it open the collections of a namespace, made where absent.

        Raises:
            StoreInUse, StoreMismatch, StoreFull: as `EdgeDirectory.open`.
            StoreEnded: it did not come up.
        """
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        with theirs:
            process = _started(theirs)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        opened = cls(process, reader, writer)
        try:
            answered = opened._expected(0)
            writer.write(framed(Opening(str(directory), namespace, [*collections])))
            await answered
        except BaseException:
            await opened.close()
            raise
        opened.collections = [
            ProcessPoints(opened, place, collection) for place, collection in enumerate(collections)
        ]
        return opened

    async def ask(self, collection: int, request: Request, answer: msgspec.msgpack.Decoder[T]) -> T:
        """What it says to that.

        Raises:
            StoreEnded: it is there no more.
        """
        if self._ended is not None:
            raise self._ended
        number, self._next = self._next, self._next + 1
        answered = self._expected(number)
        self._writer.write(framed(Asked(number, collection, request)))
        return answer.decode(await answered)

    async def flush(self) -> None:
        await finished(points.flush() for points in self.collections)

    async def close(self) -> None:
        """Have it finish and store everything, and end."""
        self._closing = True
        self._writer.close()
        await asyncio.to_thread(self._process.wait, _ENDS_WITHIN_S)
        await self._listening

    def _expected(self, number: int) -> asyncio.Future[bytes]:
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        return future

    async def _listen(self) -> None:
        """Give answers to who waits for them; in the end, fail who still waits."""
        try:
            while (frame := await next_frame(self._reader)) is not None:
                answer = _answer.decode(frame)
                future = self._waiting.pop(answer.number)
                # Who asked may have been cancelled since.
                if future.done():
                    continue
                if answer.failure is None:
                    future.set_result(bytes(answer.body))
                else:
                    future.set_exception(_error(answer.failure))
            self._ended = await self._why_ended()
        finally:
            # Whatever ends this, nobody waits for ever.
            if self._ended is None:
                self._ended = StoreEnded("the keeper of Qdrant's segments is not heard")
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(self._ended)
            self._waiting.clear()

    async def _why_ended(self) -> StoreEnded:
        if self._closing:
            return StoreEnded("Qdrant's segments are closed")
        code = await asyncio.to_thread(self._process.wait, _ENDS_WITHIN_S)
        return StoreEnded(f"the process of Qdrant's segments ended with {code}")


def _started(connected: socket.socket) -> subprocess.Popen[bytes]:
    # What this process imports from, so that it is the same code whatever the directory.
    path = os.pathsep.join([str(_ROOT), *filter(None, sys.path)])
    return subprocess.Popen(  # noqa: S603 - our own module
        [
            sys.executable,
            "-m",
            "stores.edge_service",
            str(connected.fileno()),
            str(os.getpid()),
        ],
        pass_fds=[connected.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path},
    )


def _error(failure: Failure) -> Exception:
    known = _KNOWN.get(failure.kind)
    return (
        RuntimeError(f"{failure.kind}: {failure.message}")
        if known is None
        else known(failure.message)
    )


class ProcessPoints(Points):
    """One collection that the child has open."""

    def __init__(self, process: EdgeProcess, place: int, collection: Collection) -> None:
        self._process = process
        self._place = place
        self._collection = collection

    @property
    def dimension(self) -> int:
        return self._collection.dimension

    async def upsert(self, points: Sequence[Point]) -> None:
        await self._put("upsert", points, ())

    async def insert_only(self, points: Sequence[Point]) -> None:
        await self._put("insert_only", points, ())

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        await self._put("update_if", points, condition)

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        await self._ask(Patch([*ids], payload, condition, under), _nothing)

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        asked = [Retrieve([*batch], vectors, fields) for batch in batches(ids)]
        if len(asked) == 1:
            # Each task is a turn of the event loop, in which others may have much to do.
            pages = [await self._ask(asked[0], _rows)]
        else:
            pages = await finished(self._ask(request, _rows) for request in asked)
        found = {point.id: point for page in pages for point in page.stored()}
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
        page = await self._ask(Scroll(where, start, limit, vectors, fields), _page)
        return page.rows.stored(), page.following

    async def search(
        self, vector: Vector, *, where: Where, limit: int, bare: bool = False
    ) -> list[Hit]:
        query = np.asarray(vector, "<f4").tobytes()
        return (await self._ask(Search(query, where, limit, bare), _scored)).hits()

    async def search_words(
        self, words: SparseVector, *, where: Where, corpus: Where, limit: int
    ) -> list[Hit]:
        if not words.indices:
            return []
        return (await self._ask(SearchWords(words, where, corpus, limit), _scored)).hits()

    async def count(self, where: Where) -> int:
        return await self._ask(Count(where), _number)

    async def delete(self, where: Where) -> None:
        await self._ask(Delete(where), _nothing)

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        await self._ask(DeleteSome([*ids], condition), _nothing)

    async def rewrite(self) -> None:
        await self._ask(Rewrite(), _nothing)

    async def flush(self) -> None:
        await self._ask(Flush(), _nothing)

    async def close(self) -> None:
        """Nothing: the process closes all collections at once."""

    async def _put(self, mode: Mode, points: Sequence[Point], condition: Where) -> None:
        for point in points:
            if point.vector.shape != (self.dimension,):
                raise StoreMismatch(f"{self._collection.name}: vectors have {self.dimension} d")
        await finished(
            self._ask(Put(mode, Rows.of(batch), condition), _nothing) for batch in batches(points)
        )

    async def _ask(self, request: Request, answer: msgspec.msgpack.Decoder[T]) -> T:
        return await self._process.ask(self._place, request, answer)
