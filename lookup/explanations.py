"""The question why: a user's projection taken apart, as it is or with other half-lives."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lookup.footing import find_footing
from lookup.items import ItemReader
from lookup.options import LookupOptions
from lookup.presenting import action_names, evidence_view, title_of, weights_view
from lookup.published import PublishedReader, ReleasedReader, visible
from lookup.users import UserReader, UserWithHistory
from profiles.catalogue import ItemCatalogue
from profiles.explaining import Evidence, Explanation, explain
from profiles.nextitem.itemspace import ItemSpace
from profiles.personas import Centroids
from profiles.policy import Policy
from profiles.ports import AggregateStore, ItemRecord, PersonaStore
from profiles.ranking import layer_weights
from profiles.state import EMPTY_STATE
from schemas.explanation_views import (
    EventEvidenceView,
    ExplanationView,
    MovedByView,
    MovedItemView,
)
from schemas.instants import rfc3339
from schemas.snapshots import ModelPointer
from schemas.views import NamedItemView
from stores.blobs import get_blob

__all__ = ["ExplainQuestion", "Explanations"]

_MOST_PARTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainQuestion:
    """What is asked.

    Attributes:
        half_life_s, half_rank: None for those in force; > 0.
        limit: Longest list of items, ≥ 1.
    """

    tenant: str
    user_id: str
    half_life_s: float | None = None
    half_rank: float | None = None
    limit: int = 10


class Explanations:
    """Errors as in `Lookup`."""

    def __init__(
        self,
        *,
        users: UserReader,
        items: ItemReader,
        published: PublishedReader,
        released: ReleasedReader,
        personas: PersonaStore,
        aggregates: AggregateStore,
        policy: Policy,
        options: LookupOptions,
        withheld: tuple[str, ...] = (),
    ) -> None:
        self._users = users
        self._items = items
        self._published = published
        self._released = released
        self._personas = personas
        self._aggregates = aggregates
        self._policy = policy
        self._options = options
        self._withheld = withheld
        self._spaces: dict[str, tuple[ModelPointer, ItemSpace]] = {}

    async def answer(self, asked: ExplainQuestion) -> ExplanationView:
        """The user's layer with the half-lives asked for; nothing is stored."""
        policy = replace(
            self._policy,
            half_life_s=asked.half_life_s or self._policy.half_life_s,
            half_rank=asked.half_rank or self._policy.half_rank,
        )
        person = await self._users.with_history(asked.tenant, asked.user_id)
        footing = await find_footing(
            self._published,
            self._released,
            tenant=asked.tenant,
            profile=None if person is None else person.profile,
            minimum_size=self._options.minimum_size,
            shrinkage=self._options.shrinkage,
        )
        seen = frozenset[int]() if person is None else person.seen
        popular = [
            count.item
            for layer in (footing.persona, footing.everybody)
            if layer is not None
            for count in layer.popular[: self._options.candidates_per_layer]
        ]
        near = await self._near(asked.tenant, person, seen)
        items = (await self._items.read([*seen, *near, *popular])).complete()
        offered = tuple(
            key
            for key in dict.fromkeys([*near, *popular])
            if key not in seen and key in items and _is_offered(items[key])
        )
        space, catalogue = await self._catalogue(asked.tenant, person, items.values())
        state = EMPTY_STATE if person is None else person.state
        found = await asyncio.to_thread(explain, state, catalogue, policy, offered)
        return ExplanationView(
            tenant=asked.tenant,
            user_id=asked.user_id,
            known=person is not None,
            half_life_s=policy.half_life_s,
            half_rank=policy.half_rank,
            policy_half_life_s=self._policy.half_life_s,
            policy_half_rank=self._policy.half_rank,
            space=space,
            persona=await self._nearest_persona(asked.tenant, found, space),
            evidence=evidence_view(None if person is None else person.profile).model_copy(
                update={
                    "mass": found.projection.mass,
                    "effective_sample_size": found.projection.effective_sample_size,
                }
            ),
            weights=weights_view(
                layer_weights(
                    effective_sample_size=(
                        found.projection.effective_sample_size
                        if found.projection.vector.any()
                        else 0.0
                    ),
                    persona_size=0 if footing.membership is None else footing.membership.size,
                    shrinkage=self._options.shrinkage,
                )
            ),
            events=_event_views(found, items, person, policy),
            items=_item_views(found, offered, items, limit=asked.limit),
            stale=bool(footing.stale_because),
            stale_because=footing.stale_because,
            withheld=self._withheld,
        )

    async def _near(
        self, tenant: str, person: UserWithHistory | None, seen: frozenset[int]
    ) -> list[int]:
        """Items whose texts lie where the user stands now: candidates beside the popular ones."""
        direction = None if person is None else await self._users.text_direction(person)
        if direction is None:
            return []
        return await self._items.nearest_keys(
            tenant=tenant,
            vector=direction,
            limit=self._options.candidates_per_layer,
            exclude=seen,
        )

    async def _catalogue(
        self, tenant: str, person: UserWithHistory | None, items: Iterable[ItemRecord]
    ) -> tuple[int, ItemCatalogue]:
        """The items in the space that the user stands in, and its version; 0 for texts."""
        described = [item for item in items if item.revision > 0]
        personas = (await self._published.personas(tenant)).value
        model = None if personas is None else personas.model
        space = None
        if person is not None and model is not None and person.profile.space == model.space:
            space = await self._space(tenant, model)
        if space is None or model is None:
            catalogue = ItemCatalogue(len(described[0].vector) if described else 1)
            for item in described:
                catalogue.put(item.key, item.vector)
            return 0, catalogue
        catalogue = ItemCatalogue(space.dimension)
        keys = [item.key for item in described]
        places = space.places(keys, [item.vector for item in described])
        for key, place in zip(keys, places, strict=True):
            catalogue.put(key, place)
        return model.space, catalogue

    async def _nearest_persona(self, tenant: str, found: Explanation, space: int) -> str | None:
        """Only where centroids lie in the same space."""
        document = await self._personas.read(tenant)
        personas = (await self._published.personas(tenant)).value
        if document is None or personas is None or not found.projection.vector.any():
            return None
        if space != (0 if personas.model is None else personas.model.space):
            return None
        vector = found.projection.vector
        if any(centroid.shape != vector.shape for centroid in document.centroids.values()):
            return None
        (nearest,) = Centroids(0, document.centroids).assign(vector[None])
        told = (await self._released.personas(tenant)).value
        shown = visible(told, minimum_size=self._options.minimum_size)
        return nearest if nearest in shown else None

    async def _space(self, tenant: str, model: ModelPointer) -> ItemSpace | None:
        """The item space in force, kept until another is; None if it is not there."""
        held = self._spaces.pop(tenant, None)
        if held is None or held[0].item_space != model.item_space:
            body = await get_blob(self._aggregates, tenant, model.item_space)
            if body is None:
                return None
            held = model, await asyncio.to_thread(ItemSpace.from_bytes, body)
        self._spaces[tenant] = held
        while len(self._spaces) > self._options.models_held:
            del self._spaces[next(iter(self._spaces))]
        return held[1]


