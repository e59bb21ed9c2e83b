"""A small population in the in-memory stores, written as the write side writes it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx
import numpy as np
from msgspec.structs import replace

from lookup.options import LookupOptions
from lookup.queries import Lookup
from lookup.routes_documents import Documents
from lookup.service import create_app
from profiles.catalogue import ItemCatalogue
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.effects import UserEvent, effects_of
from profiles.fold import Sourced, fold
from profiles.ids import item_key, user_key
from profiles.norms import NO_NORMS, Norms
from profiles.personas import Persona, PersonaSet, encode_personas
from profiles.policy import DEFAULT_POLICY
from profiles.ports import ItemRecord, PersonaDocument, StoreUnavailable, Token
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.permitting import permitted
from profiles.projection import project
from profiles.state import EMPTY_STATE, UserState, encode_state
from profiles.viewing import cached_view
from schemas import decoded as events
from schemas.snapshots import (
    ItemCount,
    ItemTrend,
    SilencedSnapshot,
    StatisticsSnapshot,
    encode_profile,
    encode_statistics,
    released_name,
    released_personas_name,
    statistics_name,
)
from stores.items import PointItemStore, item_collection
from stores.memory import MemoryPoints
from stores.memory_aggregates import MemoryAggregateStore
from stores.memory_cache import MemoryProfileCache
from stores.personas import PERSONA_COLLECTION, PointPersonaStore
from stores.points import Collection, Hit, PointId, Stored, Where
from stores.users import PointUserStore, user_collection

DIMENSION: Final = 4
NOON_MS: Final = 1_700_000_000_000
WRITTEN_MS: Final = NOON_MS + 5_000
TOKEN: Final = Token(1)

SEA: Final = (1.0, 0.0, 0.0, 0.0)
CRIME: Final = (0.0, 1.0, 0.0, 0.0)
VERSE: Final = (0.0, 0.0, 1.0, 0.0)


class BreakablePoints(MemoryPoints):
    """Points whose reads fail while `down`."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(collection)
        self.down = False

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        self._check()
        return await super().retrieve(ids, vectors=vectors, fields=fields)

    async def search(
        self,
        vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
        *,
        where: Where,
        limit: int,
        bare: bool = False,
    ) -> list[Hit]:
        self._check()
        return await super().search(vector, where=where, limit=limit, bare=bare)

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("qdrant.internal:6334 refused the connection")


