"""Learned models as they are published: one version whole, the old one until the new is there."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

import structlog

from lookup.published import PublishedReader
from lookup.remembered import Clock
from profiles.choices.model import ChoiceModel
from profiles.nextitem.model import NextItemModel
from profiles.nextitem.packing import BlobFormatError
from profiles.personas import PersonaSet
from profiles.policy import Policy
from profiles.ports import AggregateStore, StoreUnavailable
from schemas.snapshots import ModelPointer
from stores.blobs import get_blob

__all__ = ["ModelReader", "Models"]

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
_TRY_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """One version of everything learned of a tenant; immutable.

    Attributes:
        personas: As published with this version, or since without another one.
        choices: None while nobody has voted or compared.
        trouble: Why a newer version is not in use, if there is one that could not be read.
    """

    pointer: ModelPointer
    personas: PersonaSet
    next_item: NextItemModel
    choices: ChoiceModel | None
    trouble: str | None = None


class ModelReader:
    """Keeps the version in force of each tenant that is asked about.

    A new version is fetched and decoded beside the answers, which use the one before
    until it is complete. Only the first of a tenant is waited for.

    Args:
        most: Tenants held, ≥ 1; the one asked about longest ago leaves first.
        first_wait_s: How long an answer waits for a tenant's first version; ≥ 0.
    """

    def __init__(
        self,
        *,
        published: PublishedReader,
        aggregates: AggregateStore,
        policy: Policy,
        most: int,
        first_wait_s: float,
        clock: Clock,
    ) -> None:
        self._published = published
        self._aggregates = aggregates
        self._policy = policy
        self._most = most
        self._first_wait_s = first_wait_s
        self._clock = clock
        self._held: dict[str, Models] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._not_before_s: dict[str, float] = {}

    async def models(self, tenant: str) -> Models | None:
        """What an answer should use from its start to its end; None before anything was learned."""
        personas = (await self._published.personas(tenant)).value
        held = self._held.pop(tenant, None)
        if held is not None:
            self._held[tenant] = held
        if personas is None or personas.model is None:
            return held
        if held is not None and held.pointer == personas.model:
            return replace(held, personas=personas)
        loading = self._begin(tenant, personas, personas.model)
        if held is None and loading is not None:
            await asyncio.wait([loading], timeout=self._first_wait_s)
            return self._held.get(tenant)
        if held is not None and loading is None:
            return replace(held, trouble="the newest learned model could not be read just now")
        return held

    async def close(self) -> None:
        """End what is being loaded."""
        for task in self._loading.values():
            task.cancel()
        if self._loading:
            await asyncio.wait(self._loading.values())

    def _begin(
        self, tenant: str, personas: PersonaSet, pointer: ModelPointer
    ) -> "asyncio.Task[None] | None":
        """The task that loads a version, unless a failure is too recent."""
        running = self._loading.get(tenant)
        if running is not None:
            return running
        if self._clock() < self._not_before_s.get(tenant, float("-inf")):
            return None
        task = asyncio.create_task(self._load(tenant, personas, pointer))
        self._loading[tenant] = task
        task.add_done_callback(lambda _: self._loading.pop(tenant, None))
        return task

    async def _load(self, tenant: str, personas: PersonaSet, pointer: ModelPointer) -> None:
        try:
            models = await self._read(tenant, personas, pointer)
            if models is not None:
                self._held[tenant] = models
                while len(self._held) > self._most:
                    del self._held[next(iter(self._held))]
                return
            reason = "it is not there"
        except (StoreUnavailable, BlobFormatError) as error:
            reason = str(error)
        # The version before is as good as it was; without one, rankings do without.
        _log.warning("a model cannot be loaded", tenant=tenant, reason=reason)
        self._not_before_s[tenant] = self._clock() + _TRY_AGAIN_S

    async def _read(
        self, tenant: str, personas: PersonaSet, pointer: ModelPointer
    ) -> Models | None:
        """All of a version, or None if a part of it is not there."""
        body = await get_blob(self._aggregates, tenant, pointer.next_item)
        if body is None:
            return None
        next_item = await asyncio.to_thread(NextItemModel.from_bytes, body, policy=self._policy)
        choices = None
        if pointer.choices is not None:
            body = await get_blob(self._aggregates, tenant, pointer.choices)
            if body is None:
                return None
            choices = await asyncio.to_thread(ChoiceModel.from_bytes, body, policy=self._policy)
        return Models(pointer=pointer, personas=personas, next_item=next_item, choices=choices)
