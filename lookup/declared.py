"""Declared personas as their counters show them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lookup.footing import statistics_trouble
from lookup.published import EVERYBODY, Published
from lookup.remembered import Reading
from profiles.declared import DeclaredPersona, DeclaredPersonas
from schemas.snapshots import CachedProfile, StatisticsSnapshot
from schemas.views import DeclaredMembershipView

__all__ = ["CountedPersona", "DeclaredReader"]


@dataclass(frozen=True, slots=True)
class CountedPersona:
    """A declared persona that is large enough to be shown.

    Attributes:
        share: Of all users with any event, in [0, 1].
    """

    persona: DeclaredPersona
    statistics: StatisticsSnapshot
    share: float
    stale_because: tuple[str, ...]

    def membership(self) -> DeclaredMembershipView:
        return DeclaredMembershipView(
            id=self.persona.id,
            title=self.persona.title,
            description=self.persona.description,
            size=self.statistics.users,
            share=self.share,
        )


class DeclaredReader:
    """Who belongs to declared personas, and how many.

    Args:
        minimum_size: Personas with fewer members are shown to nobody.
    """

    def __init__(
        self, *, published: Published, declared: DeclaredPersonas, minimum_size: int
    ) -> None:
        self._published = published
        self._declared = declared
        self._minimum_size = minimum_size

    @property
    def number(self) -> int:
        """How many are declared, shown or not."""
        return len(self._declared.by_id)

    def __contains__(self, persona_id: str) -> bool:
        """Whether it is declared, shown or not."""
        return persona_id in self._declared.by_id

    async def all(self, tenant: str) -> list[CountedPersona]:
        """Those that are large enough, in the order of their file."""
        return await self._counted(tenant, self._declared.by_id)

    async def one(self, tenant: str, persona_id: str) -> CountedPersona | None:
        """None if it is not declared, not counted yet, or too small."""
        found = await self._counted(tenant, [persona_id] if persona_id in self else [])
        return found[0] if found else None

    async def among(self, tenant: str, ids: Iterable[str]) -> list[CountedPersona]:
        """Of these, which are declared, those that are large enough."""
        return await self._counted(tenant, ids)

    def ids_of(self, profile: CachedProfile) -> tuple[str, ...]:
        """Of one user, shown or not."""
        return tuple(self._declared.of(profile.attributes))

    async def _counted(self, tenant: str, ids: Iterable[str]) -> list[CountedPersona]:
        wanted = list(ids)
        if not wanted:
            return []
        readings = await self._published.statistics(tenant, [EVERYBODY, *wanted])
        everybody = readings[EVERYBODY].value
        users = 0 if everybody is None else everybody.users
        return [
            CountedPersona(
                self._declared.by_id[persona_id],
                statistics,
                # Counted one after the other, so they may disagree by a few.
                min(1.0, statistics.users / users) if users else 0.0,
                tuple(self._troubles(readings[persona_id])),
            )
            for persona_id in wanted
            if (statistics := readings[persona_id].value) is not None
            and statistics.users >= self._minimum_size
        ]

    def _troubles(self, reading: Reading[StatisticsSnapshot]) -> Iterator[str]:
        yield from statistics_trouble(reading)
        if reading.value is not None and reading.value.declaration != self._declared.version:
            yield "the personas are counted by another file than this service has"
