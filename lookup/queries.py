"""What can be asked of the read side. Reads the stores; never writes to them."""

import asyncio
import time
from collections.abc import Awaitable, Sequence

from lookup.declared import DeclaredReader
from lookup.footing import (
    Footing,
    find_footing,
)
from lookup.governing import govern_ranking
from lookup.items import ItemReader
from lookup.options import DEFAULT_OPTIONS, LookupOptions, require_listed, require_name
from lookup.population import Population
from lookup.presenting import (
    Asked,
    evidence_view,
    profile_view,
    ranked_views,
    weights_view,
)
from lookup.published import PublishedReader
from lookup.remembered import Clock
from lookup.similarity import Similarity
from lookup.users import UserReader, vector_of
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.ids import item_key
from profiles.norms import NO_NORMS, Norms
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.ports import (
    AggregateStore,
    ItemStore,
    PersonaStore,
    ProfileCache,
    StoreUnavailable,
    UserStore,
)
from profiles.ranking import nearest_liked, rank
from schemas.snapshots import CachedProfile, ItemCount, StatisticsSnapshot
from schemas.views import (
    PersonasView,
    PersonaView,
    ProfilesView,
    ProfileView,
    RankingView,
    ReadinessView,
    SimilarItemsView,
    SimilarUsersView,
    StatisticsView,
    StoreReadinessView,
)

__all__ = ["Lookup"]


