"""Passages as points: id hashed from (tenant, user, document, index), dense vector and words.

Every question carries the tenant *and* the user in the filter that the store evaluates.

**Fencing.** Not by the partition's token but by version: absent points are inserted only
where still absent, present ones replaced only where the stored version is not later. So
writes of one document commute, a repeated one changes nothing, and a worker that lost its
partition cannot put an older version over a newer. What it can still do is add passages of
an older version, or of what was forgotten meanwhile, at places that are empty by now: readers
leave out what is not of its head's version and what `forget_before` covers, and the next
version, the next `forget` or the next sweep deletes it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from profiles.documents.passages import (
    ALL_PASSAGES,
    DocumentPassages,
    Passage,
    PassageFilter,
    PassageStore,
    Rankings,
    ScoredPassage,
    Version,
    is_live,
    passage_id,
)
from profiles.documents.words import SparseVector
from profiles.ports import Vector
from stores.points import (
    Above,
    AtMost,
    Collection,
    Equals,
    Hit,
    Index,
    Point,
    PointId,
    Points,
    Stored,
    Where,
    finished,
    require_finite,
    vector_of,
)

__all__ = ["PointPassageStore", "passage_collection"]

_PAGE = 512


def passage_collection(dimension: int) -> Collection:
    return Collection(
        name="passages",
        dimension=dimension,
        indexes={
            "tenant": Index.TENANT,
            "user": Index.KEYWORD,
            "document": Index.KEYWORD,
            "kind": Index.KEYWORD,
            "about": Index.KEYWORD,
            "time_ms": Index.INTEGER,
            "event": Index.INTEGER,
            "index": Index.INTEGER,
            "length": Index.INTEGER,
        },
        words=True,
    )


class _Register(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a passage's payload that decides whether it is replaced.

    Attributes:
        content: Of the whole document, in hexadecimal.
    """

    time_ms: int
    event: int
    content: str

    @property
    def version(self) -> Version:
        return Version(self.time_ms, self.event)


class _Fields(_Register, frozen=True, kw_only=True):
    """A passage's payload. `user` is the user's key in hexadecimal; `length` counts characters."""

    tenant: str
    user: str
    document: str
    index: int
    title: str
    kind: str
    about: list[str]
    start: int
    length: int
    text: str


_REGISTER_FIELDS = _Register.__struct_fields__


@dataclass(frozen=True, slots=True)
class _Draft:
    """A version to store, as points; the head comes first."""

    document: DocumentPassages
    points: list[Point]


class PointPassageStore(PassageStore):
    """Passages over any `Points`; see the module about concurrent writers."""

    def __init__(self, points: Points) -> None:
        self._points = points

    async def replace(self, documents: Sequence[DocumentPassages]) -> int:
        drafts = [_Draft(document, _document_points(document)) for document in documents]
        stored = await self._registers([point.id for draft in drafts for point in draft.points])
        fresh: list[_Draft] = []
        for draft in drafts:
            head = stored.get(draft.points[0].id)
            if head is not None and head.version > draft.document.head.version:
                continue
            fresh.append(draft)
        # What is whole already is written again only if the model or the cut has changed.
        changed = [draft for draft in fresh if not _is_whole(draft, stored)]
        await self._put([point for draft in changed for point in draft.points[1:]], stored)
        await self._put([draft.points[0] for draft in changed], stored)
        await finished(
            self._points.delete(where)
            for draft in fresh
            for where in _outdated(draft.document)
            # Nothing was there, so nothing is left over.
            if draft.points[0].id in stored
        )
        return len(changed)

    async def forget(self, tenant: str, user: bytes, *, through_ms: int) -> None:
        await self._points.delete((*_of_user(tenant, user), AtMost("time_ms", through_ms)))

    async def prune(self, tenant: str, user: bytes, live: frozenset[tuple[int, int, int]]) -> None:
        gone = [one.id for one in await self.written(tenant, user) if not is_live(one, live)]
        if gone:
            await self._points.delete_if(gone, _of_user(tenant, user))

    async def search(
        self,
        tenant: str,
        user: bytes,
        *,
        vector: Vector | None,
        words: SparseVector,
        chosen: PassageFilter = ALL_PASSAGES,
        after_ms: int | None = None,
        limit: int,
    ) -> Rankings:
        if vector is not None:
            require_finite(vector, owner="the query")
        corpus = _with_text(tenant, user, after_ms)
        where = (*corpus, *_terms(chosen))
        # A vector of zeros is near to everything alike: no ranking.
        dense, words_found = await finished(
            (
                self._dense(vector, where=where, limit=limit),
                self._points.search_words(words, where=where, corpus=corpus, limit=limit),
            )
        )
        heads = await self._heads(hit.point for hit in (*dense, *words_found))
        return Rankings(_scored(dense, heads), _scored(words_found, heads))

    async def latest(
        self, tenant: str, user: bytes, *, after_ms: int | None = None, limit: int
    ) -> list[Passage]:
        passages = await self._all(_with_text(tenant, user, after_ms))
        passages.sort(key=lambda one: (one.version, one.document_id, -one.index), reverse=True)
        return passages[:limit]

    async def written(self, tenant: str, user: bytes) -> list[Passage]:
        passages = await self._all(_of_user(tenant, user))
        return sorted(passages, key=lambda one: (one.version, one.document_id, one.index))

    async def _all(self, where: Where) -> list[Passage]:
        """Those of their head's version, in no order."""
        found: list[Stored] = []
        start: PointId | None = None
        while True:
            page, start = await self._points.scroll(where, start=start, limit=_PAGE, vectors=False)
            found += page
            if start is None:
                break
        heads = await self._heads(found)
        return [_passage(point) for point in found if _is_of_its_head(point, heads)]

    async def sample(self, tenant: str, *, limit: int) -> list[tuple[bytes, str]]:
        # Ids are hashes, so the first of them are drawn at random, and stay the same draw.
        page, _ = await self._points.scroll(
            (Equals("tenant", tenant), Above("length", 0)), start=None, limit=limit, vectors=False
        )
        passages = [_passage(point) for point in page]
        return [(passage.user, passage.text) for passage in passages]

    async def count(self, *, tenant: str | None = None, user: bytes | None = None) -> int:
        return await self._points.count(
            (
                *(() if tenant is None else (Equals("tenant", tenant),)),
                *(() if user is None else (Equals("user", user.hex()),)),
            )
        )

    async def _dense(self, vector: Vector | None, *, where: Where, limit: int) -> list[Hit]:
        if vector is None or not vector.any():
            return []
        return await self._points.search(vector, where=where, limit=limit)

    async def _registers(self, ids: Sequence[PointId]) -> dict[PointId, _Register]:
        stored = await self._points.retrieve(ids, vectors=False, fields=_REGISTER_FIELDS)
        return {
            point.id: msgspec.convert(point.payload, _Register)
            for point in stored
            if point is not None
        }

    async def _heads(self, points: Iterable[Stored]) -> dict[PointId, _Register]:
        return await self._registers(list(dict.fromkeys(_head_id(point) for point in points)))

    async def _put(self, points: Sequence[Point], stored: dict[PointId, _Register]) -> None:
        absent = [point for point in points if point.id not in stored]
        if absent:
            await self._points.insert_only(absent)
        by_version: dict[tuple[int, int], list[Point]] = {}
        for point in points:
            if point.id in stored:
                fields = msgspec.convert(point.payload, _Register)
                by_version.setdefault((fields.time_ms, fields.event), []).append(point)
        for (time_ms, event), present in by_version.items():
            # One condition is a conjunction, and "not later" needs two.
            await self._points.update_if(present, (AtMost("time_ms", time_ms - 1),))
            await self._points.update_if(
                present, (Equals("time_ms", time_ms), AtMost("event", event))
            )


