"""What can be asked of the read side. Reads the stores; never writes to them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain

from lookup.declared import DeclaredReader
from lookup.explanations import ExplainQuestion, Explanations
from lookup.items import ItemReader
from lookup.layers import Layers
from lookup.models import ModelReader
from lookup.options import DEFAULT_OPTIONS, LookupOptions, require_listed, require_name
from lookup.population import Population
from lookup.profile_answers import ProfileAnswers
from lookup.profile_json import ProfileAnswer, profiles_body
from lookup.published import PublishedReader, ReleasedReader, visible
from lookup.rankings import Rankings, RankQuestion
from lookup.remembered import Clock
from lookup.scoring import Pair, Scores
from lookup.similarity import Similarity
from lookup.users import UserReader
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.norms import NO_NORMS, Norms
from profiles.personas import decode_personas
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.ports import (
    AggregateStore,
    ItemStore,
    PersonaStore,
    ProfileCache,
    StoreUnavailable,
    UserStore,
    Vector,
)
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, Purpose
from profiles.queries import Level
from schemas.decoded import Choice
from schemas.explanation_views import ExplanationView
from schemas.views import (
    PersonasView,
    PersonaView,
    ProfilesView,
    ProfileView,
    RankingView,
    ReadinessView,
    ScoresView,
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

    What is told of groups of people is what the write side let out
    (`profiles.privacy.release`). `exact` has the counters as they are, for what runs beside
    the worker and shows them to nobody.

    Args:
        policy: The write side's, for the names of actions and for profiles that
            are not in the cache.
        declared: The write side's, too.
        norms: In force over every ranking.
        data_policy: The write side's, too.
        clock: Seconds that only grow.
        now_ms: Since the epoch.
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
        data_policy: DataPolicy = ANYTHING_GOES,
        options: LookupOptions = DEFAULT_OPTIONS,
        clock: Clock = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._user_store = users
        self._item_store = items
        self._persona_store = personas
        self._cache = cache
        self._aggregates = aggregates
        self._options = options
        self._data = data_policy
        # What is counted follows both files.
        declared = declared.under(data_policy.version)
        self._items = ItemReader(
            items,
            age_s=options.item_age_s,
            name_age_s=options.name_age_s,
            most=options.items_held,
            clock=clock,
            attributes=norms.item_attributes,
        )
        self._users = UserReader(
            users=users,
            cache=cache,
            items=self._items,
            policy=policy,
            data_policy=data_policy,
        )
        self._published = PublishedReader(
            personas=personas,
            aggregates=aggregates,
            age_s=options.published_age_s,
            most=options.scopes_held,
            clock=clock,
        )
        self._released = ReleasedReader(
            published=self._published,
            aggregates=aggregates,
            age_s=options.published_age_s,
            most=options.scopes_held,
            clock=clock,
        )
        self._models = ModelReader(
            published=self._published,
            aggregates=aggregates,
            policy=policy,
            most=options.models_held,
            first_wait_s=options.first_model_wait_s,
            clock=clock,
        )
        self._scores = Scores(users=self._users, models=self._models, data_policy=data_policy)
        self._rankings = Rankings(
            users=self._users,
            items=self._items,
            published=self._published,
            released=self._released,
            models=self._models,
            norms=norms,
            options=options,
            data_policy=data_policy,
            now_ms=now_ms,
        )
        self._declared = DeclaredReader(
            published=self._released, declared=declared, minimum_size=options.minimum_size
        )
        self._profiles = ProfileAnswers(
            users=self._users,
            items=self._items,
            layers=Layers(
                items=self._items,
                published=self._published,
                released=self._released,
                declared=self._declared,
                options=options,
                clock=clock,
            ),
            policy=policy,
            options=options,
            withheld=data_policy.barred(Purpose.RANKING),
            clock=clock,
        )
        self._population = Population(
            published=self._released,
            items=self._items,
            options=options,
            declared=self._declared,
            norms=norms,
        )
        self.exact = Population(
            published=self._published,
            items=self._items,
            options=options,
            declared=DeclaredReader(
                published=self._published, declared=declared, minimum_size=options.minimum_size
            ),
            norms=norms,
        )
        self._explanations = Explanations(
            users=self._users,
            items=self._items,
            published=self._published,
            released=self._released,
            personas=personas,
            aggregates=aggregates,
            policy=policy,
            options=options,
            withheld=data_policy.barred(Purpose.RANKING),
        )
        self._similarity = Similarity(
            user_store=users,
            item_store=items,
            users=self._users,
            items=self._items,
            published=self._released,
            options=options,
        )

    async def profile(self, tenant: str, user_id: str) -> ProfileView:
        """What is known about one user; an unknown user is answered from the global layer."""
        return ProfileView.model_validate_json((await self.profile_answer(tenant, user_id)).body)

    async def profile_for(self, purpose: Purpose, tenant: str, user_id: str) -> ProfileView:
        """`profile`, made of the data that serves this purpose and no other."""
        kinds = self._data.serving(purpose)
        if kinds == self._data.ranked:
            return await self.profile(tenant, user_id)
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        found = await self._users.profile_of(tenant, user_id, kinds)
        answer = await self._profiles.made_of(
            tenant, user_id, found, withheld=self._data.barred(purpose)
        )
        return ProfileView.model_validate_json(answer.body)

    async def profiles(self, tenant: str, user_ids: Sequence[str]) -> ProfilesView:
        """Several users with one request to the cache, in the order asked."""
        answers = await self.profile_answers(tenant, user_ids)
        return ProfilesView.model_validate_json(profiles_body(answers))

    async def profile_answer(self, tenant: str, user_id: str) -> ProfileAnswer:
        """`profile`, as the JSON that is sent."""
        (answer,) = await self.profile_answers(tenant, [user_id])
        return answer

    async def profile_answers(self, tenant: str, user_ids: Sequence[str]) -> list[ProfileAnswer]:
        """`profiles`, each as the JSON that is sent."""
        require_name("tenant", tenant)
        for user_id in user_ids:
            require_name("user_id", user_id)
        return await self._profiles.of(tenant, user_ids)

    async def explanation(
        self,
        tenant: str,
        user_id: str,
        *,
        half_life_s: float | None = None,
        half_rank: float | None = None,
        limit: int = 10,
    ) -> ExplanationView:
        """What each event is still worth and what it moved, by the real projection.

        Args:
            half_life_s, half_rank: To see what others than the policy's would change; > 0.
            limit: Longest list of items, in [1, 100].
        """
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        require_listed("limit", limit)
        return await self._explanations.answer(
            ExplainQuestion(
                tenant=tenant,
                user_id=user_id,
                half_life_s=half_life_s,
                half_rank=half_rank,
                limit=limit,
            )
        )

    async def rank(
        self,
        tenant: str,
        user_id: str,
        *,
        limit: int = 10,
        exclude_seen: bool = True,
        level: Level = Level.BLEND,
        at_ms: int | None = None,
        purposes: tuple[Purpose, ...] = (Purpose.RANKING,),
    ) -> RankingView:
        """Items for a user, best first, with reasons; norms win over what is learned.

        Args:
            limit: In [1, 100].
            exclude_seen: Leave out items of the user's kept entries.
            level: Whose evidence to use; without a learned model always the blend.
            at_ms: The moment asked about, ms since the epoch; None for now.
            purposes: What the answer is for; it is made of data that serves all of them.
        """
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        require_listed("limit", limit)
        return await self._rankings.answer(
            RankQuestion(
                tenant=tenant,
                user_id=user_id,
                limit=limit,
                exclude_seen=exclude_seen,
                level=level,
                at_ms=at_ms,
                purposes=purposes,
            )
        )

    async def score(
        self,
        tenant: str,
        user_id: str,
        *,
        items: Sequence[str] = (),
        pairs: Sequence[Pair] = (),
    ) -> ScoresView:
        """Whether a user is for each item, and which side of each pair they prefer."""
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        for item_id in items:
            require_name("items", item_id)
        for side in chain.from_iterable(pairs):
            if side.item_id is not None:
                require_name("pairs", side.item_id)
        return await self._scores.answer(tenant, user_id, items=items, pairs=pairs)

    async def sign(self, tenant: str, user_id: str, item_id: str) -> ScoresView:
        """Whether a user is for an item."""
        return await self.score(tenant, user_id, items=[item_id])

    async def pair(self, tenant: str, user_id: str, a: Choice, b: Choice) -> ScoresView:
        """Which of two a user prefers."""
        return await self.score(tenant, user_id, pairs=[(a, b)])

    async def close(self) -> None:
        """End what is being loaded; the stores stay the caller's to close."""
        await self._models.close()

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

    async def some_users(self, tenant: str, *, most: int) -> list[str]:
        """Ids of some users with an event, in order."""
        require_name("tenant", tenant)
        found: list[str] = []
        async for page in self._user_store.scan(tenant=tenant, page=most):
            found += [record.user_id for record in page if record.version > 0]
            if len(found) >= most:
                break
        return sorted(found[:most])

    async def persona_places(self, tenant: str) -> tuple[Mapping[str, Vector], int]:
        """Centroids of personas that are shown, and the version of the item space they lie in."""
        require_name("tenant", tenant)
        document = await self._persona_store.read(tenant)
        if document is None:
            return {}, 0
        told = (await self._released.personas(tenant)).value
        shown = visible(told, minimum_size=self._options.minimum_size)
        model = decode_personas(document.body).model
        centroids = {name: place for name, place in document.centroids.items() if name in shown}
        return centroids, 0 if model is None else model.space

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


async def _answer(asked: Awaitable[object]) -> StoreReadinessView:
    try:
        await asked
    except StoreUnavailable as error:
        return StoreReadinessView(ready=False, error=str(error))
    return StoreReadinessView(ready=True, error=None)
