"""Erasure: users of whom everything was forgotten leave every store, and are given a receipt.

An erasure event folds into a *vacant* state, which is stored like any other version, so that
what aggregates must take back survives any crash in its outbox. From then on the vacant
record is the work that is left: once its update is counted, the residue is stored, and
passages, cached view and record are deleted. A user who comes back, or whose old events do,
is claimed as a stub like a new one; the residue then takes the stub's place before anything
is folded.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import msgspec
import structlog

from profiles.documents.passages import PassageStore
from profiles.ports import AggregateStore, Control, ProfileCache, UserRecord, UserStore
from profiles.privacy.erasure import (
    Asked,
    Counts,
    ErasureStore,
    Receipt,
    Residue,
    holdings,
    log_until,
)
from profiles.privacy.pseudonyms import Secret, pseudonym, receipt_key
from profiles.state import DataType, UserState, decode_state
from schemas import topics
from streams.letters import LetterKeeping
from streams.retrying import until_available
from streams.topics import LETTERS_GONE_MS, LETTERS_SEGMENT_MS, SEGMENT_MS, specs

__all__ = ["Erasing", "ErasingOptions", "Leaving", "Remover"]

_log = structlog.get_logger(__name__)

_LEAST_REST: Final = 20
"""However long writing the files anew takes, or reading the dead letters, it takes at most one
of so many parts of the time."""
_NOTHING: Final[Counts] = {
    "users": {"records": 0},
    "passages": {"passages": 0},
    "cache": {"views": 0},
    "statistics": {"users": 0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasingOptions:
    """How erasure is carried out.

    Attributes:
        secret: Of the pseudonyms; the same for all workers, lookups and namespaces.
        rewrite_after_s: From the last erasure until files are written anew.
        letters_segment_ms: After so long a segment of dead letters is closed.
    """

    secret: Secret
    rewrite_after_s: float = 5.0
    letters_segment_ms: int = LETTERS_SEGMENT_MS


@dataclass(frozen=True, slots=True)
class Leaving:
    """A user as stored, the state that erasures were folded into, and which these were.

    None, of a user who was erased before and comes back before anybody was removed.
    """

    record: UserRecord
    state: UserState
    asked: tuple[Asked, ...]


class Remover(Protocol):
    """Whoever holds users in memory."""

    async def remove_vacant(
        self,
        records: Sequence[UserRecord],
        *,
        partition: int,
        before: Callable[[Sequence[UserRecord]], Awaitable[None]],
    ) -> list[UserRecord]:
        """Delete vacant users to whom nothing has happened since; those that were deleted.

        `before` is called with them just before that.
        """
        ...


class Erasing:
    """Residues, receipts and removal for the users of owned partitions.

    Args:
        rewrite: Writes the stores' files anew, without what was deleted.
        sync: Makes storage survive a loss of power.
    """

    def __init__(
        self,
        *,
        store: ErasureStore,
        users: UserStore,
        passages: PassageStore,
        cache: ProfileCache,
        aggregates: AggregateStore,
        letters: LetterKeeping,
        rewrite: Callable[[], Awaitable[None]],
        sync: Callable[[], Awaitable[None]],
        options: ErasingOptions,
        clock_ms: Callable[[], int],
        elapsed_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._users = users
        self._passages = passages
        self._cache = cache
        self._aggregates = aggregates
        self._letters = letters
        self._rewrite = rewrite
        self._sync = sync
        self._options = options
        self._clock_ms = clock_ms
        self._elapsed_s = elapsed_s
        self._due_s: float | None = None
        self._rested_s = 0.0
        self._unread: set[int] = set()
        self._read_again_s = 0.0
        self._looked: dict[int, int] = {}
        self.counts: Counter[str] = Counter()

    async def residues(self, stubs: Sequence[UserRecord]) -> dict[bytes, Residue]:
        """What is left of those of these users who were erased before, by user key."""
        subjects = [self._subject(stub) for stub in stubs]
        found = await until_available(partial(self._store.residues, subjects))
        return {
            stub.key: residue
            for stub, residue in zip(stubs, found, strict=True)
            if residue is not None
        }

    async def open(self, leaving: Iterable[Leaving]) -> None:
        """Note what there is, before it is overwritten; repeated, the first count stays."""
        noted = list(leaving)
        receipts: dict[bytes, Receipt] = {}
        barred: dict[bytes, int] = {}
        for one in [one for one in noted if one.asked]:
            before = await self._counts(one.record)
            subject = self._subject(one.record)
            barred[subject] = max(asked.received_ms for asked in one.asked)
            self._unread.add(one.record.partition)
            for asked in one.asked:
                receipt = Receipt(
                    tenant=one.record.tenant,
                    subject=subject,
                    partition=one.record.partition,
                    requested_ms=asked.occurred_ms,
                    received_ms=asked.received_ms,
                    before=before,
                    log_until_ms=_log_until(asked.received_ms),
                )
                if not one.state.is_vacant:
                    # What happened later than what was to be erased stays, and is said.
                    receipt = msgspec.structs.replace(
                        receipt,
                        after=await self._after(one),
                        erased_ms=self._clock_ms(),
                    )
                key = receipt_key(self._options.secret, receipt.tenant, asked.erasure_id)
                receipts[key] = receipt
        if receipts:
            await until_available(partial(self._store.bar_letters, barred))
            await until_available(partial(self._store.open, receipts))
            # What was erased is not read again once it is stored, so this must not be lost alone.
            await until_available(self._sync)
            self._due_s = self._elapsed_s() + self._options.rewrite_after_s
        # Whose receipt was opened before, and the vacant record removed by nobody: they came back,
        # or a loss of power took it.
        returned = [one for one in noted if not one.state.is_vacant]
        if returned:
            await self._finish_returned(returned)

    async def _finish_returned(self, returned: Sequence[Leaving]) -> None:
        """Receipts of users whom nobody removes now, as there is something of them again."""
        done: dict[bytes, Receipt] = {}
        for partition in {one.record.partition for one in returned}:
            unfinished = await until_available(partial(self._store.unfinished, partition))
            for one in returned:
                if mine := _not_carried_out(unfinished, self._subject(one.record)):
                    done |= self._carried_out(mine, await self._after(one))
        if done:
            await until_available(partial(self._store.reach, done))
            await until_available(self._sync)
            self._due_s = self._elapsed_s() + self._options.rewrite_after_s

    async def settle(self, engine: Remover, held: Mapping[int, Control]) -> None:
        """Remove who is to be removed; write files anew where that is due."""
        for partition, control in list(held.items()):
            if self._looked.get(partition) != control.token:
                self._looked[partition] = control.token
                if await until_available(partial(self._store.unfinished, partition)):
                    # Left by an owner before.
                    self._due_s = self._elapsed_s()
                    self._unread.add(partition)
        await self._take_out_letters(held)
        for partition in list(held):
            await self._settle(engine, partition)
        if self._unread & held.keys():
            return
        if self._due_s is not None and self._elapsed_s() >= max(self._due_s, self._rested_s):
            await self._write_anew(list(held))

    async def _take_out_letters(self, held: Mapping[int, Control]) -> None:
        """Take out the dead letters that receipts wait for; first it is written how many."""
        begun_s = self._elapsed_s()
        partitions = self._unread & held.keys()
        if not partitions or begun_s < self._read_again_s:
            return
        # What is opened from now on is for the next time.
        self._unread -= partitions
        waiting: dict[bytes, Receipt] = {}
        for partition in partitions:
            waiting |= {
                key: receipt
                for key, receipt in (
                    await until_available(partial(self._store.unfinished, partition))
                ).items()
                if receipt.letters_ms is None
            }
        # An erasure that is repeated has its receipt already, and reaches later letters.
        fallen = await self._letters.fallen()
        found = {
            key: msgspec.structs.replace(receipt, letters=fallen.subjects[receipt.subject])
            for key, receipt in waiting.items()
            if receipt.letters is None
        }
        waiting |= found
        if found:
            await until_available(partial(self._store.reach, found))
        await self._letters.take_out(fallen)
        now_ms = self._clock_ms()
        gone_ms = {topics.DEAD_LETTERS: now_ms + LETTERS_GONE_MS}
        done = {
            key: msgspec.structs.replace(
                receipt, letters_ms=now_ms, log_until_ms=receipt.log_until_ms | gone_ms
            )
            for key, receipt in waiting.items()
        }
        await until_available(partial(self._store.reach, done))
        self.counts["letters"] += len(fallen.places)
        now_s = self._elapsed_s()
        if done and self._due_s is None:
            self._due_s = now_s
        self._read_again_s = now_s + _LEAST_REST * (now_s - begun_s)

    async def _settle(self, engine: Remover, partition: int) -> None:
        # A scan that was interrupted cannot be gone on with: from the beginning.
        vacant = await until_available(partial(self._vacant, partition))
        if not vacant:
            return
        applied = await until_available(
            partial(self._aggregates.applied, partition, [record.key for record in vacant])
        )
        counted = [record for record in vacant if not applied.versions[record.key]]
        removed = await engine.remove_vacant(counted, partition=partition, before=self._bury)
        if not removed:
            return
        await self._finish_removed(removed, partition)
        self.counts["erased"] += len(removed)
        self._due_s = self._elapsed_s() + self._options.rewrite_after_s
        _log.info("users erased", partition=partition, users=len(removed))

    async def _finish_removed(self, removed: Sequence[UserRecord], partition: int) -> None:
        open_receipts = await until_available(partial(self._store.unfinished, partition))
        erased: dict[bytes, Receipt] = {}
        for record in removed:
            subject = self._subject(record)
            if mine := _not_carried_out(open_receipts, subject):
                erased |= self._carried_out(mine, await self._counts(record))
        if erased:
            await until_available(partial(self._store.reach, erased))

    async def _vacant(self, partition: int) -> list[UserRecord]:
        pages = self._users.scan(partition=partition, vacant=True)
        return [record async for page in pages for record in page]

    async def _bury(self, records: Sequence[UserRecord]) -> None:
        """All that outlives the record, done before it is deleted."""
        residues = [
            Residue(self._subject(record), record.version, record.state) for record in records
        ]
        await until_available(partial(self._store.bury, residues))
        for record in records:
            through_ms = decode_state(record.state).forget_before[DataType.DOCUMENTS]
            await until_available(
                partial(self._passages.forget, record.tenant, record.key, through_ms=through_ms)
            )
        await until_available(partial(self._cache.forget, [record.key for record in records]))
        # The record is the list of what is left to do: it goes when all of that is done for good.
        await until_available(self._sync)

    async def _write_anew(self, partitions: Sequence[int]) -> None:
        self._due_s = None
        begun_s = self._elapsed_s()
        await until_available(self._rewrite)
        now_s = self._elapsed_s()
        self._rested_s = now_s + _LEAST_REST * (now_s - begun_s)
        done: dict[bytes, Receipt] = {}
        for partition in partitions:
            receipts = await until_available(partial(self._store.unfinished, partition))
            receipts |= await self._removed_before(partition, receipts)
            # The others have this done once more, when they come so far.
            done |= {
                key: msgspec.structs.replace(receipt, rewritten_ms=self._clock_ms())
                for key, receipt in receipts.items()
                if receipt.erased_ms is not None and receipt.letters_ms is not None
            }
        if done:
            await until_available(partial(self._store.reach, done))
        _log.info("files written anew", receipts=len(done), seconds=round(now_s - begun_s, 3))

    async def _removed_before(
        self, partition: int, receipts: Mapping[bytes, Receipt]
    ) -> dict[bytes, Receipt]:
        """Receipts of users whom an owner removed who died before saying so."""
        waiting = {key: one for key, one in receipts.items() if one.erased_ms is None}
        if not waiting:
            return {}
        residues = await until_available(
            partial(self._store.residues, [one.subject for one in waiting.values()])
        )
        vacant = await until_available(partial(self._vacant, partition))
        still_there = {self._subject(record) for record in vacant}
        removed = {
            key: receipt
            for (key, receipt), residue in zip(waiting.items(), residues, strict=True)
            if residue is not None
            and receipt.subject not in still_there
            # An earlier erasure leaves one too.
            and _forgets(residue, receipt.requested_ms)
        }
        done = self._carried_out(removed, _NOTHING)
        if done:
            await until_available(partial(self._store.reach, done))
        return done

    def _carried_out(
        self, receipts: Mapping[bytes, Receipt], after: Counts
    ) -> dict[bytes, Receipt]:
        now_ms = self._clock_ms()
        return {
            key: msgspec.structs.replace(receipt, after=after, erased_ms=now_ms)
            for key, receipt in receipts.items()
        }

    async def _counts(self, record: UserRecord) -> Counts:
        """What the stores hold of a user now."""
        (stored,) = await until_available(partial(self._users.read, [record.key]))
        held = stored if stored is not None and stored.version and not stored.vacant else None
        passages = await until_available(
            partial(self._passages.count, tenant=record.tenant, user=record.key)
        )
        (view,) = await until_available(partial(self._cache.get, [record.key]))
        applied = await until_available(
            partial(self._aggregates.applied, record.partition, [record.key])
        )
        users = {"records": int(stored is not None and stored.version > 0)}
        if held is not None:
            users |= holdings(decode_state(held.state))
        return {
            "users": users,
            "passages": {"passages": passages},
            "cache": {"views": int(view is not None)},
            "statistics": {"users": int(applied.versions[record.key] > 0)},
        }

    async def _after(self, one: Leaving) -> Counts:
        """What stays of a user who has newer data."""
        through_ms = one.state.forget_before[DataType.DOCUMENTS]
        written = await until_available(
            partial(self._passages.written, one.record.tenant, one.record.key)
        )
        return {
            "users": {"records": 1, **holdings(one.state)},
            "passages": {
                "passages": sum(passage.version.time_ms > through_ms for passage in written)
            },
            "cache": {"views": 1},
            "statistics": {"users": 1},
        }

    def _subject(self, record: UserRecord) -> bytes:
        return pseudonym(self._options.secret, record.tenant, record.user_id)


def _not_carried_out(receipts: Mapping[bytes, Receipt], subject: bytes) -> dict[bytes, Receipt]:
    return {
        key: receipt
        for key, receipt in receipts.items()
        if receipt.subject == subject and receipt.erased_ms is None
    }


def _forgets(residue: Residue, through_ms: int) -> bool:
    forgotten = decode_state(residue.state).forget_before
    return forgotten.get(DataType.CONTROLS, through_ms - 1) >= through_ms


def _log_until(received_ms: int) -> dict[str, int | None]:
    """Of every topic that holds what users did or what followed from it.

    Dead letters go sooner, once they are taken out: the receipt says so then.
    """
    kept = {
        spec.name: None if spec.retention_ms < 0 else spec.retention_ms
        for spec in specs()
        if spec.of_users and not spec.compacted
    }
    return log_until(received_ms, kept, segment_ms=SEGMENT_MS)
