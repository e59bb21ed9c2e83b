"""The persona agent's engine: one fenced leader publishes centroids and snapshots."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import structlog

from profiles.personas import (
    Label,
    Persona,
    PersonaSet,
    decode_personas,
    discover,
    encode_personas,
    largest_shift,
    match_ids,
    moved_to_means,
    preferred,
)
from profiles.ports import PersonaDocument, PersonaStore, Token, UserStore, Vector
from schemas import topics
from schemas.announcements import PersonaAnnouncement, encode_announcement
from streams.emitter import Outgoing, Sender
from streams.knowledge import Knowledge
from streams.merging import Merged, Merger, mean_vector
from streams.ownership import Ownerships
from streams.retrying import until_available

__all__ = ["LEADER_PARTITION", "PersonaEngine", "PersonaOptions"]

_log = structlog.get_logger(__name__)

LEADER_PARTITION: Final = 0
_NOTABLE: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaOptions:
    """When and how personas are recomputed.

    Attributes:
        least_users: Users with a vector before personas are sought; ≥ 2.
        number: Fixed number of personas, or None to choose by silhouette.
        most: Largest number tried when choosing.
        growth: An exact recompute is due when users or events have grown by this factor.
        exact_interval_s: … or when so much time has passed since the last one.
        shift: Centroids are published when one has moved by more than this
            Euclidean distance on the unit sphere.
        sample: Users that an exact recompute looks at, at most.
        labels: Labels per persona.
    """

    least_users: int = 20
    number: int | None = None
    most: int = 12
    growth: float = 1.5
    exact_interval_s: float = 900.0
    shift: float = 0.02
    sample: int = 20_000
    labels: int = 8
    seed: int = 0


@dataclass(slots=True)
class _Tenant:
    """What the leader remembers of a tenant between ticks."""

    document: PersonaDocument | None = None
    published: PersonaSet | None = None
    exact_users: int = 0
    exact_events: int = 0
    events: int = 0
    exact_at_s: float = 0.0
    loaded: bool = False
    centroids: Mapping[str, Vector] = field(default_factory=dict)


class PersonaEngine:
    """Merges partial sums, recomputes and publishes; the owner of partition 0 leads.

    Between exact recomputes each centroid moves to the mean of its members (a
    Lloyd step over the merged sums); now and then clusters are sought afresh over
    the stored vectors, ids carried over by optimal matching.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        store: PersonaStore,
        merger: Merger,
        ownerships: Ownerships,
        emitter: Sender,
        knowledge: Knowledge,
        options: PersonaOptions,
        dimension: int,
        clock_s: Callable[[], float],
    ) -> None:
        self._users = users
        self._store = store
        self._merger = merger
        self._ownerships = ownerships
        self._emitter = emitter
        self._knowledge = knowledge
        self._options = options
        self._dimension = dimension
        self._clock_s = clock_s
        self._tenants: dict[str, _Tenant] = {}
        self._led_under: Token | None = None

    async def tick(self) -> bool:
        """One round of merging and publishing; False when another worker leads."""
        held = self._ownerships.held.get(LEADER_PARTITION)
        if held is None:
            self._led_under = None
            return False
        if self._led_under != held.token:
            self._tenants.clear()
            self._merger.forget_published()
            self._led_under = held.token
        for merged in await self._merger.merge():
            if not merged.stale:
                await self._personas(merged, held.token)
            await self._merger.publish(merged)
        return True

    async def _personas(self, merged: Merged, token: Token) -> None:
        tenant = self._tenants.setdefault(merged.tenant, _Tenant())
        if not tenant.loaded:
            await self._load(merged.tenant, tenant)
        directed = merged.size("", b"directed")
        quiet = tenant.events == merged.events
        tenant.events = merged.events
        if directed < self._options.least_users:
            return
        if self._exact_is_due(tenant, directed, quiet=quiet):
            await self._recompute(merged, tenant, token, directed)
            return
        sums = {
            persona: mean_vector(merged.table(persona, "mean"), self._dimension)
            for persona in tenant.centroids
            if merged.size(persona, b"directed")
        }
        moved = moved_to_means(tenant.centroids, sums)
        if largest_shift(tenant.centroids, moved) > self._options.shift:
            await self._publish(merged, tenant, token, moved, new_centroids=True)
        else:
            await self._publish(merged, tenant, token, tenant.centroids, new_centroids=False)

    def _exact_is_due(self, tenant: _Tenant, directed: int, *, quiet: bool) -> bool:
        growth = self._options.growth
        if not tenant.centroids or directed >= growth * tenant.exact_users:
            return True
        if tenant.events >= growth * tenant.exact_events:
            return True
        if tenant.events == tenant.exact_events:
            return False
        # A load has ended: what was found in the middle of it is made good at once
        # if it was much, else with the interval.
        much = tenant.events >= _NOTABLE * tenant.exact_events
        waited = self._clock_s() - tenant.exact_at_s >= self._options.exact_interval_s
        return (quiet and much) or waited

    async def _load(self, name: str, tenant: _Tenant) -> None:
        document = await until_available(partial(self._store.read, name))
        if document is not None:
            tenant.document = document
            tenant.published = decode_personas(document.body)
            tenant.centroids = document.centroids
            tenant.exact_users = tenant.published.sought_users
            tenant.exact_events = tenant.published.sought_events
            tenant.exact_at_s = self._clock_s()
            # The last leader may have died between publishing and announcing.
            await self._announce(name, document, tenant.published)
        tenant.loaded = True

    async def _recompute(
        self, merged: Merged, tenant: _Tenant, token: Token, directed: int
    ) -> None:
        vectors = await self._sample(merged.tenant)
        if len(vectors) < self._options.least_users:
            return
        found = await asyncio.to_thread(
            discover,
            vectors,
            most=self._options.most,
            seed=self._options.seed,
            fixed=self._options.number,
        )
        next_number = tenant.published.next_number if tenant.published else 1
        ids, next_number = match_ids(tenant.centroids, found.centroids, next_number=next_number)
        centroids = dict(zip(ids, found.centroids, strict=True))
        tenant.exact_users = directed
        tenant.exact_events = merged.events
        tenant.exact_at_s = self._clock_s()
        _log.info("personas recomputed", tenant=merged.tenant, personas=len(ids), users=directed)
        await self._publish(
            merged,
            tenant,
            token,
            centroids,
            new_centroids=True,
            next_number=next_number,
            silhouette=found.silhouette,
        )

    async def _sample(self, tenant: str) -> Vector:
        """Vectors of users with a direction: all, or a uniform sample (reservoir; Vitter 1985)."""
        random = np.random.default_rng(self._options.seed)
        kept: list[Vector] = []
        seen = 0
        async for page in self._users.scan(tenant=tenant):
            for record in page:
                if not record.mass or not record.vector.any():
                    continue
                seen += 1
                if len(kept) < self._options.sample:
                    kept.append(record.vector)
                elif (place := int(random.integers(seen))) < self._options.sample:
                    kept[place] = record.vector
        return np.stack(kept) if kept else np.zeros((0, self._dimension), np.float32)

    async def _publish(
        self,
        merged: Merged,
        tenant: _Tenant,
        token: Token,
        centroids: Mapping[str, Vector],
        *,
        new_centroids: bool,
        next_number: int | None = None,
        silhouette: float | None = None,
    ) -> None:
        before = tenant.published
        body = PersonaSet(
            tenant=merged.tenant,
            version=(before.version if before else 0) + 1,
            next_number=next_number or (before.next_number if before else 1),
            personas=tuple(self._persona(merged, persona) for persona in sorted(centroids)),
            silhouette=silhouette
            if silhouette is not None
            else (before.silhouette if before else 0),
            users=merged.size("", b"directed"),
            sought_users=tenant.exact_users,
            sought_events=tenant.exact_events,
            centroids_version=(before.centroids_version if before else 0) + new_centroids,
        )
        if before and not new_centroids and body.personas == before.personas:
            return
        document = PersonaDocument(
            tenant=merged.tenant,
            version=body.version,
            token=token,
            body=encode_personas(body),
            centroids=centroids,
        )
        await self._ownerships.confirm([LEADER_PARTITION])
        if not await until_available(partial(self._store.publish, document)):
            # Refused: what is stored is newer than what we remember.
            tenant.loaded = False
            return
        tenant.document, tenant.published, tenant.centroids = document, body, centroids
        if new_centroids:
            await self._announce(merged.tenant, document, body)

    async def _announce(self, name: str, document: PersonaDocument, body: PersonaSet) -> None:
        announcement = PersonaAnnouncement(
            tenant=name,
            version=body.centroids_version,
            token=document.token,
            centroids={
                persona: centroid.astype("<f4").tobytes()
                for persona, centroid in document.centroids.items()
            },
        )
        value = encode_announcement(announcement)
        await self._emitter.send([Outgoing(topics.PERSONAS, 0, name.encode(), value)])

    def _persona(self, merged: Merged, persona: str) -> Persona:
        """Size and labels, from the counters of the persona's members."""
        inside = self._texts(merged.table(persona, "positive"))
        overall = self._texts(merged.table("", "positive"))
        labels: tuple[Label, ...] = preferred(inside, overall, most=self._options.labels)
        return Persona(persona, merged.size(persona, b"directed"), labels)

    def _texts(self, positive: Mapping[bytes, int]) -> dict[str, int]:
        """Counts by item title and by the items' subjects."""
        counts: dict[str, int] = {}
        for item, count in positive.items():
            for text in self._knowledge.texts(int.from_bytes(item, "little")):
                counts[text] = counts.get(text, 0) + count
        return counts