class Lookup:
    """Answers from the stores.

    Every method may raise `InvalidName`, and `StoreUnavailable` where no
    sensible answer is left; what is merely older than it should be comes back
    with `stale` set. Ids and tenants have 1 to 512 bytes of UTF-8.

    A profile found in the cache takes one request to Redis, and none elsewhere
    while the personas, statistics and items it names are remembered.

    Args:
        policy: The write side's, for the names of actions and for profiles that
            are not in the cache.
        declared: The write side's, too.
        norms: In force over every ranking.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        items: ItemStore,
        personas: PersonaStore,
        cache: ProfileCache,
        aggregates: AggregateStore,
        policy: Policy = DEFAULT_POLICY,
        declared: DeclaredPersonas = NOTHING_DECLARED,
        norms: Norms = NO_NORMS,
        options: LookupOptions = DEFAULT_OPTIONS,
        clock: Clock = time.monotonic,
    ) -> None:
        self._user_store = users
        self._item_store = items
        self._persona_store = personas
        self._cache = cache
        self._aggregates = aggregates
        self._policy = policy
        self._options = options
        self._items = ItemReader(
            items,
            age_s=options.item_age_s,
            most=options.items_held,
            clock=clock,
            attributes=norms.item_attributes,
        )
        self._users = UserReader(users=users, cache=cache, items=self._items, policy=policy)
        self._published = PublishedReader(
            personas=personas,
            aggregates=aggregates,
            age_s=options.published_age_s,
            most=options.scopes_held,
            clock=clock,
        )
        self._norms = norms
        self._declared = DeclaredReader(
            published=self._published, declared=declared, minimum_size=options.minimum_size
        )
        self._population = Population(
            published=self._published,
            items=self._items,
            options=options,
            declared=self._declared,
            norms=norms,
        )
        self._similarity = Similarity(
            user_store=users,
            item_store=items,
            users=self._users,
            items=self._items,
            published=self._published,
            options=options,
        )

    async def profile(self, tenant: str, user_id: str) -> ProfileView:
        """What is known about one user; an unknown user is answered from the global layer."""
        return (await self.profiles(tenant, [user_id])).profiles[0]

    async def profiles(self, tenant: str, user_ids: Sequence[str]) -> ProfilesView:
        """Several users with one request to the cache, in the order asked."""
        require_name("tenant", tenant)
        for user_id in user_ids:
            require_name("user_id", user_id)
        found = await self._users.profiles(tenant, user_ids)
        return ProfilesView(
            profiles=tuple(
                [
                    await self._profile_view(Asked(tenant=tenant, user_id=user_id), profile)
                    for user_id, profile in zip(user_ids, found, strict=True)
                ]
            )
        )

    async def rank(
        self, tenant: str, user_id: str, *, limit: int = 10, exclude_seen: bool = True
    ) -> RankingView:
        """Items for a user, best first, with reasons; norms win over what is learned.

        Args:
            limit: In [1, 100].
            exclude_seen: Leave out items of the user's kept entries.
        """
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        require_listed("limit", limit)
        person = await self._users.with_history(tenant, user_id)
        profile = None if person is None else person.profile
        footing = await self._footing(tenant, profile)
        seen = person.seen if person is not None and exclude_seen else frozenset[int]()
        vector = None if profile is None else vector_of(profile)

        most = self._options.candidates_per_layer
        persona = _unseen(footing.persona, seen)
        everybody = _unseen(footing.everybody, seen)
        norms = self._norms.for_user({} if profile is None else profile.attributes)
        candidates = {count.item for count in (*persona[:most], *everybody[:most])}
        candidates.update(item_key(tenant, item_id) for item_id in norms.admitted)
        if vector is not None:
            near = await self._items.nearest(
                tenant=tenant, vector=vector, limit=max(most, limit), exclude=seen
            )
            candidates.update(hit.record.key for hit in near)
        likes = [
            interest.item
            for interest in (() if profile is None else profile.interests)
            if interest.worth > 0
        ]
        items = (await self._items.read([*candidates, *likes])).complete()
        ranked = rank(
            [items[key] for key in candidates if key in items],
            weights=footing.weights,
            user_vector=vector,
            persona_popularity={count.item: count.score for count in persona},
            global_popularity={count.item: count.score for count in everybody},
            seen=seen,
            # Norms may take from anywhere in it.
            limit=len(candidates) if norms.norms else limit,
        )
        governed = await govern_ranking(
            ranked, norms, tenant=tenant, items=self._items, limit=limit
        )
        liked = [items[key] for key in dict.fromkeys(likes) if key in items]
        return RankingView(
            tenant=tenant,
            user_id=user_id,
            known=profile is not None,
            level=footing.weights.leading,
            persona=footing.membership,
            persona_absent=footing.absent,
            evidence=evidence_view(profile),
            weights=weights_view(footing.weights),
            exclude_seen=exclude_seen,
            items=ranked_views(
                governed.places,
                nearest_liked([place.item for place in governed.places], liked),
                footing,
                placed_by=governed.placed_by,
            ),
            stale=bool(footing.stale_because),
            stale_because=footing.stale_because,
            norms=governed.norms,
        )

    async def personas(self, tenant: str) -> PersonasView:
        """The personas that are large enough to be shown, largest first."""
        return await self._population.personas(tenant)

    async def persona(self, tenant: str, persona_id: str) -> PersonaView:
        """One persona.

        Raises:
            UnknownPersona: not published, or hidden.
        """
        return await self._population.persona(tenant, persona_id)

    async def statistics(
        self, tenant: str, persona: str | None = None, *, most: int = 20
    ) -> StatisticsView:
        """Statistics of everybody or of one persona.

        Args:
            most: Popular and rising items shown, in [1, 100].

        Raises:
            UnknownPersona: not published, or hidden.
        """
        return await self._population.statistics(tenant, persona, most=most)

    async def similar_items(
        self, tenant: str, item_id: str, *, limit: int = 10
    ) -> SimilarItemsView:
        """Described, unretired items nearest to this one.

        Raises:
            UnknownItem: no event ever named it.
        """
        return await self._similarity.similar_items(tenant, item_id, limit=limit)

    async def similar_users(
        self, tenant: str, user_id: str, *, limit: int = 10
    ) -> SimilarUsersView:
        """Users of the tenant whose vectors point the same way."""
        return await self._similarity.similar_users(tenant, user_id, limit=limit)

    async def readiness(self) -> ReadinessView:
        """Whether every store answers, each asked for something small."""
        asked: dict[str, Awaitable[object]] = {
            "users": self._user_store.read([bytes(16)]),
            "items": self._item_store.read([0]),
            "personas": self._persona_store.read("default"),
            "cache": self._cache.get([bytes(16)]),
            "aggregates": self._aggregates.get_snapshots(["readiness"]),
        }
        answers = await asyncio.gather(*(_answer(question) for question in asked.values()))
        stores = dict(zip(asked, answers, strict=True))
        return ReadinessView(ready=all(store.ready for store in stores.values()), stores=stores)

    async def _footing(self, tenant: str, profile: CachedProfile | None) -> Footing:
        return await find_footing(
            self._published,
            tenant=tenant,
            profile=profile,
            minimum_size=self._options.minimum_size,
            shrinkage=self._options.shrinkage,
        )

    async def _profile_view(self, asked: Asked, profile: CachedProfile | None) -> ProfileView:
        footing = await self._footing(asked.tenant, profile)
        above = footing.persona or footing.everybody
        popular = () if above is None else above.popular[: self._options.popular]
        interests = () if profile is None else profile.interests
        items = await self._items.read(
            [*(known.item for known in interests), *(count.item for count in popular)]
        )
        declared = await self._declared.of(asked.tenant, profile)
        miscounted = [text for counted in declared for text in counted.stale_because]
        unnamed = () if items.trouble is None else ("some items could not be read just now",)
        return profile_view(
            asked,
            profile,
            footing,
            items.by_key,
            popular,
            declared=[counted.membership() for counted in declared],
            stale_because=tuple(dict.fromkeys((*footing.stale_because, *miscounted, *unnamed))),
            policy=self._policy,
        )


def _unseen(snapshot: StatisticsSnapshot | None, seen: frozenset[int]) -> list[ItemCount]:
    """Popular items that are left to show, most popular first."""
    return (
        [] if snapshot is None else [count for count in snapshot.popular if count.item not in seen]
    )


async def _answer(asked: Awaitable[object]) -> StoreReadinessView:
    try:
        await asked
    except StoreUnavailable as error:
        return StoreReadinessView(ready=False, error=str(error))
    return StoreReadinessView(ready=True, error=None)
