"""Published personas: a head per tenant, and a point per persona so that Qdrant can search them.

Readers see one edition whole: the personas of an edition are written under ids
of their own, then the head is switched to it in one conditional write, then
what older editions left is deleted. A reader that finds a persona of its
edition gone reads the head again, because then a newer edition stands there.
"""

from collections.abc import Mapping
from hashlib import blake2b
from uuid import UUID

import msgspec
import numpy as np

from profiles.ports import PersonaDocument, PersonaStore, StoreUnavailable, Token, Vector
from stores.points import (
    AtMost,
    Collection,
    Differs,
    Distance,
    Equals,
    Index,
    Point,
    PointId,
    Points,
    vector_of,
)

__all__ = ["PointPersonaStore", "persona_collection"]

_READ_ATTEMPTS = 8


def persona_collection(dimension: int) -> Collection:
    return Collection(
        name="personas",
        dimension=dimension,
        # Not cosine: that would normalise the centroids.
        distance=Distance.DOT,
        indexes={
            "tenant": Index.TENANT,
            "kind": Index.KEYWORD,
            "persona": Index.KEYWORD,
            "edition": Index.KEYWORD,
            "version": Index.INTEGER,
            "token": Index.INTEGER,
        },
    )


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """`edition` is a digest of all that is published; `personas` are the ids in it, in order."""

    kind: str = "head"
    tenant: str
    version: int
    token: int
    edition: str
    personas: list[str]
    body: bytes


class _Persona(msgspec.Struct, frozen=True, kw_only=True):
    kind: str = "persona"
    tenant: str
    version: int
    token: int
    edition: str
    persona: str


def _point_id(*parts: str) -> str:
    digest = blake2b(msgspec.msgpack.encode(parts), digest_size=16, person=b"strata-persona")
    return str(UUID(bytes=digest.digest()))


def _edition(document: PersonaDocument) -> str:
    digest = blake2b(digest_size=16, person=b"strata-edition")
    centroids = [(name, vector.tobytes()) for name, vector in document.centroids.items()]
    digest.update(
        msgspec.msgpack.encode((document.version, document.token, document.body, centroids))
    )
    return digest.hexdigest()


class PointPersonaStore(PersonaStore):
    """Personas over any `Points`."""

    def __init__(self, points: Points) -> None:
        self._points = points

    async def publish(self, document: PersonaDocument) -> bool:
        edition = _edition(document)
        personas = [
            self._persona_point(document, edition, name, vector)
            for name, vector in document.centroids.items()
        ]
        if personas:
            await self._points.upsert(personas)
        if not await self._switch(document, edition):
            return False
        await self._points.delete(
            (
                Equals("kind", "persona"),
                Equals("tenant", document.tenant),
                Differs("edition", edition),
                # Spares what a newer publisher is writing at this moment.
                AtMost("version", document.version),
                AtMost("token", document.token),
            )
        )
        return True

    async def read(self, tenant: str) -> PersonaDocument | None:
        for _ in range(_READ_ATTEMPTS):
            head = await self._head(tenant)
            if head is None or not head.edition:
                return None
            centroids = await self._centroids(head)
            if centroids is not None:
                return PersonaDocument(
                    tenant=tenant,
                    version=head.version,
                    token=Token(head.token),
                    body=head.body,
                    centroids=centroids,
                )
        raise StoreUnavailable(f"personas were republished {_READ_ATTEMPTS} times during one read")

    async def tenants(self) -> list[str]:
        found: list[str] = []
        start: PointId | None = None
        while True:
            stored, start = await self._points.scroll(
                (Equals("kind", "head"),), start=start, limit=512, vectors=False
            )
            heads = [msgspec.convert(point.payload, _Head) for point in stored]
            found += [head.tenant for head in heads if head.edition]
            if start is None:
                return sorted(found)

    def _persona_point(
        self, document: PersonaDocument, edition: str, name: str, vector: Vector
    ) -> Point:
        fields = _Persona(
            tenant=document.tenant,
            version=document.version,
            token=document.token,
            edition=edition,
            persona=name,
        )
        return Point(
            _point_id("persona", document.tenant, edition, name),
            vector,
            msgspec.to_builtins(fields),
        )

    async def _switch(self, document: PersonaDocument, edition: str) -> bool:
        absent = _Head(
            tenant=document.tenant, version=0, token=0, edition="", personas=[], body=b""
        )
        # A conditional write does not guard a first insert; an insert-only stub does.
        await self._points.insert_only([self._head_point(absent)])
        head = _Head(
            tenant=document.tenant,
            version=document.version,
            token=document.token,
            edition=edition,
            personas=list(document.centroids),
            body=document.body,
        )
        await self._points.update_if(
            [self._head_point(head)],
            (AtMost("version", document.version), AtMost("token", document.token)),
        )
        stored = await self._head(document.tenant)
        return stored is not None and stored.edition == edition

    def _head_point(self, head: _Head) -> Point:
        zeros = np.zeros(self._points.dimension, np.float32)
        return Point(_point_id("head", head.tenant), zeros, msgspec.to_builtins(head))

    async def _head(self, tenant: str) -> _Head | None:
        (point,) = await self._points.retrieve([_point_id("head", tenant)], vectors=False)
        return None if point is None else msgspec.convert(point.payload, _Head)

    async def _centroids(self, head: _Head) -> Mapping[str, Vector] | None:
        """None if some are gone, because a newer edition was published meanwhile."""
        ids = [_point_id("persona", head.tenant, head.edition, name) for name in head.personas]
        if not ids:
            return {}
        stored = await self._points.retrieve(ids, vectors=True)
        found = [vector_of(point) for point in stored if point is not None]
        return dict(zip(head.personas, found, strict=True)) if len(found) == len(ids) else None
