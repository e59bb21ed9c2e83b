"""The statistics agent's engine: applies profile updates to the counters, each once."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import chain
from typing import Final, TypeVar

import structlog

from profiles.catalogue import ItemCatalogue
from profiles.contributions import TIMED_SERIES, bucket_floor
from profiles.counting import Sum
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.policy import Policy
from profiles.ports import (
    AggregateStore,
    CounterTable,
    Fenced,
    Increments,
    ItemCounters,
    ProfileCache,
    Token,
    UserRecord,
    UserStore,
)
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from schemas.updates import (
    ProfileUpdate,
    UpdateFormatError,
    decode_update,
)
from streams.adding import add_user, by_user, size_of, size_of_whole
from streams.batches import RecordBatch
from streams.ownership import Ownerships
from streams.retrying import until_available
from streams.seals import Seals
from streams.summing import summed

__all__ = ["BOUNDED", "StatisticsEngine", "UnreadableUpdate"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)

# The more at once, the more of what comes and goes need not be counted.
_CHUNK: Final = 4_096
# Updates decoded in one step of the event loop.
_READ: Final = 512
# Bytes of whole users' entries, or of entries times scopes, that are counted in one step: of more,
# neither this process nor the store would do anything else (some 40 ms); of fewer, the store would
# add to the same counters more often.
_AT_ONCE: Final = 180_000
_ATTEMPTS: Final = 5
# Series whose tables grow with what users mention; the largest counters are kept.
BOUNDED: Final[Mapping[str, int]] = {
    "co-occurrence": 500,
    "attribute": 1_000,
    "events": 1_000,
    "doers": 1_000,
}
_TRIM_FACTOR: Final = 4
# Among the versions, which are stored in one step with the counters: the offset that follows
# the last update counted. No user's key is so short.
_COUNTED: Final = b"counted"


class UnreadableUpdate(RuntimeError):
    """A profile update that this code wrote cannot be read: a bug, or a newer writer."""


class _Gap(Exception):
    """An update is missing: the counters are behind the users."""


class StatisticsEngine:
    """Keeps the counters of owned partitions equal to the sum over their users.

    Each update carries the user's version; the store applies it only on top of
    the version before, so a repeat changes nothing. When the counters are
    missing, behind, of another declaration of personas, or a rebuild is wanted,
    they are rebuilt by sweeping the stored users, and updates go on from the
    versions found there. Behind are counters of a store that was put back to an
    older copy: up to which offset updates are counted is stored with them, and that
    is before what is committed, or before what this worker counted.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        aggregates: AggregateStore,
        cache: ProfileCache,
        ownerships: Ownerships,
        seals: Seals,
        catalogue: ItemCatalogue,
        policy: Policy,
        declared: DeclaredPersonas = NOTHING_DECLARED,
        data_policy: DataPolicy = ANYTHING_GOES,
        epoch: Callable[[], int],
        clock_ms: Callable[[], int],
    ) -> None:
        self._users = users
        self._aggregates = aggregates
        self._cache = cache
        self._ownerships = ownerships
        self._seals = seals
        self._catalogue = catalogue
        self._policy = policy
        self._declared = declared
        self._data = data_policy
        self._epoch = epoch
        self._clock_ms = clock_ms
        # Partitions are counted beside each other: what one waits for of its store, others compute.
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        # Whether anything has to be summed afresh is found out for one after the other.
        self._checking = asyncio.Lock()
        # While one partition waits for its stores, another is computed; of more, lookups in this
        # process would wait for all.
        self._summing = asyncio.Semaphore(2)
        self._built: dict[int, int] = {}
        self._counted: dict[int, int] = {}
        self._floors: dict[tuple[int, str], dict[str, int]] = {}
        self._grown: Counter[tuple[int, CounterTable]] = Counter()
        self.counts: Counter[str] = Counter()

    async def handle(self, batch: RecordBatch) -> bool:
        """Apply a batch; True if its offsets may be committed, False if it is out of date."""
        async with self._locks[batch.partition]:
            if batch.epoch != self._epoch():
                return False
            token = (await self._ownerships.own(batch.partition)).token
            for chunk in batch.chunks(_CHUNK):
                if chunk.next_offset <= self._counted.get(batch.partition, 0):
                    self.counts["repeated"] += len(chunk.records)
                    continue
                updates: list[ProfileUpdate] = []
                for part in chunk.chunks(_READ):
                    updates += [
                        _read(record.value, batch, record.offset) for record in part.records
                    ]
                    # Lookups in this process get their turn.
                    await asyncio.sleep(0)
                await self._apply(batch.partition, token, updates, counted=chunk.next_offset)
            return batch.epoch == self._epoch()

    async def ensure_built(self, partitions: Sequence[int]) -> None:
        """Rebuild those owned partitions whose counters are not those of the wanted epoch."""
        for partition in partitions:
            async with self._locks[partition]:
                held = self._ownerships.held.get(partition)
                if held is not None:
                    await self._ensure_built(partition, held.token)

    async def _ensure_built(self, partition: int, token: Token) -> int:
        """Rebuild if need be; the build that is in force then."""
        async with self._checking:
            wanted = await self._wanted_build()
            differ = await self._seals.differ(partition)
            if differ:
                _log.warning("cache and users are not as new as each other", partition=partition)
                await self._leave_out_views()
            built = await until_available(partial(self._aggregates.built_epoch, partition))
            if not differ and built == wanted and await self._is_behind(partition):
                # Whatever the store holds is as old, in every partition, cached views included.
                await until_available(self._aggregates.want_rebuild)
                wanted = await self._wanted_build()
        if differ or built != wanted:
            await self._rebuild(partition, token, wanted)
        elif partition not in self._built:
            # Its last owner may have died before it dropped what had left its window.
            watermarks = await until_available(partial(self._aggregates.watermarks_ms, partition))
            await self._drop_past(partition, watermarks)
            self._built[partition] = wanted
        return wanted

    async def _leave_out_views(self) -> None:
        """Forget views of users who are gone, or whose stored version is older.

        Whatever is not cached is computed by those who ask, or put by a rebuild.
        """
        cursor = 0
        while True:
            cursor, page = await until_available(partial(self._cache.read_versions, cursor))
            # Read after its view was, so a living user is at least of that version.
            records = await until_available(partial(self._users.read, [key for key, _ in page]))
            wrong = [
                key
                for (key, version), record in zip(page, records, strict=True)
                if record is None or record.vacant or record.version < version
            ]
            if wrong:
                await until_available(partial(self._cache.forget, wrong))
            if not cursor:
                return

    async def _is_behind(self, partition: int) -> bool:
        known = await self._known_counted(partition)
        applied = await until_available(partial(self._aggregates.applied, partition, [_COUNTED]))
        found = applied.versions.get(_COUNTED, 0)
        self._counted[partition] = max(known, found)
        if found < known:
            _log.warning(
                "the counters are an older copy", partition=partition, counted=found, known=known
            )
        return found < known

    async def _known_counted(self, partition: int) -> int:
        """The offset up to which updates are known to have been counted."""
        known = self._counted.get(partition)
        return await self._ownerships.committed_updates(partition) if known is None else known

    async def _wanted_build(self) -> int:
        return self._declared.build(await until_available(self._aggregates.wanted_epoch))

    async def release(self) -> None:
        """Partitions are being given up: what is remembered of them may go out of date."""
        async with AsyncExitStack() as nobody_counts:
            for lock in list(self._locks.values()):
                await nobody_counts.enter_async_context(lock)
            self._built.clear()
            self._counted.clear()
            self._floors.clear()
            self._grown.clear()

    async def _apply(
        self, partition: int, token: Token, updates: Sequence[ProfileUpdate], *, counted: int
    ) -> None:
        """Apply, whatever has to be rebuilt first.

        Args:
            counted: The offset up to which all is counted then.
        """
        for _ in range(_ATTEMPTS):
            epoch = self._built.get(partition)
            if epoch is None:
                epoch = await self._ensure_built(partition, token)
            try:
                if await self._apply_once(partition, token, epoch, updates, counted=counted):
                    return
                # Emptied under our hands, or taken over: the next attempt or `confirm` tells.
                await self._ownerships.confirm([partition])
            except _Gap:
                _log.warning("counters are behind the stored users", partition=partition)
                await self._rebuild(partition, token, epoch)
            self._built.pop(partition, None)
        raise Fenced(f"the counters of partition {partition} refuse this worker's updates")

    async def _apply_once(
        self,
        partition: int,
        token: Token,
        epoch: int,
        updates: Sequence[ProfileUpdate],
        *,
        counted: int,
    ) -> bool:
        """True if all of them are counted, and `counted` is stored with them.

        The store may be put back to an older copy at any moment, which may say of as many updates
        that they are counted. So the last step looks whether all that was found, or counted, in
        the steps before it is there still.
        """
        seen: dict[bytes, int] = {}
        *groups, last = _groups(updates)
        for group in groups:
            if not await self._step(partition, token, epoch, group, counted=0, seen=seen):
                return False
        return await self._step(partition, token, epoch, last, counted=counted, seen=seen)

    async def _step(
        self,
        partition: int,
        token: Token,
        epoch: int,
        updates: Sequence[ProfileUpdate],
        *,
        counted: int,
        seen: dict[bytes, int],
    ) -> bool:
        """Count updates that the store takes at once.

        Args:
            seen: Versions counted of users of earlier steps; those of this one are added.
        """
        keys = [_COUNTED, *{update.key: None for update in updates}]
        applied = await until_available(partial(self._aggregates.applied, partition, keys))
        if applied.epoch != epoch:
            return False
        versions = {key: applied.versions.get(key, 0) for key in keys}
        expected = dict(versions)
        if expected[_COUNTED] < self._counted.get(partition, 0):
            # Put back to an older copy under our hands.
            return False
        versions[_COUNTED] = max(expected[_COUNTED], counted)
        fresh = await self._fresh(updates, versions, token=token)
        if versions == expected:
            seen.update(expected)
            return True
        watermarks = await until_available(partial(self._aggregates.watermarks_ms, partition))
        for update in fresh:
            watermarks[update.tenant] = max(watermarks.get(update.tenant, 0), update.watermark_ms)
        adding = Sum(self._policy, self._catalogue.dimension)
        for several in by_user(fresh):
            add_user(adding, several, dimension=self._catalogue.dimension)
        increments, items = adding.increments(), adding.item_counters()
        left = {
            update.key for update in fresh if update.last and update.version == versions[update.key]
        }
        changed = {
            # Of users of whom nothing is counted, nothing is known.
            key: 0 if key in left else version
            for key, version in versions.items()
            if version != expected[key]
        }
        # Before they are counted: a copy of the store that has them counted then has it dropped.
        await self._drop_past(partition, watermarks)
        done = await until_available(
            partial(
                self._aggregates.apply,
                partition=partition,
                token=token,
                epoch=epoch,
                expected={**seen, **expected},
                versions=changed,
                increments=increments,
                items=self._kept(items, watermarks),
                watermarks_ms=watermarks,
            )
        )
        if done:
            seen.update({**expected, **changed})
            self._counted[partition] = versions[_COUNTED]
            self.counts["applied"] += len(fresh)
            await self._trim(partition, increments, items)
        return done

    async def _fresh(
        self, updates: Sequence[ProfileUpdate], versions: dict[bytes, int], *, token: Token
    ) -> list[ProfileUpdate]:
        """Those that were not applied before; raises `versions` to theirs.

        An owner that stood still between storing a user and sending it on may send it when its
        successor has counted, and taken back, that user. Of one owner updates come in order.

        Raises:
            _Gap: one of them does not follow the version before it.
        """
        fresh: list[ProfileUpdate] = []
        for update in updates:
            known = versions[update.key]
            foreign = update.declaration != self._declared.version
            late = update.token < token
            unknown = not known and (foreign or late or not update.first)
            if update.version <= known or (unknown and await self._has_left(update)):
                self.counts["repeated"] += 1
            elif foreign:
                # Its writer counted by other personas; what it stored tells all the same.
                raise _Gap
            elif update.version == known + 1 or (update.first and not known):
                versions[update.key] = update.version
                fresh.append(update)
            else:
                raise _Gap
        return fresh

    def _kept(
        self, items: Sequence[ItemCounters], watermarks: Mapping[str, int]
    ) -> list[ItemCounters]:
        """Counters without those of time buckets that have left the window."""
        kept: list[ItemCounters] = []
        for columns in items:
            floor = bucket_floor(columns.series, watermarks[columns.tenant], self._policy)
            if floor is None:
                kept.append(columns)
            elif any(within := [int(part) >= floor for part in columns.parts]):
                kept.append(columns.only(within))
        return kept

    async def _has_left(self, update: ProfileUpdate) -> bool:
        """Whether an update of which no version is counted is one of a user who is gone.

        Their later versions were counted and taken back before this one was sent again.
        """
        (stored,) = await until_available(partial(self._users.read, [update.key]))
        return stored is None or not stored.version or stored.vacant

    def _is_past(self, table: CounterTable, watermark_ms: int) -> bool:
        floor = bucket_floor(table.series, watermark_ms, self._policy)
        return floor is not None and int(table.part) < floor

    async def _drop_past(self, partition: int, watermarks: Mapping[str, int]) -> None:
        """Drop buckets that have left their window."""
        for tenant, watermark_ms in watermarks.items():
            floors = {
                series: floor
                for series in TIMED_SERIES
                if (floor := bucket_floor(series, watermark_ms, self._policy)) is not None
            }
            if self._floors.get((partition, tenant)) != floors:
                tables = await until_available(
                    partial(self._aggregates.tables, partition, series=list(floors))
                )
                left = [
                    table
                    for table in tables
                    if table.tenant == tenant and self._is_past(table, watermark_ms)
                ]
                if left:
                    await until_available(partial(self._aggregates.drop, partition, left))
                self._floors[partition, tenant] = floors

    async def _trim(
        self, partition: int, increments: Increments, items: Sequence[ItemCounters]
    ) -> None:
        """Trim tables that grew."""
        for table, grown in _sizes(increments, items):
            keep = BOUNDED[table.series]
            known = self._grown[partition, table] + grown
            if known > _TRIM_FACTOR * keep:
                await until_available(partial(self._aggregates.trim, partition, table, keep=keep))
                known = keep
            self._grown[partition, table] = known

    async def _rebuild(self, partition: int, token: Token, epoch: int) -> None:
        """Sum over the stored users afresh; readers see the partition as stale meanwhile."""
        async with self._summing:
            # A scan that was interrupted cannot be gone on with: from the beginning.
            await until_available(partial(self._rebuild_once, partition, token, epoch))

    async def _rebuild_once(self, partition: int, token: Token, epoch: int) -> None:
        _log.info("rebuilding counters from the stored users", partition=partition, epoch=epoch)
        await until_available(
            partial(self._aggregates.begin_build, partition, token=token, epoch=epoch)
        )
        # Updates are sent of what is stored: whatever these say, the users have who are read next.
        sent = await self._ownerships.sent_updates(partition)
        # From here on a build is known to be under way, whatever becomes of this one.
        await self._seals.mend(partition)
        swept, watermarks = 0, dict[str, int]()
        async for page in self._users.scan(partition=partition):
            records = [record for record in page if record.version and not record.vacant]
            for part in _cut(records, lambda record: size_of_whole(record.state), most=_AT_ONCE):
                await self._sum(partition, token, epoch, part, watermarks)
            swept += len(records)
        for remembered in [key for key in self._floors if key[0] == partition]:
            del self._floors[remembered]
        watermarks = await until_available(partial(self._aggregates.watermarks_ms, partition))
        await self._drop_past(partition, watermarks)
        await self._mark_counted(partition, token, epoch, sent)
        await until_available(
            partial(self._aggregates.finish_build, partition, token=token, epoch=epoch)
        )
        self._built[partition] = epoch
        self.counts["rebuilds"] += 1
        _log.info("counters rebuilt", partition=partition, users=swept)

    async def _mark_counted(self, partition: int, token: Token, epoch: int, sent: int) -> None:
        """The stored users have all that was ever told of them, and so do their sums.

        Args:
            sent: The offset up to which that is.
        """
        known = max(sent, await self._known_counted(partition))
        if known:
            await until_available(
                partial(
                    self._aggregates.apply,
                    partition=partition,
                    token=token,
                    epoch=epoch,
                    expected={_COUNTED: 0},
                    versions={_COUNTED: known},
                    increments={},
                    watermarks_ms={},
                )
            )
        self._counted[partition] = known

    async def _sum(
        self,
        partition: int,
        token: Token,
        epoch: int,
        records: Sequence[UserRecord],
        watermarks: dict[str, int],
    ) -> None:
        """Add whole users.

        Args:
            watermarks: Of those added before; raised to these.
        """
        found = summed(
            records,
            catalogue=self._catalogue,
            policy=self._policy,
            declared=self._declared,
            data_policy=self._data,
            now_ms=self._clock_ms(),
        )
        for tenant, newest_ms in found.watermarks_ms.items():
            watermarks[tenant] = max(watermarks.get(tenant, 0), newest_ms)
        await until_available(
            partial(
                self._aggregates.apply,
                partition=partition,
                token=token,
                epoch=epoch,
                expected=dict.fromkeys(found.versions, 0),
                versions=found.versions,
                increments=found.total.increments(),
                items=self._kept(found.total.item_counters(), watermarks),
                watermarks_ms=watermarks,
            )
        )
        self.counts["summed"] += len(records)
        # Users who were put back may have come to the same version again, with other events in it.
        await until_available(partial(self._cache.put, found.views, anew=True))


