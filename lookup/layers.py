"""What stands above a user in an answer: everybody's and their persona's, as JSON that many share.

Whatever is published makes every answer another one. What of it is the same for all who stand in
one place is made once for each publication and put into their answers as it is.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from lookup.declared import DeclaredReader
from lookup.footing import Footing, find_footing
from lookup.items import ItemReader
from lookup.options import LookupOptions
from lookup.presenting import title_of
from lookup.published import EVERYBODY, PublishedReader, ReleasedReader
from lookup.remembered import Clock
from lookup.view_json import encoded, members
from profiles.ports import ItemRecord
from schemas.instants import rfc3339
from schemas.snapshots import CachedProfile, ItemCount
from schemas.views import AbsenceView, MembershipView

__all__ = ["UNNAMED", "Layer", "Layers", "Place"]

UNNAMED: Final = "some items could not be read just now"
"""Why an answer is stale in which some item may have no title, or not the newest."""


class Place(NamedTuple):
    """Where a known user stands; all that what stands above them depends on.

    Attributes:
        directed: Whether their evidence points anywhere.
        declared: Ids of the declared personas that they belong to.
    """

    persona: str | None
    directed: bool
    declared: tuple[str, ...]

    @property
    def effective_sample_size(self) -> float:
        """None here: how much a user weighs is for each to say."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What stands above everybody in one place.

    Attributes:
        membership: The members `persona` and `persona_absent`.
        popular, declared: The members' values.
        persona_size: Members that the persona weighs by.
        as_of: Of what is told of others; None if nothing is.
        rests_on: What was published, to be compared by identity.
        until_s: Names of items are not older than this allows.
    """

    membership: bytes
    popular: bytes
    declared: bytes
    persona_size: int
    stale_because: tuple[str, ...]
    as_of: str | None
    rests_on: Sequence[object]
    until_s: float


class _Membership(msgspec.Struct, frozen=True):
    persona: MembershipView | None
    persona_absent: AbsenceView | None


class _Popular(msgspec.Struct, frozen=True):
    """As `PopularItemView`."""

    item_id: str
    title: str | None
    score: float
    positive: int
    negative: int


class Layers:
    """Layers by place, each made again only when something is published that it rests on."""

    def __init__(
        self,
        *,
        items: ItemReader,
        published: PublishedReader,
        released: ReleasedReader,
        declared: DeclaredReader,
        options: LookupOptions,
        clock: Clock,
    ) -> None:
        self._items = items
        self._published = published
        self._released = released
        self._declared = declared
        self._options = options
        self._clock = clock
        self._held: OrderedDict[tuple[str, Place | None], Layer] = OrderedDict()

    def place_of(self, profile: CachedProfile | None) -> Place | None:
        """None for an unknown user."""
        if profile is None:
            return None
        return Place(profile.persona, profile.directed, self._declared.ids_of(profile))

    def now(self, tenant: str, place: Place | None) -> Layer | None:
        """The layer, if it was made of what is published as far as is known; asks nobody."""
        held = self._held.get((tenant, place))
        if held is None or held.until_s <= self._clock():
            return None
        return held if _are_same(held.rests_on, self._standing(tenant, place)) else None

    async def of(self, tenant: str, place: Place | None) -> Layer:
        """The layer of what is published, asked for where it is due."""
        found = self.now(tenant, place)
        if found is not None:
            return found
        if self._standing(tenant, place) is None:
            await self._read(tenant, place)
            found = self.now(tenant, place)
            if found is not None:
                return found
        return await self._made(tenant, place)

    async def _made(self, tenant: str, place: Place | None) -> Layer:
        before = self._standing(tenant, place)
        footing = await find_footing(
            self._published,
            self._released,
            tenant=tenant,
            profile=place,
            minimum_size=self._options.minimum_size,
            shrinkage=self._options.shrinkage,
        )
        shown = footing.shown
        counts = () if shown is None else shown.popular[: self._options.popular]
        items = await self._items.named([count.item for count in counts])
        declared = await self._declared.among(tenant, () if place is None else place.declared)
        because = [
            *footing.stale_because,
            *(text for counted in declared for text in counted.stale_because),
            *(() if items.trouble is None else (UNNAMED,)),
        ]
        layer = Layer(
            membership=_membership(footing),
            popular=encoded(
                [
                    _Popular(
                        one.item_id, title_of(one), count.score, count.positive, count.negative
                    )
                    for count in counts
                    if (one := items.by_key.get(count.item)) is not None
                ]
            ),
            declared=encoded([counted.membership() for counted in declared]),
            persona_size=footing.persona_size,
            stale_because=tuple(dict.fromkeys(because)),
            as_of=None if shown is None else rfc3339(shown.as_of_ms),
            rests_on=before or (),
            until_s=min(self._clock() + self._options.name_age_s, items.named_until_s),
        )
        if items.trouble is None and _are_same(before, self._standing(tenant, place)):
            self._keep((tenant, place), layer)
        return layer

    def _keep(self, key: tuple[str, Place | None], layer: Layer) -> None:
        self._held[key] = layer
        self._held.move_to_end(key)
        while len(self._held) > self._options.scopes_held:
            self._held.popitem(last=False)

    def _standing(self, tenant: str, place: Place | None) -> list[object] | None:
        scopes, personas = _rests_on(place)
        exact = self._published.standing(tenant, scopes, personas=False)
        told = self._released.standing(tenant, scopes, personas=personas)
        return None if exact is None or told is None else exact + told

    async def _read(self, tenant: str, place: Place | None) -> None:
        scopes, personas = _rests_on(place)
        await self._released.statistics(tenant, scopes)
        if personas:
            await self._released.personas(tenant)


def _popular(counts: Iterable[ItemCount], items: Mapping[int, ItemRecord]) -> Iterator[_Popular]:
    for count in counts:
        item = items.get(count.item)
        if item is not None:
            yield _Popular(
                item.item_id, title_of(item), count.score, count.positive, count.negative
            )


def _rests_on(place: Place | None) -> tuple[Sequence[str], bool]:
    """Whose statistics, and whether the tenant's personas too."""
    if place is None:
        return (EVERYBODY,), False
    persona = () if place.persona is None else (place.persona,)
    return (EVERYBODY, *persona, *place.declared), place.persona is not None


def _membership(footing: Footing) -> bytes:
    return members(_Membership(footing.membership, footing.absent))


def _are_same(ones: Sequence[object] | None, others: Sequence[object] | None) -> bool:
    if ones is None or others is None:
        return False
    return all(one is other for one, other in zip(ones, others, strict=True))
