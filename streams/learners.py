"""What is learned of tenants, in the memory of whoever computes it: no store, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from profiles.catalogue import ItemCatalogue
from profiles.choices.learner import ChoiceLearner
from profiles.evidence import evidence_of
from profiles.learning import KnownItem
from profiles.nextitem.histories import about_items
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.personas import Advantage
from profiles.nextitem.settings import Settings
from profiles.outcomes import liked_entries
from profiles.personas import Centroids
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.ports import Vector
from profiles.projection import project_all
from profiles.state import decode_state

__all__ = [
    "Delta",
    "Encoded",
    "Fitted",
    "LearnerSpec",
    "Learners",
    "Taken",
    "initial_space",
    "places_of",
]

_AT_ONCE: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerSpec:
    """How models are learned; the same for all tenants."""

    policy: Policy = DEFAULT_POLICY
    next_item: Settings = field(default_factory=Settings)
    seed: int = 0

    @property
    def dimension(self) -> int:
        """Of the item space, all versions of it."""
        return self.next_item.text_dimension + self.next_item.taste_dimension


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What changed since the last one.

    Attributes:
        items: New or described anew.
        users: (key, encoded state) of those who are new or have another version.
        forgotten: Keys of users who left the sample.
    """

    items: Sequence[KnownItem] = ()
    users: Sequence[tuple[bytes, bytes]] = ()
    forgotten: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a delta brought.

    Attributes:
        likes: New liked acts on items.
        strangers: How many of them were on items without a place of their own.
    """

    likes: int
    strangers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a refit found: personas in the new item space.

    Attributes:
        centroids: Shape (c, d), unit length.
        silhouette: As `profiles.personas.Clustering`.
        advantages: One for each persona; none where there were too few users to cross-fit.
        users: Keys of the sample.
        nearest: Centroid of each user's vector in the new space, -1 for none.
    """

    centroids: Vector
    silhouette: float
    advantages: tuple[Advantage, ...]
    users: tuple[bytes, ...]
    nearest: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Models as they are published: `ItemSpace`, `NextItemModel` and `ChoiceModel`.

    Attributes:
        choices: None while nobody of the sample has voted or compared.
    """

    item_space: bytes
    next_item: bytes
    choices: bytes | None


@dataclass(slots=True)
class _Tenant:
    next_item: NextItemLearner
    choices: ChoiceLearner
    chose: bool = False
    texts: dict[int, Vector] = field(default_factory=dict)
    states: dict[bytes, bytes] = field(default_factory=dict)
    placed: frozenset[int] = frozenset()


class Learners:
    """Learners by tenant.

    On one thread: many that wait for each other after each small step take cores from
    whoever else has work to do, and gain nothing.

    Memory: per tenant the encoded states of its sample, and what `NextItemLearner` says.
    """

    def __init__(self, spec: LearnerSpec) -> None:
        self._spec = spec
        self._tenants: dict[str, _Tenant] = {}

    def take(self, tenant: str, delta: Delta) -> Taken:
        """Fold in what changed; a tenant without a learner gets one."""
        own = self._tenants.get(tenant)
        if own is None:
            spec = self._spec
            own = self._tenants[tenant] = _Tenant(
                NextItemLearner(policy=spec.policy, settings=spec.next_item, seed=spec.seed),
                ChoiceLearner(
                    policy=spec.policy,
                    seed=spec.seed,
                    sampled_users=spec.next_item.sampled_users,
                ),
            )
        for item in delta.items:
            own.next_item.put_item(item)
            own.choices.put_item(item)
            if item.vector is not None:
                own.texts[item.key] = item.vector
        for key in delta.forgotten:
            own.next_item.forget(key)
            own.choices.forget(key)
            own.states.pop(key, None)
        likes = strangers = 0
        for key, encoded in delta.users:
            state = decode_state(encoded)
            own.states[key] = encoded
            new = own.next_item.fold(key, state)
            own.chose = bool(own.choices.fold(key, state)) or own.chose
            if new:
                rows = about_items(state)[-new:]
                liked = rows["item"][liked_entries(rows, self._spec.policy)].tolist()
                likes += len(liked)
                strangers += sum(item not in own.placed for item in liked)
        return Taken(likes=likes, strangers=strangers)

    def refit(self, tenant: str) -> Fitted:
        """Learn everything anew from what was taken."""
        own = self._tenants[tenant]
        with threadpool_limits(limits=1):
            own.next_item.refit()
            if own.chose:
                own.choices.refit()
            model = own.next_item.current()
        space = model.space
        own.placed = frozenset(space.keys[space.likes > 0].tolist())
        users = tuple(sorted(own.states))
        return Fitted(
            centroids=model.personas.centroids.copy(),
            silhouette=model.personas.silhouette,
            advantages=tuple(model.personas.advantages),
            users=users,
            nearest=self._nearest(own, space, model.personas.centroids, users),
        )

    def encoded(self, tenant: str) -> Encoded:
        """The models with everything taken so far."""
        own = self._tenants[tenant]
        with threadpool_limits(limits=1):
            model = own.next_item.current()
            choices = own.choices.current().to_bytes() if own.chose else None
        return Encoded(
            item_space=model.space.to_bytes(), next_item=model.to_bytes(), choices=choices
        )

    def forget(self, tenant: str) -> None:
        """Let go of a tenant's learner, if there is one."""
        self._tenants.pop(tenant, None)

    def _nearest(
        self, own: _Tenant, space: ItemSpace, centroids: Vector, users: Sequence[bytes]
    ) -> npt.NDArray[np.intp]:
        """Where users will be assigned to: as workers do, by `project`."""
        catalogue = ItemCatalogue(space.dimension)
        for item, place in zip(own.texts, places_of(space, own.texts), strict=True):
            catalogue.put(item, place)
        assigned = Centroids(1, {str(row): centroid for row, centroid in enumerate(centroids)})
        nearest = np.full(len(users), -1, np.intp)
        for start in range(0, len(users), _AT_ONCE):
            states = [decode_state(own.states[key]) for key in users[start : start + _AT_ONCE]]
            projected = project_all(evidence_of(states, self._spec.policy), catalogue)
            names = assigned.assign(np.stack([one.vector for one in projected]))
            nearest[start : start + _AT_ONCE] = [-1 if one is None else int(one) for one in names]
        return nearest


def places_of(space: ItemSpace, texts: Mapping[int, Vector]) -> Vector:
    """Places of items by their keys and text vectors, in that order, shape (n, d)."""
    items = list(texts)
    places = np.zeros((len(items), space.dimension), np.float32)
    # All text vectors of a large catalogue at once would take gigabytes.
    for start in range(0, len(items), _AT_ONCE):
        part = items[start : start + _AT_ONCE]
        places[start : start + _AT_ONCE] = space.places(part, [texts[item] for item in part])
    return places


def initial_space(text_length: int, spec: LearnerSpec) -> ItemSpace:
    """The space before anything was learned, version 0: the same in every process."""
    settings = spec.next_item
    return ItemSpace.initial(
        text_length,
        text_dimension=settings.text_dimension,
        taste_dimension=settings.taste_dimension,
        text_weight=settings.text_weight,
        cold_likes=settings.cold_likes,
        seed=spec.seed,
    )
