"""Bringing stored users up to date when items or personas change."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import structlog

from profiles.policy import Policy
from profiles.ports import Control, Token, UserRecord, UserStore
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from stores.points import batches
from streams.knowledge import ITEMS_MARK, PERSONAS_MARK, Knowledge
from streams.ownership import Ownerships
from streams.profiles import ProfileEngine
from streams.retrying import until_available
from streams.writing import are_current, hold

__all__ = ["Sweeper"]

_log = structlog.get_logger(__name__)

_LOOKED_AT: Final = 128
"""Users, in one step of the event loop."""

# Bookmarks: how many sweeps of the partition were begun, and the last that ended.
_BEGUN: Final = "sweep-begun"
_ENDED: Final = "sweep-ended"
# … and the version of the data policy that all of them were written under.
_POLICY: Final = "data-policy"


class Sweeper:
    """Re-projects and re-assigns users of owned partitions.

    How far a partition's users agree with the announcements is bookmarked in its
    control point, so that what was announced while nobody owned it is made up for.
    No event is redelivered for what a sweep wrote: if its owner died before sending
    that on, the next sweep finds it unended and claims everyone, which does.

    Args:
        sync: Makes storage survive a loss of power.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        engine: ProfileEngine,
        ownerships: Ownerships,
        knowledge: Knowledge,
        policy: Policy,
        sync: Callable[[], Awaitable[None]],
        data_policy: DataPolicy = ANYTHING_GOES,
    ) -> None:
        self._users = users
        self._engine = engine
        self._ownerships = ownerships
        self._knowledge = knowledge
        self._policy = policy
        self._sync = sync
        self._data = data_policy
        # Tokens of partitions of which everybody's projection was compared in this process, whose
        # policy may be another than that of the last one.
        self._looked_at: dict[int, Token] = {}
        self.swept = 0
        self.sweeps = 0

    async def sweep(self) -> int:
        """Sweep every owned partition that is behind; how many users were brought up to date."""
        changed = 0
        for partition in list(self._ownerships.held):
            # A scan that was interrupted cannot be gone on with: from the beginning.
            changed += await until_available(partial(self._sweep, partition))
        return changed

    async def _sweep(self, partition: int) -> int:
        control = self._ownerships.held.get(partition)
        if control is None:
            return 0
        marks = self._knowledge.marks()
        begun = control.positions.get(_BEGUN, 0)
        interrupted = begun > control.positions.get(_ENDED, 0)
        covered = all(control.positions.get(name, 0) >= mark for name, mark in marks.items())
        ruled_anew = control.positions.get(_POLICY, 0) != self._data.version
        if covered and not interrupted and not ruled_anew:
            return 0
        # Users flushed from now on are projected with what `marks` cover; those in
        # the middle of a flush must be stored before they can be found by a scan.
        await self._engine.flush()
        placed = self._looked_at.get(partition) == control.token and self._items_covered(
            control.positions, marks
        )
        everyone = (
            interrupted
            or ruled_anew
            or self._moved(control.positions, marks)
            or any(True for _ in self._knowledge.revised_since(control.positions))
        )
        ruled = {_POLICY: self._data.version} if ruled_anew else {}
        changed, known_to_have_begun = 0, False
        await self._ownerships.bookmark(partition, {_BEGUN: begun + 1})
        # Refused, it would be silent, and the next owner would not know of what is written now.
        await self._ownerships.confirm([partition])
        pages = self._users.scan(partition=partition, waiting=None if everyone else True)
        async for page in pages:
            late = {record.key for record in await self._behind(page, placed=placed)}
            behind = [
                record
                for record in page
                if (ruled_anew and record.version)
                or record.key in late
                or (interrupted and record.token != control.token)
            ]
            if not self._still_holds(control):
                return changed
            if behind:
                if not known_to_have_begun:
                    # What is written below must not outlast the mark that a sweep has begun.
                    await until_available(self._sync)
                    known_to_have_begun = True
                changed += await self._engine.refresh(
                    [(record.key, record.tenant, record.user_id) for record in behind],
                    partition=partition,
                    # Views and counters follow the policy too, and cannot be looked at one by one.
                    whatever=ruled_anew,
                )
        if self._still_holds(control):
            await self._ownerships.bookmark(partition, {**marks, **ruled, _ENDED: begun + 1})
            if everyone:
                self._looked_at[partition] = control.token
        if changed:
            _log.info("users brought up to date", partition=partition, users=changed)
        self.swept += changed
        self.sweeps += 1
        return changed

    def _still_holds(self, control: Control) -> bool:
        held = self._ownerships.held.get(control.partition)
        return held is not None and held.token == control.token

    def _moved(self, done: Mapping[str, int], marks: Mapping[str, int]) -> bool:
        return any(
            mark > done.get(name, 0)
            for name, mark in marks.items()
            if name.startswith(PERSONAS_MARK)
        )

    def _items_covered(self, done: Mapping[str, int], marks: Mapping[str, int]) -> bool:
        return all(
            mark <= done.get(name, 0) for name, mark in marks.items() if name.startswith(ITEMS_MARK)
        )

    async def _behind(self, page: Sequence[UserRecord], *, placed: bool) -> list[UserRecord]:
        """Those whose projection or persona is not what it would be now.

        Args:
            placed: Of all items that are known, their projections tell already: those of the item
                space in force need not be made anew.
        """
        behind: list[UserRecord] = []
        by_tenant: dict[str, list[UserRecord]] = {}
        for record in page:
            if record.version:
                by_tenant.setdefault(record.tenant, []).append(record)
        for tenant, records in by_tenant.items():
            for part in batches(records, _LOOKED_AT):
                current = self._are_current(tenant, part, placed=placed)
                behind += [record for record, is_so in zip(part, current, strict=True) if not is_so]
                # Lookups in this process get their turn.
                await asyncio.sleep(0)
        return behind

    def _are_current(
        self, tenant: str, records: Sequence[UserRecord], *, placed: bool
    ) -> list[bool]:
        centroids = self._knowledge.centroids(tenant)
        if placed:
            personas = centroids.assign(np.stack([record.vector for record in records]))
            return [
                (record.persona, record.space) == (persona, centroids.space)
                for record, persona in zip(records, personas, strict=True)
            ]
        return are_current(
            [hold(record) for record in records],
            catalogue=self._knowledge.catalogue,
            centroids=centroids,
            policy=self._policy,
            data_policy=self._data,
        )