def _of_user(tenant: str, user: bytes) -> Where:
    return (Equals("tenant", tenant), Equals("user", user.hex()))


def _with_text(tenant: str, user: bytes, after_ms: int | None) -> Where:
    return (
        *_of_user(tenant, user),
        Above("length", 0),
        *(() if after_ms is None else (Above("time_ms", after_ms),)),
    )


def _terms(chosen: PassageFilter) -> Where:
    equal = {"kind": chosen.kind, "document": chosen.document_id, "about": chosen.about}
    return (
        *(Equals(name, value) for name, value in equal.items() if value is not None),
        *(() if chosen.since_ms is None else (Above("time_ms", chosen.since_ms - 1),)),
        *(() if chosen.until_ms is None else (AtMost("time_ms", chosen.until_ms),)),
    )


def _outdated(document: DocumentPassages) -> tuple[Where, Where]:
    """What a whole new version leaves behind: older versions, and more passages of its own."""
    head = document.head
    whose = (*_of_user(head.tenant, head.user), Equals("document", head.document_id))
    time_ms, event = head.version.time_ms, head.version.event
    beyond = Above("index", len(document.passages) - 1)
    return (
        (*whose, AtMost("time_ms", time_ms - 1)),
        (*whose, Equals("time_ms", time_ms), AtMost("event", event), beyond),
    )


def _is_whole(draft: _Draft, stored: dict[PointId, _Register]) -> bool:
    """Whether this very version is there already: its head, which is written last, says so."""
    head = stored.get(draft.points[0].id)
    return (
        head is not None
        and head.version == draft.document.head.version
        and head.content == draft.document.content.hex()
    )


def _document_points(document: DocumentPassages) -> list[Point]:
    return [
        Point(
            passage.id,
            vector,
            msgspec.to_builtins(
                _Fields(
                    time_ms=passage.version.time_ms,
                    event=passage.version.event,
                    content=document.content.hex(),
                    tenant=passage.tenant,
                    user=passage.user.hex(),
                    document=passage.document_id,
                    index=passage.index,
                    title=passage.title,
                    kind=passage.kind,
                    about=list(passage.about),
                    start=passage.start,
                    length=len(passage.text),
                    text=passage.text,
                )
            ),
            words,
        )
        for passage, vector, words in zip(
            document.passages, document.vectors, document.words, strict=True
        )
    ]


def _passage(point: Stored) -> Passage:
    fields = msgspec.convert(point.payload, _Fields)
    return Passage(
        tenant=fields.tenant,
        user=bytes.fromhex(fields.user),
        document_id=fields.document,
        index=fields.index,
        version=fields.version,
        title=fields.title,
        kind=fields.kind,
        about=tuple(fields.about),
        start=fields.start,
        text=fields.text,
    )


def _head_id(point: Stored) -> str:
    fields = msgspec.convert(point.payload, _Fields)
    return passage_id(fields.tenant, bytes.fromhex(fields.user), fields.document, 0)


def _is_of_its_head(point: Stored, heads: dict[PointId, _Register]) -> bool:
    head = heads.get(_head_id(point))
    fields = msgspec.convert(point.payload, _Register)
    return head is not None and (head.version, head.content) == (fields.version, fields.content)


def _scored(hits: Sequence[Hit], heads: dict[PointId, _Register]) -> list[ScoredPassage]:
    """Best first, ties by place in the document and by document, so that equal is repeatable."""
    found = [
        ScoredPassage(_passage(hit.point), np.asarray(vector_of(hit.point)), hit.score)
        for hit in hits
        if _is_of_its_head(hit.point, heads)
    ]
    return sorted(found, key=lambda one: (-one.score, one.passage.document_id, one.passage.index))