def _cut(things: Iterable[T], size: Callable[[T], int], *, most: int) -> Iterator[list[T]]:
    """In their order, so that no one step holds the store for long."""
    part: list[T] = []
    held = 0
    for thing in things:
        part.append(thing)
        held += size(thing)
        if held >= most:
            yield part
            part, held = [], 0
    if part:
        yield part


def _groups(updates: Iterable[ProfileUpdate]) -> list[list[ProfileUpdate]]:
    """Updates by user, each one's in order, of as many users as go into one step."""
    cut = _cut(by_user(updates), size_of, most=_AT_ONCE)
    return [list(chain.from_iterable(users)) for users in cut]


def _sizes(
    increments: Increments, items: Sequence[ItemCounters]
) -> Iterator[tuple[CounterTable, int]]:
    """Counters added to each table of a bounded series."""
    for table, counters in increments.items():
        if table.series in BOUNDED:
            yield table, len(counters)
    for columns in items:
        if columns.series in BOUNDED:
            names = columns.tenant, columns.scope, columns.series
            for part, size in zip(columns.parts, columns.sizes, strict=True):
                yield CounterTable(*names, part), size


def _read(value: bytes | None, batch: RecordBatch, offset: int) -> ProfileUpdate:
    try:
        return decode_update(value or b"")
    except UpdateFormatError as error:
        raise UnreadableUpdate(f"{batch.topic}/{batch.partition}@{offset}: {error}") from error
