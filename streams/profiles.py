"""The profile agent's engine: events in, and what they changed out to be stored."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from msgspec.structs import replace

from profiles.appending import appended
from profiles.catalogue import ItemCatalogue
from profiles.effects import UserEvent, effects_of, kind_of
from profiles.fold import Sourced, forgetting
from profiles.ids import item_key, user_key
from profiles.personas import Centroids
from profiles.policy import Policy
from profiles.ports import (
    Token,
    UserRecord,
    UserStore,
)
from profiles.privacy.consenting import fold_governed, overdue, refused_kinds
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.erasure import Asked, Residue
from profiles.state import EMPTY_STATE, DataType
from schemas import decoded as events
from streams.batches import RecordBatch
from streams.emitter import Outgoing
from streams.erasing import Erasing
from streams.gate import Admitted, Gate, Passed
from streams.ownership import Ownerships, Place, Released
from streams.retrying import until_available
from streams.storing import Batch, Seam, Storing, update_of
from streams.watching import NOT_WATCHED, Watch
from streams.writing import Held, are_current, hold

__all__ = ["ProfileEngine"]

_CHUNK: Final = 512
_AHEAD: Final = 12
"""Chunks whose users are claimed before the one in hand is folded: some 130 ms of folding, as
claims from another owner, or over a server, wait behind what a flush writes."""

_FORGOTTEN: Final = "a flush failed meanwhile, and what had been folded was forgotten"


class ProfileEngine:
    """Folds events of owned partitions and flushes what they changed.

    What a flush does is in `streams.storing`. Flushes are one after the other, but folds go on
    beside them: a flush is of what had been folded when it began (`streams.storing.Batch`).
    Whatever else changes users has one lock.

    A flush that does not end, whatever the reason, cannot be gone on with: part of
    it may be stored or sent, and the next one would give other contents the same
    version. So it forgets everything, and so does `abandon`. What was forgotten is
    read again: no batch of an epoch in which anything was forgotten is folded, as its
    records may come after some that had no effect. Whoever calls makes sure that the
    consumer is rewound, which raises the epoch.

    Args:
        storing: Stores what was folded, and commits it.
        centroids: The personas in force for a tenant.
        epoch: The assignment in force; batches of another are dropped.
        users_in_memory: Unchanged users kept; the least recently used leave first.
        dirty_users: How many users have changed when a flush does not wait for its time; may be
            another number whenever it is asked.
        watch: Told of every fold and flush.

    Attributes:
        folded_to: Next offsets by (topic, partition), of what was folded and not forgotten.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        ownerships: Ownerships,
        storing: Storing,
        gate: Gate,
        catalogue: ItemCatalogue,
        centroids: Callable[[str], Centroids],
        policy: Policy,
        data_policy: DataPolicy = ANYTHING_GOES,
        epoch: Callable[[], int],
        erasing: Erasing,
        users_in_memory: int = 50_000,
        dirty_users: Callable[[], int] = lambda: 5_000,
        watch: Watch = NOT_WATCHED,
        seam: Seam = lambda _: None,
    ) -> None:
        self._storer = storing
        self._users = users
        self._ownerships = ownerships
        self._gate = gate
        self._catalogue = catalogue
        self._centroids = centroids
        self._policy = policy
        self._data = data_policy
        # Of whom nothing was ever kept, nothing of these kinds is kept either.
        self._unasked = refused_kinds(EMPTY_STATE, data_policy)
        self._known = data_policy.counted | {DataType.CONTROLS}
        self._epoch = epoch
        self._erasing = erasing
        self._users_in_memory = users_in_memory
        self._dirty_users = dirty_users
        self._watch = watch
        self._seam = seam
        self._lock = asyncio.Lock()
        self._flushing = asyncio.Lock()
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._dirty: dict[bytes, None] = {}
        # Being stored by the flush under way.
        self._storing: frozenset[bytes] = frozenset()
        self._outgoing: list[Outgoing] = []
        self._inherited: list[Held] = []
        self._next_offsets: dict[Place, int] = {}
        self.folded_to: dict[Place, int] = {}
        # A flush that nobody waits for, as too many users had changed.
        self._beside: asyncio.Task[None] | None = None
        self._forgotten_in = -1
        self._forgettings = 0
        self._named: set[int] = set()
        self._unnamed: dict[int, tuple[str, str]] = {}
        self.counts: Counter[str] = Counter()

    @property
    def held_users(self) -> int:
        """In memory, changed or not."""
        return len(self._held)

    @property
    def dirty_users(self) -> int:
        """Changed, and not stored yet."""
        return len(self._storing.union(self._dirty))

    async def handle(self, batch: RecordBatch) -> None:
        """Fold a batch; its effects are stored by the next flush."""
        async with self._lock:
            if not self._is_next(batch):
                return
            await self._ownerships.own(batch.partition)
            # Taking the partition may have rewound it, and a rebalance may come between.
            if not self._is_next(batch):
                return
            chunks = batch.chunks(_CHUNK)
            ahead: deque[_Ahead] = deque()
            try:
                while True:
                    # Users of the next chunks are claimed while this one is folded.
                    for chunk in islice(chunks, 1 + _AHEAD - len(ahead)):
                        ahead.append(self._looked_at(chunk, after=ahead))
                        await asyncio.sleep(0)
                    if not ahead:
                        return
                    now = ahead.popleft()
                    if not self._is_next(batch):
                        return
                    with self._watch.folding(now.chunk, self.counts):
                        await self._fold(now)
                    place = (now.chunk.topic, now.chunk.partition)
                    self._next_offsets[place] = self.folded_to[place] = now.chunk.next_offset
                    self._seam("folded")
                    self._make_room()
                    await self._flush_if_full()
                    # A batch may hold thousands of records; lookups in this process get their turn.
                    await asyncio.sleep(0)
            finally:
                for left in ahead:
                    left.leave()

    def _is_next(self, batch: RecordBatch) -> bool:
        return self._forgotten_in < batch.epoch == self._epoch()

    async def flush(self) -> None:
        """Make everything folded so far durable and visible, and commit it."""
        beside, self._beside = self._beside, None
        if beside is not None:
            await beside
        await self._flush()

    async def _flush_if_full(self) -> None:
        """Begin a flush if too many have changed; folds go on beside it."""
        if len(self._dirty) < self._dirty_users():
            return
        # The one under way first, or more and more would be in memory.
        async with self._flushing:
            pass
        beside, self._beside = self._beside, asyncio.create_task(self._flush())
        if beside is not None:
            await beside
        await asyncio.sleep(0)

    async def _flush(self) -> None:
        async with self._flushing:
            if not self._next_offsets and not self._dirty and not self._outgoing:
                return
            try:
                with self._watch.flushing(len(self._dirty)):
                    await self._store(self._begun())
            except BaseException:
                self._forget_all()
                raise
            finally:
                self._storing = frozenset()

    async def release(self) -> None:
        """Flush and forget everything: the partitions are being given up."""
        async with self._lock:
            await self.flush()
            self._forget_all()

    async def abandon(self) -> None:
        """Forget everything unflushed; it has to be read again."""
        async with self._lock, self._flushing:
            self._forget_all()

    async def refresh(
        self,
        keys: Sequence[tuple[bytes, str, str]],
        *,
        partition: int,
        whatever: bool = False,
    ) -> int:
        """Re-project and re-assign users whose stored vector is out of date; how many were.

        Args:
            keys: (user key, tenant, user id), all of one owned partition.
            whatever: Write all of them anew.
        """
        async with self._lock:
            if partition not in self._ownerships.held:
                return 0
            await self._load({key: (tenant, user) for key, tenant, user in keys}, partition)
            marked = 0
            for tenant in sorted({tenant for _, tenant, _ in keys}):
                several = [self._held[key] for key, of, _ in keys if of == tenant]
                current = are_current(
                    several,
                    catalogue=self._catalogue,
                    centroids=self._centroids(tenant),
                    policy=self._policy,
                    data_policy=self._data,
                )
                for held, is_so in zip(several, current, strict=True):
                    if (whatever or not is_so) and held.state.version:
                        self._dirty[held.record.key] = None
                        marked += 1
            forgettings = self._forgettings
        # A sweep is of everybody: events are folded beside its flushes.
        await self.flush()
        async with self._lock:
            if self._forgettings != forgettings:
                raise Released(_FORGOTTEN)
            self._make_room()
        return marked

    async def forget_overdue(
        self, keys: Sequence[tuple[bytes, str, str]], *, partition: int, now_ms: int
    ) -> dict[bytes, int]:
        """Take out of these users what is overdue by the data policy, and store that.

        The time up to which documents were forgotten, of those users of whom any were.
        """
        async with self._lock:
            if partition not in self._ownerships.held:
                return {}
            await self._load({key: (tenant, user) for key, tenant, user in keys}, partition)
            documents: dict[bytes, int] = {}
            for key, _, _ in keys:
                held = self._held[key]
                forgets = overdue(held.state, self._data, now_ms=now_ms)
                if not forgets:
                    continue
                held.state = forgetting(held.state, forgets, self._policy)
                self._dirty[key] = None
                self.counts["kept no longer"] += 1
                if any(DataType.DOCUMENTS in forget.kinds for forget in forgets):
                    documents[key] = held.state.forget_before[DataType.DOCUMENTS]
            await self.flush()
            self._make_room()
            return documents

    async def remove_vacant(
        self,
        records: Sequence[UserRecord],
        *,
        partition: int,
        before: Callable[[Sequence[UserRecord]], Awaitable[None]],
    ) -> list[UserRecord]:
        """Delete vacant users to whom nothing has happened since; those that were deleted.

        Args:
            before: Called with them just before that.
        """
        async with self._lock:
            if partition not in self._ownerships.held:
                return []
            token = self._ownerships.require(partition).token
            quiet = [record for record in records if record.key not in self._dirty]
            names = {record.key: (record.tenant, record.user_id) for record in quiet}
            await self._load(names, partition)
            # What their last owner may not have sent on goes first.
            await self.flush()
            # Who had to leave memory meanwhile is for the next time.
            unchanged = [
                record
                for record in quiet
                if (held := self._held.get(record.key)) is not None
                and held.record.version == record.version
            ]
            await before(unchanged)
            await until_available(partial(self._users.remove, unchanged, token=token))
            for record in unchanged:
                self._held.pop(record.key, None)
            self._make_room()
            return unchanged

    def _forget_all(self) -> None:
        self._watch.forgotten()
        self._forgettings += 1
        self._forgotten_in = self._epoch()
        self._held.clear()
        self._dirty.clear()
        self._outgoing.clear()
        self._inherited.clear()
        self._next_offsets.clear()
        self.folded_to.clear()
        self._unnamed.clear()

    def _looked_at(self, chunk: RecordBatch, *, after: Iterable["_Ahead"]) -> "_Ahead":
        """Decode a chunk, and begin to claim its users.

        Args:
            after: Chunks that are folded before, which bring their own users into memory.
        """
        by_user: dict[bytes, list[Passed]] = {}
        names: dict[bytes, tuple[str, str]] = {}
        admitted = self._gate.admit(chunk)
        for passed in admitted.passed:
            event = _of_user(passed.event)
            key = user_key(event.tenant, event.user_id)
            if (group := by_user.get(key)) is None:
                by_user[key] = [passed]
                names[key] = (event.tenant, event.user_id)
            else:
                group.append(passed)
        token = self._ownerships.require(chunk.partition).token
        ahead = _Ahead(chunk, admitted, by_user, names, token, self._forgettings)
        # Where not even a stub may be kept of some, it is to be found out first of whom.
        if not self._unasked:
            coming = set[bytes]().union(*(before.names for before in after))
            missing = [name for key, name in self._missing(names, token) if key not in coming]
            if missing:
                ahead.claim(self._claimed(missing, chunk.partition, token))
        return ahead

    async def _fold(self, ahead: "_Ahead") -> None:
        chunk, admitted, by_user, names = ahead.chunk, ahead.admitted, ahead.by_user, ahead.names
        self._outgoing.extend(admitted.outgoing)
        self.counts["events"] += len(admitted.passed)
        self.counts["forwarded"] += admitted.forwarded
        self.counts["dead-letters"] += admitted.rejected.total()
        self._watch.rejected(admitted.rejected)
        for key in await self._never_asked(by_user):
            self.counts["refused"] += len(by_user.pop(key))
            del names[key]
        await self._load(names, chunk.partition, ahead)
        if self._forgettings != ahead.forgettings:
            raise Released(_FORGOTTEN)
        for key, group in by_user.items():
            held = self._held[key]
            if self._append(held, chunk.topic, group) or self._fold_user(held, chunk.topic, group):
                self._dirty[key] = None
            self._held.move_to_end(key)

    async def _never_asked(self, by_user: Mapping[bytes, Sequence[Passed]]) -> list[bytes]:
        """Users of whom nothing is kept and nothing may be: not even that they exist."""
        if not self._unasked:
            return []
        strangers = [
            key
            for key, group in by_user.items()
            if key not in self._held
            and all(kind_of(_of_user(passed.event)) in self._unasked for passed in group)
        ]
        found = await until_available(partial(self._users.read, strangers)) if strangers else []
        return [key for key, record in zip(strangers, found, strict=True) if record is None]

    def _append(self, held: Held, topic: str, group: Sequence[Passed]) -> bool:
        """Fold one user's events if all are interactions behind what there is; else nothing."""
        if self._data.version:
            return False
        acts = [
            (passed.offset, event)
            for passed in group
            if type(event := passed.event) is events.Interaction
        ]
        if len(acts) < len(group):
            return False
        state = appended(held.state, acts, topic, self._policy)
        if state is None:
            return False
        held.state = state
        for passed, (_, event) in zip(group, acts, strict=True):
            self._note_item(event.tenant, event.item_id)
            reached_ms, received_ms = event.occurred_at_ms, passed.received_ms
            if held.watermark_ms < reached_ms:
                # A time to come is as late as its arrival.
                held.watermark_ms = max(held.watermark_ms, min(reached_ms, received_ms))
            held.received_ms = max(held.received_ms, received_ms)
        self.counts["folded"] += len(group)
        return True

    def _fold_user(self, held: Held, topic: str, group: Iterable[Passed]) -> bool:
        """Fold one user's events; False if all of them had been folded in before."""
        sourced: list[Sourced] = []
        refused = refused_kinds(held.state, self._data)
        for passed in group:
            event = _of_user(passed.event)
            if refused and kind_of(event) in refused:
                # A group is of one topic: no consent comes between.
                self.counts["refused"] += 1
                continue
            self._note_items(event)
            if isinstance(event, events.Erasure):
                asked = Asked(event.event_id, event.occurred_at_ms, passed.received_ms)
                held.erasures.append(asked)
            sourced.append(Sourced(topic, passed.offset, effects_of(event, self._policy)))
            if not self._data.version or kind_of(event) in self._known:
                reached_ms = min(event.occurred_at_ms, passed.received_ms)
                held.watermark_ms = max(held.watermark_ms, reached_ms)
            held.received_ms = max(held.received_ms, passed.received_ms)
        folded = fold_governed(held.state, sourced, self._policy, self._data).folded
        held.state = folded.state
        self.counts["folded"] += folded.counted
        self.counts["redelivered"] += folded.redelivered
        self.counts["repeated"] += folded.repeated
        return bool(folded.counted or folded.repeated)

    def _note_items(self, event: UserEvent) -> None:
        """Remember ids of items that no description has named, to store them by name."""
        if type(event) is events.Interaction:
            self._note_item(event.tenant, event.item_id)
        elif isinstance(event, events.Preference):
            for side in (event.chosen, event.rejected):
                if side.item_id:
                    self._note_item(event.tenant, side.item_id)

    def _note_item(self, tenant: str, item_id: str) -> None:
        key = item_key(tenant, item_id)
        if key in self._named:
            return
        if key in self._catalogue:
            self._named.add(key)
        else:
            self._unnamed[key] = (tenant, item_id)

    def _missing(
        self, names: Mapping[bytes, tuple[str, str]], token: Token
    ) -> list[tuple[bytes, tuple[str, str]]]:
        """Those who are not in memory as claimed under this token."""
        return [
            (key, name)
            for key, name in names.items()
            if (held := self._held.get(key)) is None or held.claimed != token
        ]

    async def _claimed(
        self, names: Sequence[tuple[str, str]], partition: int, token: Token
    ) -> "_Claimed":
        """Users claimed under the token, and what an erasure left of those that are new."""
        records = await until_available(
            partial(self._users.claim, names, partition=partition, token=token)
        )
        residues = await self._erasing.residues([one for one in records if not one.version])
        return [(record, residues.get(record.key)) for record in records]

    async def _load(
        self,
        names: Mapping[bytes, tuple[str, str]],
        partition: int,
        ahead: "_Ahead | None" = None,
    ) -> None:
        """Bring users into memory, claimed under this worker's token.

        Args:
            ahead: Some of them may have been claimed before.

        Raises:
            Released: a flush failed meanwhile, so what had been folded is no longer known.
        """
        token = self._ownerships.require(partition).token
        forgettings = self._forgettings if ahead is None else ahead.forgettings
        found: list[tuple[UserRecord, Residue | None]] = []
        if ahead is not None and ahead.claiming is not None:
            found += await ahead.claiming
            if token != ahead.token or self._ownerships.require(partition).token != token:
                raise Released(f"partition {partition} was taken anew meanwhile")
        known = {record.key for record, _ in found}
        # Who was in memory when looked at may have left it since.
        missing = [name for key, name in self._missing(names, token) if key not in known]
        if missing:
            found += await self._claimed(missing, partition, token)
        if self._forgettings != forgettings:
            raise Released(_FORGOTTEN)
        for claimed, residue in found:
            record = claimed
            if record.key in self._dirty or record.key in self._storing:
                raise Released(f"partition {partition} was taken anew with changes under way")
            if residue is not None:
                # Erased before: the stub goes, whatever the events that name it turn out to be.
                record = replace(record, version=residue.version, state=residue.state)
                self._dirty[record.key] = None
            held = self._held[record.key] = hold(record, claimed=token)
            if record.token != token and record.outbox:
                # Its last writer may have died between the write and what follows it.
                self._outgoing.append(update_of(record))
                self._inherited.append(held)

    def _begun(self) -> Batch:
        """What a flush is of; from now on, what is folded belongs to the next one."""
        changed = [self._held[key] for key in self._dirty]
        batch = Batch(
            changed=[(held, held.now()) for held in changed],
            outgoing=self._outgoing,
            inherited=self._inherited,
            next_offsets=self._next_offsets,
            unnamed=self._unnamed,
        )
        self._storing = frozenset(self._dirty)
        self._dirty, self._outgoing, self._inherited = {}, [], []
        self._next_offsets, self._unnamed = {}, {}
        return batch

    async def _store(self, batch: Batch) -> None:
        writes = await self._storer.store(batch)
        batch.settle(writes)
        self._named.update(batch.unnamed)
        self.counts["writes"] += len(writes)

    def _make_room(self) -> None:
        """Let the least recently used leave memory, but nobody of whom anything is not stored."""
        over = len(self._held) - self._users_in_memory
        for key in [*islice(self._held, max(0, over))]:
            if key not in self._dirty and key not in self._storing:
                del self._held[key]