class BreakableCache(MemoryProfileCache):
    """Counts its requests; fails while `down`."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.requests = 0

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        self.requests += 1
        if self.down:
            raise StoreUnavailable("redis.internal:6379 refused the connection")
        return await super().get(keys)


class BreakableAggregates(MemoryAggregateStore):
    """Counts its requests; fails while `down`."""

    def __init__(self) -> None:
        super().__init__(partitions=1)
        self.down = False
        self.requests = 0

    async def get_snapshots(self, names: Sequence[str]) -> list[bytes | None]:
        self.requests += 1
        if self.down:
            raise StoreUnavailable("redis.internal:6379 refused the connection")
        return await super().get_snapshots(names)


@dataclass(slots=True)
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def like(user_id: str, item_id: str, *, at_ms: int = NOON_MS) -> events.Interaction:
    return events.Interaction(
        "default", f"{user_id}/{item_id}/{at_ms}", at_ms, user_id, item_id, "like", None, None
    )


@dataclass
class World:
    """The stores, and short ways to fill them for the tenant "default"."""

    user_points: BreakablePoints = field(
        default_factory=lambda: BreakablePoints(user_collection(DIMENSION))
    )
    item_points: BreakablePoints = field(
        default_factory=lambda: BreakablePoints(item_collection(DIMENSION))
    )
    persona_points: BreakablePoints = field(
        default_factory=lambda: BreakablePoints(PERSONA_COLLECTION)
    )
    cache: BreakableCache = field(default_factory=BreakableCache)
    aggregates: BreakableAggregates = field(default_factory=BreakableAggregates)
    clock: Clock = field(default_factory=Clock)
    catalogue: ItemCatalogue = field(default_factory=lambda: ItemCatalogue(DIMENSION))

    @property
    def items(self) -> PointItemStore:
        return PointItemStore(self.item_points)

    @property
    def users(self) -> PointUserStore:
        return PointUserStore(self.user_points)

    def lookup(
        self,
        options: LookupOptions | None = None,
        *,
        declared: DeclaredPersonas = NOTHING_DECLARED,
        norms: Norms = NO_NORMS,
        data_policy: DataPolicy = ANYTHING_GOES,
    ) -> Lookup:
        return Lookup(
            users=self.users,
            items=self.items,
            personas=PointPersonaStore(self.persona_points),
            cache=self.cache,
            aggregates=self.aggregates,
            declared=declared,
            norms=norms,
            data_policy=data_policy,
            options=options or LookupOptions(),
            clock=self.clock,
        )

    async def add_item(
        self,
        item_id: str,
        vector: tuple[float, ...] | None,
        *,
        retired: bool = False,
        tenant: str = "default",
        attributes: Mapping[str, object] | None = None,
    ) -> None:
        """Without a vector it is a stub: named by an event, never described."""
        key = item_key(tenant, item_id)
        described = vector is not None
        unit = np.array(vector if described else (0.0,) * DIMENSION, np.float32)
        if described:
            unit /= np.linalg.norm(unit)
            self.catalogue.put(key, unit)
        await self.items.put(
            [
                ItemRecord(
                    key=key,
                    tenant=tenant,
                    item_id=item_id,
                    title=item_id.title() if described else "",
                    text="",
                    attributes=json.dumps(attributes or {}).encode(),
                    described_ms=0,
                    event_hash=0,
                    content_hash=b"",
                    revision=int(described),
                    retired=retired,
                    vector=unit,
                )
            ]
        )

    async def add_user(
        self,
        user_id: str,
        happened: Sequence[UserEvent],
        *,
        persona: str | None = None,
        cached: bool = True,
        tenant: str = "default",
        data_policy: DataPolicy = ANYTHING_GOES,
    ) -> None:
        batch = [
            Sourced("strata.interactions", offset, effects_of(event, DEFAULT_POLICY))
            for offset, event in enumerate(happened)
        ]
        state: UserState = replace(
            fold(EMPTY_STATE, batch, DEFAULT_POLICY).state, version=1, persona=persona
        )
        placed = permitted(state, data_policy.placed)
        projected = project(placed, self.catalogue, DEFAULT_POLICY)
        await self.users.claim([(tenant, user_id)], partition=0, token=TOKEN)
        (stub,) = await self.users.read([user_key(tenant, user_id)])
        assert stub is not None
        record = replace(
            stub,
            version=1,
            state=encode_state(state),
            vector=projected.vector,
            persona=persona,
            waiting=projected.waiting,
            mass=projected.mass,
        )
        await self.users.write([record])
        if cached:
            shown = permitted(state, data_policy.ranked)
            projected = replace(
                project(shown, self.catalogue, DEFAULT_POLICY), vector=projected.vector
            )
            profile = cached_view(
                tenant, user_id, shown, projected, DEFAULT_POLICY, received_ms=WRITTEN_MS
            )
            await self.cache.put([(record.key, record.version, encode_profile(profile))])

    async def publish_personas(self, *personas: Persona, version: int = 1) -> None:
        document = PersonaSet("default", version, 9, personas, 0.5, sum(p.size for p in personas))
        published = await PointPersonaStore(self.persona_points).publish(
            PersonaDocument(
                "default",
                version,
                TOKEN,
                encode_personas(document),
                {persona.id: np.ones(DIMENSION, np.float32) for persona in personas},
            )
        )
        assert published
        await self.aggregates.put_snapshot(
            released_personas_name("default"), encode_personas(document)
        )

    async def publish_statistics(
        self,
        popular: dict[str, float],
        *,
        scope: str = "",
        users: int = 12,
        declaration: int = 0,
        stale: bool = False,
        tenant: str = "default",
        silenced: SilencedSnapshot | None = None,
    ) -> None:
        counts = tuple(
            ItemCount(item_key(tenant, item_id), score, round(score), 0)
            for item_id, score in popular.items()
        )
        rising = tuple(ItemTrend(count.item, 1.5, 4, 1) for count in counts[:1])
        snapshot = StatisticsSnapshot(
            tenant=tenant,
            scope=scope,
            as_of_ms=NOON_MS,
            stale=stale,
            users=users,
            directed=10,
            events={"interactions/like": 7, "interactions/a/b": 2, "documents/write": 1},
            popular=counts,
            trends={"1h": rising, "24h": (), "7d": ()},
            attributes={"country": {'"NL"': 3, '"DE"': 5, "true": 1}},
            mean=b"",
            declaration=declaration,
            silenced=silenced,
        )
        # As with groups that are large: what may be told is what there is.
        for name in (statistics_name(tenant, scope), released_name(tenant, scope)):
            await self.aggregates.put_snapshot(name, encode_statistics(snapshot))


LIBRARY: Final = {
    "moby": SEA,
    "typee": (0.9, 0.1, 0.0, 0.0),
    "omoo": (0.8, 0.2, 0.0, 0.0),
    "lupin": CRIME,
    "holmes": (0.1, 0.9, 0.0, 0.0),
    "sonnets": VERSE,
    "odes": (0.0, 0.1, 0.9, 0.0),
}


def client_of(lookup: Lookup, documents: Documents | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(lookup, documents=documents))
    return httpx.AsyncClient(transport=transport, base_url="http://strata.test")