def _is_offered(item: ItemRecord) -> bool:
    return item.revision > 0 and not item.retired


def _event_views(
    found: Explanation,
    items: dict[int, ItemRecord],
    person: UserWithHistory | None,
    policy: Policy,
) -> tuple[EventEvidenceView, ...]:
    names = {} if person is None else action_names(person.profile, policy)
    mass = found.projection.mass
    return tuple(
        EventEvidenceView(
            item=_named(one, items),
            action=names.get(one.action, "other"),
            at=rfc3339(one.time_ms),
            data_type=one.data_type.value,
            weight=one.weight,
            decay=one.decay,
            worth=one.worth,
            share=min(1.0, abs(one.worth) / mass) if one.counts and mass > 0 else 0.0,
            counts=one.counts,
        )
        for one in found.evidence
    )


def _named(one: Evidence, items: dict[int, ItemRecord]) -> NamedItemView | None:
    item = None if one.item is None else items.get(one.item)
    return None if item is None else NamedItemView(item_id=item.item_id, title=title_of(item))


def _item_views(
    found: Explanation,
    offered: Sequence[int],
    items: dict[int, ItemRecord],
    *,
    limit: int,
) -> tuple[MovedItemView, ...]:
    near = [
        (-score, items[key].item_id, column, items[key])
        for column, (key, score) in enumerate(zip(offered, found.nearness.tolist(), strict=True))
        if score > 0
    ]
    views: list[MovedItemView] = []
    for score, _, column, item in sorted(near, key=lambda one: one[:2])[:limit]:
        parts = found.parts[:, column].tolist()
        strongest = sorted(range(len(parts)), key=lambda event: -abs(parts[event]))
        views.append(
            MovedItemView(
                item_id=item.item_id,
                title=title_of(item),
                score=-score,
                moved_by=tuple(
                    MovedByView(event=event, part=parts[event])
                    for event in strongest[:_MOST_PARTS]
                    if parts[event]
                ),
            )
        )
    return tuple(views)
