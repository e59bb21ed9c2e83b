"""Published personas: one point per tenant, which holds all of them.

One conditional write replaces it, so a reader sees one edition whole and
nothing is left behind. A point per persona was tried first: every publication
then deletes what it replaces, and a segment keeps the room of deleted vectors
(77 KB for 50 personas of 384 dimensions, each time) until it is rebuilt.
"""

from hashlib import blake2b
from uuid import UUID

import msgspec
import numpy as np

from profiles.ports import PersonaDocument, PersonaStore, Token
from stores.points import (
    AtMost,
    Collection,
    Index,
    Point,
    PointId,
    Points,
    require_finite,
)

__all__ = ["PERSONA_COLLECTION", "PointPersonaStore"]

PERSONA_COLLECTION = Collection(
    name="personas",
    dimension=1,
    indexes={"tenant": Index.TENANT, "version": Index.INTEGER, "token": Index.INTEGER},
)


class _Fields(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's payload.

    Attributes:
        edition: Digest of everything published; empty before the first publication.
        personas: Ids, in the order of `centroids`.
        centroids: float32, little-endian, all of them one after the other.
    """

    tenant: str
    version: int = 0
    token: int = 0
    edition: str = ""
    personas: list[str] = msgspec.field(default_factory=list)
    centroids: bytes = b""
    body: bytes = b""


class PointPersonaStore(PersonaStore):
    """Personas over any `Points`."""

    def __init__(self, points: Points) -> None:
        self._points = points

    async def publish(self, document: PersonaDocument) -> bool:
        for name, centroid in document.centroids.items():
            require_finite(centroid, owner=f"persona {name}")
        fields = _fields(document)
        # A conditional write does not guard a first insert; an insert-only stub does.
        await self._points.insert_only([_point(_Fields(tenant=document.tenant))])
        await self._points.update_if(
            [_point(fields)],
            (AtMost("version", document.version), AtMost("token", document.token)),
        )
        stored = await self._read(document.tenant)
        return stored is not None and stored.edition == fields.edition

    async def read(self, tenant: str) -> PersonaDocument | None:
        fields = await self._read(tenant)
        if fields is None or not fields.edition:
            return None
        centroids = np.frombuffer(fields.centroids, "<f4").astype(np.float32)
        rows = centroids.reshape(len(fields.personas), -1) if fields.personas else ()
        return PersonaDocument(
            tenant=tenant,
            version=fields.version,
            token=Token(fields.token),
            body=fields.body,
            centroids=dict(zip(fields.personas, rows, strict=True)),
        )

    async def tenants(self) -> list[str]:
        found: list[str] = []
        start: PointId | None = None
        while True:
            stored, start = await self._points.scroll((), start=start, limit=512, vectors=False)
            page = [msgspec.convert(point.payload, _Fields) for point in stored]
            found += [fields.tenant for fields in page if fields.edition]
            if start is None:
                return sorted(found)

    async def _read(self, tenant: str) -> _Fields | None:
        (point,) = await self._points.retrieve([_point_id(tenant)], vectors=False)
        return None if point is None else msgspec.convert(point.payload, _Fields)


def _point_id(tenant: str) -> str:
    digest = blake2b(tenant.encode(), digest_size=16, person=b"strata-personas")
    return str(UUID(bytes=digest.digest()))


def _point(fields: _Fields) -> Point:
    return Point(_point_id(fields.tenant), np.zeros(1, np.float32), msgspec.to_builtins(fields))


def _fields(document: PersonaDocument) -> _Fields:
    personas = list(document.centroids)
    centroids = b"".join(
        np.ascontiguousarray(document.centroids[name], "<f4").tobytes() for name in personas
    )
    everything = (document.version, document.token, document.body, personas, centroids)
    return _Fields(
        tenant=document.tenant,
        version=document.version,
        token=document.token,
        edition=blake2b(msgspec.msgpack.encode(everything), digest_size=16).hexdigest(),
        personas=personas,
        centroids=centroids,
        body=document.body,
    )
