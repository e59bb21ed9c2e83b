"""Questions about everybody and about personas."""

from collections.abc import Iterator, Mapping, Sequence

from lookup.declared import CountedPersona, DeclaredReader
from lookup.errors import UnknownPersona
from lookup.footing import membership_of, personas_trouble, statistics_trouble
from lookup.governing import norm_views
from lookup.items import ItemReader
from lookup.options import LookupOptions, require_listed, require_name
from lookup.presenting import advantage_view, popular_views, statistics_view
from lookup.published import EVERYBODY, Published, visible
from lookup.remembered import Reading
from lookup.silenced import silenced_items, silenced_view
from profiles.norms import Norms
from profiles.personas import Persona, PersonaSet
from profiles.ports import StoreUnavailable
from schemas.snapshots import StatisticsSnapshot
from schemas.views import PersonasView, PersonaView, StatisticsView

__all__ = ["Population"]


class Population:
    """Personas and statistics; hidden personas do not exist here. Errors as in `Lookup`."""

    def __init__(
        self,
        *,
        published: Published,
        items: ItemReader,
        options: LookupOptions,
        declared: DeclaredReader,
        norms: Norms,
    ) -> None:
        self._published = published
        self._declared = declared
        self._norms = norms
        self._items = items
        self._options = options

    async def personas(self, tenant: str) -> PersonasView:
        """The personas that are large enough to be shown."""
        require_name("tenant", tenant)
        reading = await self._required_personas(tenant)
        published = reading.value
        shown = visible(published, minimum_size=self._options.minimum_size)
        views = () if published is None else await self._persona_views(tenant, reading, shown)
        declared = await self._declared_views(tenant, await self._declared.all(tenant))
        because = dict.fromkeys(
            [
                *personas_trouble(reading),
                *(text for view in (*views, *declared) for text in view.stale_because),
            ]
        )
        return PersonasView(
            tenant=tenant,
            version=None if published is None else published.version,
            users=0 if published is None else published.users,
            sought_events=0 if published is None else published.sought_events,
            silhouette=None if published is None else published.silhouette,
            minimum_size=self._options.minimum_size,
            hidden=0 if published is None else len(published.personas) - len(shown),
            personas=views,
            declared=declared,
            declared_hidden=self._declared.number - len(declared),
            stale=bool(because),
            stale_because=tuple(because),
        )

    async def persona(self, tenant: str, persona_id: str) -> PersonaView:
        """One persona, discovered or declared.

        Raises:
            UnknownPersona: not published, or hidden.
        """
        require_name("tenant", tenant)
        if persona_id in self._declared:
            counted = await self._visible_declared(tenant, persona_id)
            return (await self._declared_views(tenant, [counted]))[0]
        reading, persona = await self._visible_persona(tenant, persona_id)
        return (await self._persona_views(tenant, reading, {persona.id: persona}))[0]

    async def statistics(
        self, tenant: str, persona: str | None = None, *, most: int = 20
    ) -> StatisticsView:
        """Statistics of everybody or of one persona.

        Args:
            most: Popular and rising items shown, in [1, 100].

        Raises:
            UnknownPersona: not published, or hidden.
        """
        require_name("tenant", tenant)
        require_listed("most", most)
        other_file: tuple[str, ...] = ()
        if persona is not None and persona in self._declared:
            other_file = (await self._visible_declared(tenant, persona)).stale_because
        elif persona is not None:
            await self._visible_persona(tenant, persona)
        scope = EVERYBODY if persona is None else persona
        reading = (await self._published.statistics(tenant, [scope]))[scope]
        if reading.value is None and reading.trouble is not None:
            raise StoreUnavailable(reading.trouble)
        items = (await self._items.read(_named_in(reading.value, most))).complete()
        silenced = None if reading.value is None else reading.value.silenced
        return statistics_view(
            tenant,
            persona,
            reading.value,
            items,
            most=most,
            silenced=silenced_view(silenced, items, minimum_size=self._options.minimum_size),
            norms=norm_views(self._norms) if persona is None else (),
            stale_because=list(dict.fromkeys([*statistics_trouble(reading), *other_file])),
        )

    async def _required_personas(self, tenant: str) -> Reading[PersonaSet]:
        reading = await self._published.personas(tenant)
        if reading.value is None and reading.trouble is not None:
            raise StoreUnavailable(reading.trouble)
        return reading

    async def _visible_persona(
        self, tenant: str, persona_id: str
    ) -> tuple[Reading[PersonaSet], Persona]:
        reading = await self._required_personas(tenant)
        shown = visible(reading.value, minimum_size=self._options.minimum_size)
        if persona_id not in shown:
            raise UnknownPersona(f"no persona {persona_id!r} is published")
        return reading, shown[persona_id]

    async def _visible_declared(self, tenant: str, persona_id: str) -> CountedPersona:
        counted = await self._declared.one(tenant, persona_id)
        if counted is None:
            raise UnknownPersona(f"no persona {persona_id!r} is published")
        return counted

    async def _declared_views(
        self, tenant: str, personas: Sequence[CountedPersona]
    ) -> tuple[PersonaView, ...]:
        popular = [one.statistics.popular[: self._options.popular] for one in personas]
        items = await self._items.read(count.item for counts in popular for count in counts)
        return tuple(
            PersonaView(
                tenant=tenant,
                id=one.persona.id,
                size=one.statistics.users,
                share=one.share,
                labels=(),
                popular=popular_views(counts, items.complete()),
                stale=bool(one.stale_because),
                stale_because=one.stale_because,
                title=one.persona.title,
                description=one.persona.description,
            )
            for one, counts in zip(personas, popular, strict=True)
        )

    async def _persona_views(
        self, tenant: str, reading: Reading[PersonaSet], shown: Mapping[str, Persona]
    ) -> tuple[PersonaView, ...]:
        if reading.value is None:
            return ()
        statistics = await self._published.statistics(tenant, shown)
        popular = {
            persona: found.value.popular[: self._options.popular] if found.value else ()
            for persona, found in statistics.items()
        }
        items = await self._items.read(
            count.item for counts in popular.values() for count in counts
        )
        views: list[PersonaView] = []
        for persona in shown.values():
            membership = membership_of(persona, reading.value)
            because = [*personas_trouble(reading), *statistics_trouble(statistics[persona.id])]
            views.append(
                PersonaView(
                    tenant=tenant,
                    id=persona.id,
                    size=persona.size,
                    share=membership.share,
                    labels=membership.labels,
                    popular=popular_views(popular[persona.id], items.complete()),
                    stale=bool(because),
                    stale_because=tuple(because),
                    advantage=advantage_view(persona.advantage),
                )
            )
        return tuple(views)


def _named_in(snapshot: StatisticsSnapshot | None, most: int) -> Iterator[int]:
    """Keys of the items that a view of `most` items per list names."""
    if snapshot is None:
        return
    for count in snapshot.popular[:most]:
        yield count.item
    for rising in snapshot.trends.values():
        for trend in rising[:most]:
            yield trend.item
    yield from silenced_items(snapshot.silenced)
