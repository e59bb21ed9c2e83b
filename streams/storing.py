"""The profile agent's other half: what one flush makes durable, visible and known to others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final

from profiles.catalogue import ItemCatalogue
from profiles.declared import DeclaredPersonas
from profiles.personas import Centroids
from profiles.policy import Policy
from profiles.ports import (
    ItemStore,
    ProfileCache,
    StoreUnavailable,
    Token,
    UserRecord,
    UserStore,
)
from profiles.privacy.data_policy import DataPolicy
from profiles.privacy.permitting import permitted
from profiles.state import decode_state
from schemas import topics
from schemas.keys import record_key
from schemas.snapshots import encode_profile
from stores.points import batches, finished
from streams.emitter import Outgoing, Sender
from streams.erasing import Erasing, Leaving
from streams.ownership import BOOKMARK, Doubtful, Ownerships, Place, Released
from streams.retrying import until_available
from streams.seals import SEAL, Seals
from streams.writing import Held, View, Write, prepare, stored_views

__all__ = ["Batch", "Seam", "Storing", "update_of"]

_PREPARED: Final = 256
"""Users, in one step of the event loop: some 25 ms, in which no lookup is answered."""

Seam = Callable[[str], None]
"""Called with a seam's name between two durable steps; tests crash there."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one flush is of, taken at one moment.

    Attributes:
        changed: Users in memory, which are folded into meanwhile, and as they were then.
        unnamed: Items to store by name, by key.
    """

    changed: Sequence[tuple[Held, Held]]
    outgoing: Sequence[Outgoing]
    inherited: Sequence[Held]
    next_offsets: Mapping[Place, int]
    unnamed: Mapping[int, tuple[str, str]]

    def leaving(self) -> list[Leaving]:
        """Users whose erasure was folded, and who come back before they were removed."""
        return [
            Leaving(now.record, now.state, tuple(now.erasures))
            for _, now in self.changed
            if now.erasures or (now.record.vacant and not now.state.is_vacant)
        ]

    def settle(self, writes: Sequence[Write]) -> None:
        """Let users in memory know what is stored of them."""
        in_memory = {id(now): held for held, now in self.changed}
        for write in writes:
            in_memory[id(write.held)].settle(write.held, record=write.record, state=write.state)


class Storing:
    """Writes each touched user once, and what follows from it, in the order that crashes need.

    State, vector, positions, version and outbox in one conditional write; then the control point
    is bookmarked and confirmed, the cache written and sealed; then storage is made to survive a
    loss of power, the control point sealed, the updates emitted and offsets committed. A crash
    between any two steps repeats work and changes nothing twice.

    Args:
        centroids: The personas in force for a tenant.
        commit: Commits next offsets by (topic, partition).
        sync: Makes embedded storage survive a loss of power.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        items: ItemStore,
        cache: ProfileCache,
        ownerships: Ownerships,
        seals: Seals,
        emitter: Sender,
        catalogue: ItemCatalogue,
        centroids: Callable[[str], Centroids],
        policy: Policy,
        declared: DeclaredPersonas,
        data_policy: DataPolicy,
        commit: Callable[[Mapping[Place, int]], Awaitable[None]],
        sync: Callable[[], Awaitable[None]],
        erasing: Erasing,
        seam: Seam,
    ) -> None:
        self._users = users
        self._items = items
        self._cache = cache
        self._ownerships = ownerships
        self._seals = seals
        self._emitter = emitter
        self._catalogue = catalogue
        self._centroids = centroids
        self._policy = policy
        self._declared = declared
        self._data = data_policy
        self._commit = commit
        self._sync = sync
        self._erasing = erasing
        self._seam = seam

    async def store(self, batch: Batch) -> list[Write]:
        """Make it durable, visible, known to others and committed; what was written of users.

        Raises:
            Released: a partition was given up or taken anew meanwhile.
            Fenced: a partition has a newer owner, who refused our writes.
            Doubtful: a write may land at any time.
        """
        touched = {partition for _, partition in batch.next_offsets}
        touched |= {now.record.partition for _, now in batch.changed}
        touched |= {held.record.partition for held in batch.inherited}
        tokens = {place: self._ownerships.require(place).token for place in touched}
        await self._name_items(batch.unnamed)
        await self._erasing.open(batch.leaving())
        writes = await self._write_users(batch)
        self._seam("stored")
        async with self._seals.changing:
            seals = await self._confirm_and_cache(batch, writes, tokens)
            self._seam("cached")
            # What is sent must not be undone by a loss of power: its version would come again, and
            # counters would take it for a repeat.
            await self._sync()
            # Of a view that was undone the seal tells: it must not outlast the users. Nor may it
            # be undone once events are committed: an older copy of the cache would pass for new.
            await finished(
                self._ownerships.bookmark(partition, {SEAL: after})
                for partition, (_, after) in seals.items()
            )
            if seals:
                await self._ownerships.settle()
        updates = [update_of(write.record) for write in writes]
        await self._emitter.send([*batch.outgoing, *updates])
        self._seam("emitted")
        if batch.next_offsets:
            await self._commit(batch.next_offsets)
        self._seam("committed")
        return writes

    async def _confirm_and_cache(
        self, batch: Batch, writes: Sequence[Write], tokens: Mapping[int, Token]
    ) -> dict[int, tuple[int, int]]:
        """Bookmark what is stored, see that it was not refused, and cache it under new seals."""
        changed = {write.record.partition for write in writes}
        changed |= {held.record.partition for held in batch.inherited}
        seals = self._seals.draw(sorted(changed))
        bookmarks: dict[int, dict[str, int]] = {}
        for (topic, partition), offset in batch.next_offsets.items():
            bookmarks.setdefault(partition, {})[BOOKMARK + topic] = offset
        await finished(self._ownerships.bookmark(*one) for one in bookmarks.items())
        await self._ownerships.confirm(sorted(tokens))
        for partition, token in tokens.items():
            if self._ownerships.require(partition).token != token:
                # Taken anew meanwhile, perhaps from another owner, who refused our writes.
                raise Released(f"partition {partition} was taken anew meanwhile")
        self._seam("confirmed")
        views = [
            *await self._views_of(batch.inherited),
            *(_view_of(write) for write in writes),
        ]
        if seals:
            await until_available(partial(self._cache.put, views, seals=seals))
        return seals

    async def _name_items(self, unnamed: Mapping[int, tuple[str, str]]) -> None:
        if unnamed:
            await until_available(partial(self._items.put_stubs, list(unnamed.values())))

    async def _write_users(self, batch: Batch) -> list[Write]:
        tenants: dict[str, list[Held]] = {}
        for _, held in batch.changed:
            partition = held.record.partition
            if held.claimed != self._ownerships.require(partition).token:
                raise Released(f"partition {partition} was taken anew with changes under way")
            tenants.setdefault(held.record.tenant, []).append(held)
        writes: list[Write] = []
        storing: list[asyncio.Task[None]] = []
        try:
            for tenant, several in tenants.items():
                # Prepared together, as a tenant's personas are the same in all partitions, and few
                # at a time cost each of them many times as much.
                several.sort(key=_partition_of)
                for part in batches(several, _PREPARED):
                    prepared = prepare(
                        part,
                        catalogue=self._catalogue,
                        centroids=self._centroids(tenant),
                        policy=self._policy,
                        declared=self._declared,
                        data_policy=self._data,
                    )
                    writes += prepared
                    # Stored while the next ones are prepared; a write has one token.
                    for _, own in groupby(prepared, key=lambda write: write.record.partition):
                        records = [write.record for write in own]
                        storing.append(asyncio.create_task(self._users.write(records)))
                    await asyncio.sleep(0)
        except BaseException:
            await asyncio.gather(*storing, return_exceptions=True)
            raise
        try:
            await finished(storing)
        except StoreUnavailable as error:
            raise Doubtful(str(error)) from error
        return writes

    async def _views_of(self, inherited: Sequence[Held]) -> list[View]:
        """Views of users as an earlier owner stored them, perhaps without caching them.

        Who takes a partition over inherits thousands of them at once.
        """
        views: list[View] = []
        for part in batches([held for held in inherited if not held.record.vacant], _PREPARED):
            records = [held.record for held in part]
            found = stored_views(
                records,
                [permitted(decode_state(one.state), self._data.ranked) for one in records],
                received_ms=[held.received_ms for held in part],
                catalogue=self._catalogue,
                policy=self._policy,
            )
            views += [
                (record.key, record.version, encode_profile(view))
                for record, view in zip(records, found, strict=True)
            ]
            # Lookups in this process get their turn.
            await asyncio.sleep(0)
        return views


def _partition_of(held: Held) -> int:
    return held.record.partition


def _view_of(write: Write) -> View:
    view = None if write.record.vacant else encode_profile(write.cached)
    return write.record.key, write.record.version, view


def update_of(record: UserRecord) -> Outgoing:
    """The last update of a user, to be sent."""
    key = record_key(record.tenant, record.user_id)
    return Outgoing(topics.PROFILE_UPDATES, record.partition, key, record.outbox)
