"""The persona agent's engine: one fenced leader publishes personas, models and snapshots."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog
from msgspec.structs import replace

from profiles.contributions import size_in
from profiles.lineage import Lineage, trace
from profiles.personas import (
    Advantage,
    Persona,
    PersonaChange,
    PersonaSet,
    decode_personas,
    encode_personas,
    largest_shift,
    moved_to_means,
    preferred,
)
from profiles.ports import PersonaDocument, PersonaStore, Token, Vector
from schemas import topics
from schemas.announcements import PersonaAnnouncement, encode_announcement
from schemas.instants import rfc3339
from schemas.persona_events import PersonaEvent, PersonaFate
from schemas.snapshots import ModelPointer
from streams.emitter import Outgoing, Sender
from streams.knowledge import Knowledge
from streams.learners import Fitted
from streams.learning import Learned, Learning, Occasion
from streams.merging import Merged, Merger, mean_vector
from streams.ownership import Ownerships
from streams.releasing import Releaser
from streams.retrying import until_available

__all__ = ["LEADER_PARTITION", "PersonaEngine", "PersonaOptions"]

_log = structlog.get_logger(__name__)

LEADER_PARTITION: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaOptions:
    """How personas are published.

    Attributes:
        shift: Centroids are published when one has moved by more than this
            Euclidean distance on the unit sphere.
        labels: Labels per persona.
    """

    shift: float = 0.02
    labels: int = 8


@dataclass(slots=True)
class _Tenant:
    """What the leader remembers of a tenant between ticks."""

    published: PersonaSet | None = None
    centroids: Mapping[str, Vector] = field(default_factory=dict)
    learned: Learned | None = None

    @property
    def model(self) -> ModelPointer | None:
        return None if self.published is None else self.published.model


class PersonaEngine:
    """Merges partial sums, and publishes what was learned; the owner of partition 0 leads.

    Personas are sought with each refit of the models, in the item space that it brings.
    Between refits each centroid moves to the mean of its members (a Lloyd step over the
    merged sums).

    What is in force is one document, replaced by one fenced write: the personas, and
    where the models lie. So nobody sees one without the other, and a leader that dies
    or is deposed at any moment leaves the document before or the one after.
    """

    def __init__(
        self,
        *,
        store: PersonaStore,
        merger: Merger,
        releaser: Releaser,
        learning: Learning,
        ownerships: Ownerships,
        emitter: Sender,
        knowledge: Knowledge,
        options: PersonaOptions,
        dimension: int,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._merger = merger
        self._releaser = releaser
        self._learning = learning
        self._ownerships = ownerships
        self._emitter = emitter
        self._knowledge = knowledge
        self._options = options
        self._dimension = dimension
        self._clock_ms = clock_ms
        self._tenants: dict[str, _Tenant] = {}
        self._led_under: Token | None = None
        self._learned_ms: dict[tuple[str, str], int] = {}

    async def tick(self) -> bool:
        """One round of merging and publishing; False when another worker leads."""
        held = self._ownerships.held.get(LEADER_PARTITION)
        token = None if held is None else held.token
        if self._led_under != token:
            self._tenants.clear()
            self._learned_ms.clear()
            self._merger.begin(token)
            self._releaser.begin()
            await self._learning.reset()
            self._led_under = token
        if token is None:
            return False
        merged = await self._merger.merge()
        if self._merger.renewed:
            self._releaser.renew()
        settled = [one for one in merged if not one.stale]
        for one in settled:
            if one.tenant not in self._tenants:
                self._tenants[one.tenant] = await self._load(one.tenant)
        learned = await self._learning.step([self._occasion(one) for one in settled])
        if learned is not None:
            name = learned.occasion.tenant
            if name not in self._tenants:
                self._tenants[name] = await self._load(name)
            self._tenants[name].learned = learned
        for one in settled:
            await self._personas(one, token)
        for one in merged:
            await self._merger.publish(one)
            known = self._tenants.get(one.tenant)
            await self._releaser.publish(one, None if known is None else known.published)
        return True

    def _occasion(self, merged: Merged) -> Occasion:
        published = self._tenants[merged.tenant].published
        return Occasion(
            tenant=merged.tenant,
            users=merged.size("", b"directed"),
            events=merged.events,
            fitted_users=published.sought_users if published else 0,
            fitted_events=published.sought_events if published else 0,
            model=published.model if published else None,
        )

    async def _load(self, name: str) -> _Tenant:
        document = await until_available(partial(self._store.read, name))
        if document is None:
            return _Tenant()
        published = decode_personas(document.body)
        # The last leader may have died between publishing and telling.
        await self._tell(document, published, published.lineage)
        return _Tenant(published, document.centroids)

    async def _personas(self, merged: Merged, token: Token) -> None:
        tenant = self._tenants[merged.tenant]
        learned, tenant.learned = tenant.learned, None
        if learned is not None:
            await self._adopt(merged, tenant, token, learned)
            return
        if tenant.published is None:
            return
        moved = self._moved(merged, tenant)
        shifted = largest_shift(tenant.centroids, moved) > self._options.shift
        body = replace(
            tenant.published,
            personas=self._described(merged, moved if shifted else tenant.centroids, tenant),
            users=merged.size("", b"directed"),
        )
        if shifted or body.personas != tenant.published.personas:
            await self._publish(tenant, token, body, moved if shifted else tenant.centroids)

    def _moved(self, merged: Merged, tenant: _Tenant) -> Mapping[str, Vector]:
        """Centroids at their members' means, where all members have been re-projected."""
        space = size_in(tenant.model.space if tenant.model is not None else 0)
        if any(
            merged.size(scope, space) != merged.size(scope, b"directed")
            for scope in ("", *tenant.centroids)
        ):
            return tenant.centroids
        sums = {
            persona: mean_vector(merged.table(persona, "mean"), self._dimension)
            for persona in tenant.centroids
            if merged.size(persona, b"directed")
        }
        return moved_to_means(tenant.centroids, sums)

    async def _adopt(self, merged: Merged, tenant: _Tenant, token: Token, learned: Learned) -> None:
        """Put in force what was learned."""
        before = tenant.model
        pointer = _pointer(before, learned)
        if learned.fitted is None:
            if tenant.published is None or before is None or before.space != pointer.space:
                # Refreshed on a refit that was never put in force.
                await self._learning.forget(merged.tenant)
                return
            if (before.next_item, before.choices) != (pointer.next_item, pointer.choices):
                body = replace(tenant.published, model=pointer)
                await self._publish(tenant, token, body, tenant.centroids)
            return
        body, centroids = self._refitted(merged, tenant, learned, learned.fitted, pointer)
        await self._publish(tenant, token, body, centroids)
        _log.info(
            "personas sought",
            tenant=merged.tenant,
            personas=len(centroids),
            space=pointer.space,
            changes=len(body.lineage),
        )

    def _refitted(
        self,
        merged: Merged,
        tenant: _Tenant,
        learned: Learned,
        fitted: Fitted,
        pointer: ModelPointer,
    ) -> tuple[PersonaSet, dict[str, Vector]]:
        published = tenant.published
        # Stored personas may be older than the published ones; those carry nothing on.
        before = [name if name in tenant.centroids else None for name in learned.before]
        lineage = trace(
            before,
            fitted.nearest,
            clusters=len(fitted.centroids),
            next_number=published.next_number if published else 1,
        )
        centroids = dict(zip(lineage.ids, fitted.centroids, strict=True))
        advantages = dict(zip(lineage.ids, fitted.advantages, strict=False))
        version = (published.version if published else 0) + 1
        body = PersonaSet(
            tenant=merged.tenant,
            version=version,
            next_number=lineage.next_number,
            personas=self._described(merged, centroids, tenant, advantages),
            silhouette=fitted.silhouette,
            users=merged.size("", b"directed"),
            centroids_version=published.centroids_version if published else 0,
            sought_users=learned.occasion.users,
            sought_events=learned.occasion.events,
            model=pointer,
            lineage=_changes(lineage, version, self._clock_ms()),
        )
        return body, centroids

    async def _publish(
        self, tenant: _Tenant, token: Token, body: PersonaSet, centroids: Mapping[str, Vector]
    ) -> None:
        """Replace the document, then tell; what is refused is read again by the next tick."""
        before = tenant.published
        fresh = before is None or body.lineage != before.lineage
        moved = largest_shift(tenant.centroids, centroids) > 0
        spaced = (
            before is None
            or before.model is None
            or body.model is None
            or (
                before.model.item_space != body.model.item_space
                or before.model.space != body.model.space
            )
        )
        told = moved or spaced
        body = replace(
            body,
            version=(before.version if before else 0) + 1,
            centroids_version=(before.centroids_version if before else 0) + told,
        )
        document = PersonaDocument(
            tenant=body.tenant,
            version=body.version,
            token=token,
            body=encode_personas(body),
            centroids=centroids,
        )
        await self._ownerships.confirm([LEADER_PARTITION])
        if not await until_available(partial(self._store.publish, document)):
            # What is stored is newer than what we remember.
            del self._tenants[body.tenant]
            await self._learning.forget(body.tenant)
            return
        tenant.published, tenant.centroids = body, centroids
        if told or fresh:
            await self._tell(document, body, body.lineage if fresh else ())
        self._note_learned(body.tenant, before.model if before else None, body.model)
        if body.model is not None and (before is None or body.model != before.model):
            await self._learning.published(body.tenant, body.model)

    def _note_learned(
        self, tenant: str, before: ModelPointer | None, now: ModelPointer | None
    ) -> None:
        if now is None:
            return
        for model, held, fresh in (
            ("item-space", before and before.item_space, now.item_space),
            ("next-item", before and before.next_item, now.next_item),
            ("choices", before and before.choices, now.choices),
        ):
            if fresh is not None and fresh != held:
                self._learned_ms[tenant, model] = self._clock_ms()

    def learned_s(self) -> dict[str, float]:
        """When what is in force was learned, in seconds since the epoch; the oldest of all tenants.

        Only what this worker has put in force since it began to lead.
        """
        oldest: dict[str, float] = {}
        for (_, model), at_ms in list(self._learned_ms.items()):
            oldest[model] = min(oldest.get(model, at_ms / 1e3), at_ms / 1e3)
        return oldest

    @property
    def leads(self) -> bool:
        """This worker owned the leading partition at the last tick."""
        return self._led_under is not None

    async def _tell(
        self, document: PersonaDocument, body: PersonaSet, changes: Iterable[PersonaChange]
    ) -> None:
        """Announce the centroids to every worker, and to others what became of personas."""
        key = document.tenant.encode()
        announcement = PersonaAnnouncement(
            tenant=document.tenant,
            version=body.centroids_version,
            token=document.token,
            centroids={
                persona: centroid.astype("<f4").tobytes()
                for persona, centroid in document.centroids.items()
            },
            space=body.model.space if body.model is not None else 0,
            item_space=body.model.item_space if body.model is not None else None,
        )
        await self._emitter.send(
            [
                Outgoing(topics.PERSONAS, 0, key, encode_announcement(announcement)),
                *(
                    Outgoing(topics.PERSONA_EVENTS, 0, key, _event(document.tenant, change))
                    for change in changes
                ),
            ]
        )

    def _described(
        self,
        merged: Merged,
        centroids: Iterable[str],
        tenant: _Tenant,
        advantages: Mapping[str, Advantage] | None = None,
    ) -> tuple[Persona, ...]:
        """Size and labels of each, from the counters of its members."""
        if advantages is None:
            known = () if tenant.published is None else tenant.published.personas
            advantages = {one.id: one.advantage for one in known if one.advantage is not None}
        overall = self._texts(merged.table("", "positive"))
        return tuple(
            Persona(
                persona,
                merged.size(persona, b"directed"),
                preferred(
                    self._texts(merged.table(persona, "positive")),
                    overall,
                    most=self._options.labels,
                ),
                advantages.get(persona),
            )
            for persona in sorted(centroids)
        )

    def _texts(self, positive: Mapping[bytes, int]) -> dict[str, int]:
        """Counts by item title and by the items' subjects."""
        counts: dict[str, int] = {}
        for item, count in positive.items():
            for text in self._knowledge.texts(int.from_bytes(item, "little")):
                counts[text] = counts.get(text, 0) + count
        return counts


def _pointer(before: ModelPointer | None, learned: Learned) -> ModelPointer:
    """A refit that came to the same item space, bit for bit, is no new version of it."""
    same = before is not None and before.item_space == learned.item_space
    return ModelPointer(
        version=(before.version if before else 0) + 1,
        space=(before.space if before else 0) + (not same),
        item_space=learned.item_space,
        next_item=learned.next_item,
        choices=learned.choices,
    )


def _changes(lineage: Lineage, version: int, found_ms: int) -> tuple[PersonaChange, ...]:
    return tuple(
        PersonaChange(
            fate=one.fate.value,
            persona=one.persona,
            other=one.other,
            members=one.members,
            version=version,
            found_ms=found_ms,
        )
        for one in lineage.transitions
    )


def _event(tenant: str, change: PersonaChange) -> bytes:
    return (
        PersonaEvent(
            event_id=f"{tenant}/{change.version}/{change.persona}",
            occurred_at=rfc3339(change.found_ms),
            tenant=tenant,
            version=change.version,
            fate=PersonaFate(change.fate),
            persona=change.persona,
            other=change.other,
            members=change.members,
        )
        .model_dump_json()
        .encode()
    )
