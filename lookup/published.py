"""What the write side publishes for everybody: personas and statistics."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from lookup.remembered import Clock, Reading, Remembered
from profiles.personas import Persona, PersonaSet, decode_personas
from profiles.ports import AggregateStore, PersonaStore
from schemas.snapshots import (
    SnapshotFormatError,
    StatisticsSnapshot,
    decode_statistics,
    statistics_name,
)

__all__ = ["EVERYBODY", "PublishedReader", "visible"]

EVERYBODY = ""
"""Scope of the statistics of all users."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def visible(personas: PersonaSet | None, *, minimum_size: int) -> dict[str, Persona]:
    """Published personas with enough members, by id, largest first, then by id."""
    if personas is None:
        return {}
    shown = [persona for persona in personas.personas if persona.size >= minimum_size]
    shown.sort(key=lambda persona: (-persona.size, persona.id))
    return {persona.id: persona for persona in shown}


class PublishedReader:
    """Reads personas and statistics, remembered for `age_s` and when a store fails.

    Args:
        most: Tenants, and scopes of tenants, held.
    """

    def __init__(
        self,
        *,
        personas: PersonaStore,
        aggregates: AggregateStore,
        age_s: float,
        most: int,
        clock: Clock,
    ) -> None:
        self._persona_store = personas
        self._aggregates = aggregates
        self._personas: Remembered[str, PersonaSet] = Remembered(
            self._load_personas, age_s=age_s, most=most, clock=clock
        )
        self._statistics: Remembered[tuple[str, str], StatisticsSnapshot] = Remembered(
            self._load_statistics, age_s=age_s, most=most, clock=clock
        )

    async def personas(self, tenant: str) -> Reading[PersonaSet]:
        return (await self._personas.read([tenant]))[tenant]

    async def statistics(
        self, tenant: str, scopes: Iterable[str]
    ) -> dict[str, Reading[StatisticsSnapshot]]:
        """By scope; one request for all that are due."""
        readings = await self._statistics.read([(tenant, scope) for scope in scopes])
        return {scope: reading for (_, scope), reading in readings.items()}

    async def _load_personas(self, tenants: Sequence[str]) -> list[PersonaSet | None]:
        documents = await asyncio.gather(*(self._persona_store.read(tenant) for tenant in tenants))
        return [
            None if document is None else decode_personas(document.body) for document in documents
        ]

    async def _load_statistics(
        self, names: Sequence[tuple[str, str]]
    ) -> list[StatisticsSnapshot | None]:
        bodies = await self._aggregates.get_snapshots([statistics_name(*name) for name in names])
        return [_decoded(body, *name) for body, name in zip(bodies, names, strict=True)]


def _decoded(body: bytes | None, tenant: str, scope: str) -> StatisticsSnapshot | None:
    if body is None:
        return None
    try:
        return decode_statistics(body)
    except SnapshotFormatError:
        # Another version of Strata wrote it and will again: to this one it is not there.
        _log.warning("a statistics snapshot has another format", tenant=tenant, scope=scope)
        return None
