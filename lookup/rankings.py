"""The question what to show a user: by the learned model, or by evidence before there is one."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from lookup.footing import Footing, find_footing, footing_among
from lookup.governing import govern_ranking
from lookup.items import ItemReader
from lookup.learned import learned_answer
from lookup.models import ModelReader, Models
from lookup.options import LookupOptions
from lookup.presenting import evidence_view, ranked_views, weights_view
from lookup.published import PublishedReader, ReleasedReader
from lookup.users import UserReader, UserWithHistory
from profiles.ids import item_key
from profiles.norms import Norms
from profiles.ports import ItemRecord
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, Purpose
from profiles.queries import Level
from profiles.ranking import LayerWeights, Ranked, nearest_liked, rank
from profiles.state import EMPTY_STATE
from schemas.snapshots import StatisticsSnapshot
from schemas.views import LearnedView, RankingView

__all__ = ["RankQuestion", "Rankings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankQuestion:
    """What is asked.

    Attributes:
        limit: ≥ 1.
        exclude_seen: Leave out items of the user's kept entries.
        level: Whose evidence the answer uses; others than the blend need a learned model.
        at_ms: The moment asked about; None for now.
        purposes: What the answer is for; it is made of data that serves all of them.
    """

    tenant: str
    user_id: str
    limit: int
    exclude_seen: bool
    level: Level = Level.BLEND
    at_ms: int | None = None
    purposes: tuple[Purpose, ...] = (Purpose.RANKING,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A ranking before norms: more than will be shown, best first."""

    ranked: Sequence[Ranked]
    weights: LayerWeights
    footing: Footing
    learned: LearnedView | None