_Claimed = list[tuple[UserRecord, Residue | None]]


@dataclass(slots=True)
class _Ahead:
    """A chunk that was looked at and is to be folded.

    Attributes:
        names: Of its users.
        token: Under which they are claimed.
        forgettings: How often everything had been forgotten then.
        claiming: Of those users who were not in memory then.
    """

    chunk: RecordBatch
    admitted: Admitted
    by_user: dict[bytes, list[Passed]]
    names: dict[bytes, tuple[str, str]]
    token: Token
    forgettings: int
    claiming: "asyncio.Task[_Claimed] | None" = None

    def claim(self, claimed: Coroutine[None, None, _Claimed]) -> None:
        """Begin it, whether or not anybody comes to ask for it."""
        self.claiming = asyncio.create_task(claimed)
        self.claiming.add_done_callback(_looked_into)

    def leave(self) -> None:
        """It will not be folded. A claim that is made all the same changes nothing."""
        if self.claiming is not None:
            self.claiming.cancel()


def _looked_into(claiming: "asyncio.Task[_Claimed]") -> None:
    if not claiming.cancelled():
        claiming.exception()


def _of_user(event: events.FastEvent) -> UserEvent:
    """Narrow an admitted event; the gate lets only user events into user topics."""
    if isinstance(event, (events.Item, events.ItemRetired)):
        # Not a union: one is made anew by each call.
        raise TypeError("an item event passed the gate of a user topic")
    return event
