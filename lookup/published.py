"""What the write side publishes for everybody: personas and statistics."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import structlog
from msgspec.structs import replace

from lookup.remembered import Clock, Reading, Remembered, Unchanged
from profiles.personas import Persona, PersonaSet, decode_personas
from profiles.ports import AggregateStore, PersonaStore
from schemas.snapshots import (
    SnapshotFormatError,
    StatisticsSnapshot,
    decode_statistics,
    released_name,
    released_personas_name,
    statistics_name,
)

__all__ = ["EVERYBODY", "Published", "PublishedReader", "ReleasedReader", "visible"]

EVERYBODY = ""
"""Scope of the statistics of all users."""

_Scope: TypeAlias = tuple[str, str]
"""Tenant and scope."""

# All personas that are asked about leave in one request, not each in one of its own.
_AHEAD: Final = 32

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def visible(personas: PersonaSet | None, *, minimum_size: int) -> dict[str, Persona]:
    """Published personas with enough members, by id, largest first, then by id."""
    if personas is None:
        return {}
    shown = [persona for persona in personas.personas if persona.size >= minimum_size]
    shown.sort(key=lambda persona: (-persona.size, persona.id))
    return {persona.id: persona for persona in shown}


class Published(Protocol):
    """Personas and statistics of everybody: either exact, or as they may be told of."""

    async def personas(self, tenant: str) -> Reading[PersonaSet]: ...

    async def statistics(
        self, tenant: str, scopes: Iterable[str]
    ) -> dict[str, Reading[StatisticsSnapshot]]:
        """By scope; one request for all that are due."""
        ...


class _RememberedBodies(Published):
    """Bodies of a store, decoded, remembered for `age_s`, and when the store fails.

    A reading has the same object as the one before for as long as the store holds the same.

    Args:
        personas: Bodies by tenant, statistics: by tenant and scope; None for what is not there.
        most: Tenants, and scopes of tenants, held.
    """

    def __init__(
        self,
        *,
        personas: Callable[[Sequence[str]], Awaitable[list[bytes | None]]],
        statistics: Callable[[Sequence[_Scope]], Awaitable[list[bytes | None]]],
        age_s: float,
        most: int,
        clock: Clock,
    ) -> None:
        self._persona_bodies = personas
        self._statistics_bodies = statistics
        self._same_personas = Unchanged[str, PersonaSet](decode_personas, most=most)
        self._same_statistics = Unchanged[_Scope, StatisticsSnapshot](decode_statistics, most=most)
        self._personas: Remembered[str, PersonaSet] = Remembered(
            self._load_personas, age_s=age_s, most=most, clock=clock
        )
        self._statistics: Remembered[_Scope, StatisticsSnapshot] = Remembered(
            self._load_statistics, age_s=age_s, most=most, clock=clock, ahead=_AHEAD
        )

    async def personas(self, tenant: str) -> Reading[PersonaSet]:
        return (await self._personas.read([tenant]))[tenant]

    async def statistics(
        self, tenant: str, scopes: Iterable[str]
    ) -> dict[str, Reading[StatisticsSnapshot]]:
        """By scope; one request for all that are due."""
        readings = await self._statistics.read([(tenant, scope) for scope in scopes])
        return {scope: reading for (_, scope), reading in readings.items()}

    def standing(
        self, tenant: str, scopes: Iterable[str], *, personas: bool
    ) -> list[object] | None:
        """What there is of these, as objects to be compared by identity; None if it is due.

        With troubles in their place: what rests on one does not outlast it.
        """
        readings: list[Reading[Any]] | None = self._statistics.fresh(
            [(tenant, scope) for scope in scopes]
        )
        if readings is not None and personas:
            persons = self._personas.fresh([tenant])
            readings = None if persons is None else [*readings, *persons]
        if readings is None:
            return None
        return [one.value if one.trouble is None else one for one in readings]

    async def _load_personas(self, tenants: Sequence[str]) -> list[PersonaSet | None]:
        bodies = await self._persona_bodies(tenants)
        return [
            None if body is None else self._same_personas.of(tenant, body)
            for tenant, body in zip(tenants, bodies, strict=True)
        ]

    async def _load_statistics(self, names: Sequence[_Scope]) -> list[StatisticsSnapshot | None]:
        bodies = await self._statistics_bodies(names)
        return [
            None if body is None else _readable(self._same_statistics, name, body)
            for name, body in zip(names, bodies, strict=True)
        ]


class PublishedReader(_RememberedBodies):
    """What answers are made from: exact, and not to be shown."""

    def __init__(
        self,
        *,
        personas: PersonaStore,
        aggregates: AggregateStore,
        age_s: float,
        most: int,
        clock: Clock,
    ) -> None:
        async def documents(tenants: Sequence[str]) -> list[bytes | None]:
            found = await asyncio.gather(*(personas.read(tenant) for tenant in tenants))
            return [None if document is None else document.body for document in found]

        super().__init__(
            personas=documents,
            statistics=lambda names: aggregates.get_snapshots(
                [statistics_name(*name) for name in names]
            ),
            age_s=age_s,
            most=most,
            clock=clock,
        )


class ReleasedReader(_RememberedBodies):
    """What may be told to others: whatever leaves the service about groups of people.

    As the write side's `Releaser` let it out: sizes and labels as they may be told, and a size
    of 0 where nothing may be.

    Args:
        published: Says whether the counters are being rebuilt.
    """

    def __init__(
        self,
        *,
        published: PublishedReader,
        aggregates: AggregateStore,
        age_s: float,
        most: int,
        clock: Clock,
    ) -> None:
        self._published = published
        super().__init__(
            personas=lambda tenants: aggregates.get_snapshots(
                [released_personas_name(tenant) for tenant in tenants]
            ),
            statistics=lambda names: aggregates.get_snapshots(
                [released_name(*name) for name in names]
            ),
            age_s=age_s,
            most=most,
            clock=clock,
        )

    async def statistics(
        self, tenant: str, scopes: Iterable[str]
    ) -> dict[str, Reading[StatisticsSnapshot]]:
        """As they may be told, and as stale as the exact ones are."""
        wanted = list(scopes)
        told = await super().statistics(tenant, wanted)
        exact = await self._published.statistics(tenant, wanted)
        return {
            scope: Reading(_as_stale_as(reading.value, exact[scope].value), reading.trouble)
            for scope, reading in told.items()
        }


def _as_stale_as(
    told: StatisticsSnapshot | None, exact: StatisticsSnapshot | None
) -> StatisticsSnapshot | None:
    if told is None or exact is None or told.stale == exact.stale:
        return told
    return replace(told, stale=exact.stale)


def _readable(
    same: Unchanged[_Scope, StatisticsSnapshot], name: _Scope, body: bytes
) -> StatisticsSnapshot | None:
    try:
        return same.of(name, body)
    except SnapshotFormatError:
        # Another version of Strata wrote it and will again: to this one it is not there.
        tenant, scope = name
        _log.warning("a statistics snapshot has another format", tenant=tenant, scope=scope)
        return None