class Rankings:
    """Errors as in `Lookup`.

    Args:
        now_ms: The time of a question that names none, in ms since the epoch.
    """

    def __init__(
        self,
        *,
        users: UserReader,
        items: ItemReader,
        published: PublishedReader,
        released: ReleasedReader,
        models: ModelReader,
        norms: Norms,
        options: LookupOptions,
        data_policy: DataPolicy = ANYTHING_GOES,
        now_ms: Callable[[], int],
    ) -> None:
        self._users = users
        self._items = items
        self._published = published
        self._released = released
        self._models = models
        self._norms = norms
        self._options = options
        self._data = data_policy
        self._now_ms = now_ms
        self._popularities = _Popularities(most=options.scopes_held)

    async def answer(self, asked: RankQuestion) -> RankingView:
        """Items, best first, with reasons; norms win over what is learned."""
        tenant = asked.tenant
        kinds = self._data.serving(*asked.purposes)
        person = await self._users.with_history(tenant, asked.user_id, kinds)
        profile = None if person is None else person.profile
        norms = self._norms.for_user({} if profile is None else profile.attributes)
        admitted = [item_key(tenant, item_id) for item_id in norms.admitted]
        # From the first word to the last: what is published meanwhile waits for the next question.
        models = await self._models.models(tenant)
        if models is None:
            draft = await self._by_evidence(asked, person, admitted, governed=bool(norms.norms))
        else:
            draft = await self._by_model(
                asked, person, models, admitted, governed=bool(norms.norms)
            )
        governed = await govern_ranking(
            draft.ranked, norms, tenant=tenant, items=self._items, limit=asked.limit
        )
        return RankingView(
            tenant=tenant,
            user_id=asked.user_id,
            known=profile is not None,
            level=draft.weights.leading,
            persona=draft.footing.membership,
            persona_absent=draft.footing.absent,
            evidence=evidence_view(profile),
            weights=weights_view(draft.weights),
            exclude_seen=asked.exclude_seen,
            items=ranked_views(
                governed.places,
                nearest_liked([place.item for place in governed.places], await self._liked(person)),
                draft.footing,
                placed_by=governed.placed_by,
            ),
            stale=bool(draft.footing.stale_because),
            stale_because=draft.footing.stale_because,
            norms=governed.norms,
            learned=draft.learned,
            withheld=self._data.barred(*asked.purposes),
        )

    async def _by_model(
        self,
        asked: RankQuestion,
        person: UserWithHistory | None,
        models: Models,
        admitted: Sequence[int],
        *,
        governed: bool,
    ) -> _Draft:
        # More than is shown: some may be gone meanwhile, and norms take from anywhere.
        spare = 3 * self._options.candidates_per_layer if governed else asked.limit
        answer = await learned_answer(
            models,
            EMPTY_STATE if person is None else person.state,
            level=asked.level,
            at_ms=self._now_ms() if asked.at_ms is None else asked.at_ms,
            without=person.seen if person is not None and asked.exclude_seen else (),
            most=asked.limit + spare,
            admitted=admitted,
        )
        items = (await self._items.read(answer.keys)).complete()
        ranked = answer.ranked(items)
        footing = footing_among(
            (await self._released.personas(asked.tenant)).value,
            profile=None if person is None else person.profile,
            minimum_size=self._options.minimum_size,
            weights=answer.weights,
            stale_because=() if models.trouble is None else (models.trouble,),
        )
        return _Draft(
            ranked=ranked if governed else ranked[: asked.limit],
            weights=answer.weights,
            footing=footing,
            learned=answer.view,
        )

    async def _by_evidence(
        self,
        asked: RankQuestion,
        person: UserWithHistory | None,
        admitted: Sequence[int],
        *,
        governed: bool,
    ) -> _Draft:
        """Candidates from all three layers, mixed by how much evidence there is."""
        footing = await find_footing(
            self._published,
            self._released,
            tenant=asked.tenant,
            profile=None if person is None else person.profile,
            minimum_size=self._options.minimum_size,
            shrinkage=self._options.shrinkage,
        )
        seen = person.seen if person is not None and asked.exclude_seen else frozenset[int]()
        most = self._options.candidates_per_layer
        candidates = set(admitted)
        for layer in (footing.persona, footing.everybody):
            if layer is not None:
                candidates.update(islice(_unseen(layer, seen), most))
        direction = None if person is None else await self._users.text_direction(person)
        if direction is not None:
            near = await self._items.nearest_keys(
                tenant=asked.tenant,
                vector=direction,
                limit=max(most, asked.limit),
                exclude=seen,
            )
            candidates.update(near)
        items = (await self._items.read(candidates)).complete()
        ranked = rank(
            [items[key] for key in candidates if key in items],
            weights=footing.weights,
            user_vector=direction,
            persona_popularity=self._popularities.of(footing.persona),
            global_popularity=self._popularities.of(footing.everybody),
            seen=seen,
            # Norms may take from anywhere in it.
            limit=len(candidates) if governed else asked.limit,
        )
        return _Draft(ranked=ranked, weights=footing.weights, footing=footing, learned=None)

    async def _liked(self, person: UserWithHistory | None) -> list[ItemRecord]:
        """What the user likes most, strongest first."""
        likes = [
            interest.item
            for interest in (() if person is None else person.profile.interests)
            if interest.worth > 0
        ]
        items = (await self._items.read(likes)).complete()
        return [items[key] for key in dict.fromkeys(likes) if key in items]


def _unseen(snapshot: StatisticsSnapshot, seen: frozenset[int]) -> Iterator[int]:
    """Popular items that are left to show, most popular first."""
    return (count.item for count in snapshot.popular if count.item not in seen)


class _Popularities:
    """How popular items are, by key: made once for each publication, not for each ranking.

    Args:
        most: Tenants, and personas of tenants, held; the least recently asked for leave first.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._held: OrderedDict[tuple[str, str], tuple[StatisticsSnapshot, Mapping[int, float]]] = (
            OrderedDict()
        )

    def of(self, snapshot: StatisticsSnapshot | None) -> Mapping[int, float]:
        """Scores of the items that are popular; empty where nothing was published."""
        if snapshot is None:
            return {}
        place = (snapshot.tenant, snapshot.scope)
        held = self._held.get(place)
        if held is None or held[0] is not snapshot:
            scores = {count.item: count.score for count in snapshot.popular}
            held = self._held[place] = (snapshot, scores)
        self._held.move_to_end(place)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return held[1]
