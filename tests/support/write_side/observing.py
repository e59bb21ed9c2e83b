"""All that the stores hold, read back through the ports."""

from dataclasses import dataclass, field

from profiles.nextitem.itemspace import ItemSpace
from profiles.personas import decode_personas
from profiles.ports import (
    AggregateStore,
    CounterTable,
    ItemRecord,
    PersonaDocument,
    UserRecord,
)
from schemas.snapshots import (
    CachedProfile,
    StatisticsSnapshot,
    decode_profile,
    decode_statistics,
    statistics_name,
)
from stores.blobs import get_blob
from write_side.declared import DECLARED
from write_side.ground import Ground, Opened
from write_side.waiting import eventually

__all__ = [
    "Counters",
    "Observed",
    "Table",
    "TrimsNoted",
    "observe",
    "read_counters",
    "rebuilt_counters",
]

Counters = dict[int, dict[CounterTable, dict[bytes, int]]]
"""Partition → table → counters."""

Table = tuple[int, CounterTable]
"""A table of one partition."""

User = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Observed:
    """By (tenant, user id) where users are concerned.

    Attributes:
        users: Without those who were erased, and are removed a moment later.
        items: By (tenant, item id); stubs included.
        snapshots: By (tenant, scope).
        spaces: Version and item space in force, by tenant.
    """

    users: dict[User, UserRecord]
    items: dict[tuple[str, str], ItemRecord]
    cached: dict[User, CachedProfile | None]
    personas: dict[str, PersonaDocument]
    counters: Counters
    watermarks_ms: dict[int, dict[str, int]]
    snapshots: dict[tuple[str, str], StatisticsSnapshot | None]
    spaces: dict[str, tuple[int, ItemSpace]]


async def observe(ground: Ground, opened: Opened) -> Observed:
    profiles, live = opened.profiles, opened.live
    users = {
        (record.tenant, record.user_id): record
        async for page in profiles.users.scan()
        for record in page
        if not record.vacant
    }
    items = {
        (record.tenant, record.item_id): record
        async for page in profiles.items.scan()
        for record in page
    }
    views = await live.cache.get([record.key for record in users.values()])
    documents = [await profiles.personas.read(name) for name in await profiles.personas.tenants()]
    counters = await read_counters(ground, opened)
    scopes = sorted(
        {(table.tenant, table.scope) for tables in counters.values() for table in tables}
    )
    bodies = await live.aggregates.get_snapshots([statistics_name(*scope) for scope in scopes])
    return Observed(
        users=users,
        items=items,
        cached={
            user: decode_profile(view) if view is not None else None
            for user, view in zip(users, views, strict=True)
        },
        personas={document.tenant: document for document in documents if document is not None},
        counters=counters,
        watermarks_ms={
            partition: await live.aggregates.watermarks_ms(partition)
            for partition in range(ground.partitions)
        },
        snapshots={
            scope: decode_statistics(body) if body is not None else None
            for scope, body in zip(scopes, bodies, strict=True)
        },
        spaces={
            document.tenant: await _space(opened, document)
            for document in documents
            if document is not None
        },
    )


async def _space(opened: Opened, document: PersonaDocument) -> tuple[int, ItemSpace]:
    model = decode_personas(document.body).model
    assert model is not None, "personas without the space they lie in"
    body = await get_blob(opened.live.aggregates, document.tenant, model.item_space)
    assert body is not None, "the item space in force is not stored"
    return model.space, ItemSpace.from_bytes(body)


async def read_counters(ground: Ground, opened: Opened) -> Counters:
    aggregates = opened.live.aggregates
    found: Counters = {}
    for partition in range(ground.partitions):
        tables = await aggregates.tables(partition)
        counters = await aggregates.counters(partition, tables)
        found[partition] = dict(zip(tables, counters, strict=True))
    return found


async def rebuilt_counters(ground: Ground, opened: Opened, *, timeout_s: float) -> Counters:
    """Counters after the running worker has summed its stored users afresh."""
    aggregates = opened.live.aggregates
    wanted = DECLARED.build(await aggregates.want_rebuild())

    async def built() -> bool:
        epochs = [await aggregates.built_epoch(place) for place in range(ground.partitions)]
        return all(epoch == wanted for epoch in epochs)

    await eventually(built, timeout_s=timeout_s)
    return await read_counters(ground, opened)


@dataclass
class TrimsNoted:
    """An aggregate store that notes which tables have lost counters to trimming.

    Everything else passes through.
    """

    store: AggregateStore
    trimmed: set[Table] = field(default_factory=set)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def trim(self, partition: int, table: CounterTable, *, keep: int) -> None:
        (counters,) = await self.store.counters(partition, [table])
        if len(counters) > keep:
            self.trimmed.add((partition, table))
        await self.store.trim(partition, table, keep=keep)
