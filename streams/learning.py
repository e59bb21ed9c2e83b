"""Learning models for the leader: which users, when, and where the result is put.

Nothing here decides what is in force: that is the pointer in the fenced persona
document, which the persona engine publishes after the models themselves are stored.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from profiles.ids import draw_of
from profiles.learning import KnownItem
from profiles.ports import AggregateStore, ItemRecord, ItemStore, UserStore
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.permitting import permitted
from profiles.state import decode_state, encode_state
from schemas.snapshots import Blob, ModelPointer
from stores.blobs import blob_of
from streams.knowledge import Knowledge
from streams.learners import Delta, Encoded, Fitted, Taken
from streams.retrying import until_available
from streams.shelf import Shelf
from streams.workshop import ChildDied, Workshop

__all__ = ["Learned", "Learning", "LearningOptions", "Occasion"]

_log = structlog.get_logger(__name__)

_USERS_AT_ONCE: Final = 512
_PATIENCE: Final = 6
_ITEMS_AT_ONCE: Final = 2_048
_STRANGERS_AT_LEAST: Final = 200
_NOTABLE: Final = 1.1
_LOAD_ENDED: Final = "a load has ended"
# What is learned without somebody who left is promised within the hour.
_LONGEST_REST_S: Final = 1_200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningOptions:
    """When models are learned, and from how many.

    Attributes:
        least_users: Users with a direction before anything is learned; ≥ 3.
        sample: Users that models are learned from, at most.
        growth: A refit is due when users or events have grown by this factor.
        refit_interval_s: … or when so much time has passed since the last one.
        strangers: … or when this share of the latest likes was of items without a place
            of their own.
        refresh_interval_s: Least time between two refreshes of a tenant; six times as much where
            there is little new.
        refresh_growth: There is little new until events have grown by this factor.
        busy: Share of the time that learning may take, in (0, 1]: as long as it took, it rests
            afterwards in proportion, so that whoever else needs the processor has it. Tenants of
            whom nothing is known yet are not kept waiting, nor those whose load has just ended.
        kept_s: How long models that are no longer in force can still be read.
        tenants: Whose learners are kept in memory, at most.
    """

    least_users: int = 20
    sample: int = 20_000
    growth: float = 1.5
    refit_interval_s: float = 3_600.0
    strangers: float = 0.2
    refresh_interval_s: float = 5.0
    refresh_growth: float = 1.02
    busy: float = 0.2
    kept_s: float = 60.0
    tenants: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """A tenant as the leader sees it at one tick.

    Attributes:
        users: With a direction.
        events: Counted so far.
        fitted_users, fitted_events: What there was at the refit in force; 0 for none.
        model: In force; None for none.
    """

    tenant: str
    users: int
    events: int
    fitted_users: int
    fitted_events: int
    model: ModelPointer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A stored model that waits for its pointer.

    Attributes:
        occasion: What it was learned on.
        fitted: Given after a refit.
        before: Persona of each of the refit's users, as stored.
    """

    occasion: Occasion
    next_item: Blob
    item_space: Blob
    choices: Blob | None
    fitted: Fitted | None
    before: Sequence[str | None]


@dataclass(slots=True)
class _Sample:
    """What the learner of one tenant has been given.

    Attributes:
        draw_below: Only users with a smaller draw belong to it; None for all.
        versions, personas: By user key.
        fitted: The learner has been fitted since it was begun.
        events: There were so many when the learner was last brought up to date.
        seen_events: … and at the last tick.
        next_at_s, patient_until_s: Nothing is done before; and nothing about little news.
        likes, strangers: Since the last refit; see `Taken`.
        left: Users were erased since: the next thing that is done is a refit without them.
    """

    draw_below: int | None = None
    versions: dict[bytes, int] = field(default_factory=dict)
    personas: dict[bytes, str | None] = field(default_factory=dict)
    items_given: bool = False
    fitted: bool = False
    fitted_at_s: float = 0.0
    events: int = 0
    seen_events: int = -1
    next_at_s: float = 0.0
    patient_until_s: float = 0.0
    likes: int = 0
    strangers: int = 0
    left: bool = False


class Learning:
    """One job at a time, for the tenant that has waited longest.

    Tasks are owned by this object; `reset` and `close` end them.

    Args:
        waits: Whether others need the processor more; asked before anything is begun.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        items: ItemStore,
        aggregates: AggregateStore,
        knowledge: Knowledge,
        workshop: Workshop,
        options: LearningOptions,
        data_policy: DataPolicy = ANYTHING_GOES,
        waits: Callable[[], bool] = lambda: False,
        clock_s: Callable[[], float],
    ) -> None:
        self._users = users
        self._items = items
        self._knowledge = knowledge
        self._workshop = workshop
        self._options = options
        self._data = data_policy
        self._waits = waits
        self._clock_s = clock_s
        self._samples: dict[str, _Sample] = {}
        self._due: dict[str, tuple[Occasion, bool]] = {}
        self._job: asyncio.Task[Learned | None] | None = None
        self._job_of = ""
        self._rests_until_s = 0.0
        self._shelf = Shelf(aggregates, kept_s=options.kept_s, clock_s=clock_s)

    @property
    def idle(self) -> bool:
        """Nothing is being learned, and nothing waits to be."""
        return self._job is None and not self._due

    async def reset(self) -> None:
        """Leadership was lost or won: whatever was learned is not the leader's any more."""
        if self._job is not None:
            # Not to wait for a refit that nobody wants any more.
            await self._end_job()
            await self._workshop.close()
        else:
            for tenant in self._samples:
                await self._workshop.forget(tenant)
        self._samples.clear()
        self._due.clear()
        self._rests_until_s = 0.0
        self._shelf.forget()

    async def close(self) -> None:
        """End the job; what computes it is the workshop's to end."""
        await self._end_job()

    async def forget(self, tenant: str) -> None:
        """Begin anew for a tenant: what was learned does not fit what is stored."""
        if self._samples.pop(tenant, None) is not None:
            await self._workshop.forget(tenant)

    async def step(self, occasions: Sequence[Occasion]) -> Learned | None:
        """Note what there is, begin what is due, and hand out what is done.

        Raises:
            Whatever a job raised.
        """
        learned = self._finished()
        # What is being learned, or waits to be put in force, is what there will be.
        busy = {self._job_of} if self._job is not None else set()
        busy |= {learned.occasion.tenant} if learned is not None else set()
        for occasion in occasions:
            if occasion.tenant not in busy:
                await self._note(occasion)
        if self._job is None and self._due and not self._waits():
            tenant = min(self._due, key=lambda name: self._sample(name).next_at_s)
            occasion, refit = self._due.pop(tenant)
            self._job_of = tenant
            self._job = asyncio.create_task(self._learn(occasion, refit=refit), name="learn")
        return learned

    async def published(self, tenant: str, pointer: ModelPointer) -> None:
        """A pointer is in force."""
        await self._shelf.published(tenant, pointer)

    def _finished(self) -> Learned | None:
        if self._job is None or not self._job.done():
            return None
        job, self._job = self._job, None
        return job.result()

    async def _note(self, occasion: Occasion) -> None:
        tenant = occasion.tenant
        sample = self._sample(tenant)
        quiet = sample.seen_events == occasion.events
        sample.seen_events = occasion.events
        if self._job is None:
            await self._shelf.clear(tenant, in_force=occasion.model)
        if occasion.users < self._options.least_users or self._clock_s() < sample.next_at_s:
            return
        if self._waits():
            return
        reason = self._refit_reason(sample, occasion, quiet=quiet)
        rests = occasion.model is not None and self._clock_s() < self._rests_until_s
        # Once a load has ended, nobody else needs the processor.
        if rests and reason != _LOAD_ENDED:
            return
        lost = occasion.model is not None and await self._shelf.is_lost(tenant)
        if reason is not None:
            _log.info("a refit is due", tenant=tenant, reason=reason)
            self._due[tenant] = (occasion, True)
        elif lost and not sample.fitted:
            self._due[tenant] = (occasion, True)
        elif lost or (sample.fitted and self._has_changed(sample, occasion)):
            self._due[tenant] = (occasion, False)
        elif not sample.fitted and occasion.events != occasion.fitted_events:
            # A new leader has learned nothing yet: what it learns is the same refit.
            self._due[tenant] = (occasion, True)

    def _has_changed(self, sample: _Sample, occasion: Occasion) -> bool:
        if self._knowledge.has_described(occasion.tenant):
            return True
        if self._clock_s() < sample.patient_until_s:
            return occasion.events >= self._options.refresh_growth * sample.events
        return occasion.events != sample.events

    def _refit_reason(self, sample: _Sample, occasion: Occasion, *, quiet: bool) -> str | None:
        growth, events, fitted = self._options.growth, occasion.events, occasion.fitted_events
        if occasion.model is None:
            return "nothing has been learned"
        # A load has ended: what was found in the middle of it is made good at once.
        if quiet and events >= _NOTABLE * fitted:
            return _LOAD_ENDED
        if occasion.users >= growth * occasion.fitted_users or events >= growth * fitted:
            return "growth"
        if events == fitted:
            return None
        enough = sample.likes >= _STRANGERS_AT_LEAST
        if enough and sample.strangers > self._options.strangers * sample.likes:
            return "drift"
        since_s = self._clock_s() - sample.fitted_at_s
        if sample.fitted and since_s >= self._options.refit_interval_s:
            return "schedule"
        return None

    def _sample(self, tenant: str) -> _Sample:
        return self._samples.setdefault(tenant, _Sample())

    async def _learn(self, occasion: Occasion, *, refit: bool) -> Learned | None:
        """Take in what changed, refit if due, and store the models; None if the child died."""
        tenant = occasion.tenant
        sample = self._sample(tenant)
        began_s = self._clock_s()
        try:
            await self._make_room(tenant)
            await self._give(tenant, sample)
            refit = refit or sample.left
            fitted = await self._workshop.refit(tenant) if refit else None
            encoded = await self._workshop.encoded(tenant)
        except ChildDied as died:
            _log.warning("learning starts over", tenant=tenant, reason=str(died))
            self._samples.clear()
            self._sample(tenant).next_at_s = self._clock_s() + self._options.refresh_interval_s
            return None
        learned = await self._put(occasion, sample, fitted, encoded)
        spent_s = self._clock_s() - began_s
        sample.events = occasion.events
        if fitted is not None:
            sample.fitted, sample.fitted_at_s = True, self._clock_s()
            sample.likes = sample.strangers = 0
            sample.left = False
        rest_s = spent_s * (1.0 / self._options.busy - 1.0)
        now_s, interval_s = self._clock_s(), self._options.refresh_interval_s
        rested_s = max(self._rests_until_s, now_s) + rest_s
        self._rests_until_s = min(rested_s, now_s + _LONGEST_REST_S)
        sample.next_at_s = now_s + interval_s
        sample.patient_until_s = now_s + _PATIENCE * interval_s
        _log.info(
            "models learned",
            tenant=tenant,
            refit=refit,
            users=len(sample.versions),
            seconds=round(spent_s, 3),
            size_bytes=len(encoded.next_item),
        )
        return learned

    async def _make_room(self, tenant: str) -> None:
        while len(self._samples) > self._options.tenants:
            others = (name for name in self._samples if name != tenant)
            await self.forget(min(others, key=lambda name: self._samples[name].next_at_s))

    async def _give(self, tenant: str, sample: _Sample) -> None:
        """Bring the learner up to the stored users and items."""
        await self._give_items(tenant, sample)
        # A scan that was interrupted cannot be gone on with: from the beginning.
        now = await until_available(partial(self._versions, tenant, sample))
        gone = [key for key in sample.versions if key not in now]
        if gone:
            bound = sample.draw_below
            # The others are stored as before: the sample has become a smaller part of them.
            sample.left |= any(bound is None or draw_of(key) < bound for key in gone)
            await self._take(tenant, sample, Delta(forgotten=gone))
            for key in gone:
                del sample.versions[key], sample.personas[key]
        changed = [key for key, version in now.items() if sample.versions.get(key) != version]
        for start in range(0, len(changed), _USERS_AT_ONCE):
            part = changed[start : start + _USERS_AT_ONCE]
            found = await until_available(partial(self._users.read, part))
            records = [record for record in found if record is not None and record.version]
            delta = Delta(users=[(record.key, self._taught(record.state)) for record in records])
            await self._take(tenant, sample, delta)
            for record in records:
                sample.versions[record.key] = record.version
                sample.personas[record.key] = record.persona

    def _taught(self, encoded: bytes) -> bytes:
        """A stored state as models may learn from it."""
        if not self._data.version:
            return encoded
        return encode_state(permitted(decode_state(encoded), self._data.learned))

    async def _take(self, tenant: str, sample: _Sample, delta: Delta) -> None:
        taken: Taken = await self._workshop.take(tenant, delta)
        if sample.fitted:
            sample.likes += taken.likes
            sample.strangers += taken.strangers

    async def _versions(self, tenant: str, sample: _Sample) -> dict[bytes, int]:
        """Of the sample: the users with the smallest draws, in that order; lowers its bound."""
        found: dict[bytes, int] = {}
        pages = self._users.versions(tenant=tenant, draw_below=sample.draw_below)
        async for page in pages:
            for key, version in page:
                if not version:
                    continue
                if len(found) == self._options.sample:
                    sample.draw_below = draw_of(key)
                    return found
                found[key] = version
        return found

    async def _give_items(self, tenant: str, sample: _Sample) -> None:
        described = self._knowledge.take_described(tenant)
        if sample.items_given:
            for start in range(0, len(described), _ITEMS_AT_ONCE):
                part = described[start : start + _ITEMS_AT_ONCE]
                read = await until_available(partial(self._items.read, part))
                await self._take_items(tenant, sample, [one for one in read if one is not None])
            return
        await until_available(partial(self._give_all_items, tenant, sample))
        sample.items_given = True

    async def _give_all_items(self, tenant: str, sample: _Sample) -> None:
        async for page in self._items.scan(tenant=tenant):
            await self._take_items(tenant, sample, page)

    async def _take_items(
        self, tenant: str, sample: _Sample, records: Sequence[ItemRecord]
    ) -> None:
        items = [_known(record) for record in records if record.revision]
        await self._take(tenant, sample, Delta(items=items))

    async def _put(
        self, occasion: Occasion, sample: _Sample, fitted: Fitted | None, encoded: Encoded
    ) -> Learned:
        made = (encoded.item_space, encoded.next_item, encoded.choices)
        bodies = [body for body in made if body is not None]
        await self._shelf.put(occasion.tenant, bodies, in_force=occasion.model)
        return Learned(
            occasion=occasion,
            item_space=blob_of(encoded.item_space),
            next_item=blob_of(encoded.next_item),
            choices=None if encoded.choices is None else blob_of(encoded.choices),
            fitted=fitted,
            before=[sample.personas.get(key) for key in fitted.users] if fitted else (),
        )

    async def _end_job(self) -> None:
        job, self._job = self._job, None
        if job is None:
            return
        while not job.done():
            # Once is not enough: redis-py may lose a cancellation that comes with an answer.
            job.cancel()
            await asyncio.wait([job], timeout=0.5)
        if not job.cancelled() and (error := job.exception()) is not None:
            _log.warning("what was being learned is dropped", error=repr(error))


def _known(record: ItemRecord) -> KnownItem:
    return KnownItem(
        key=record.key,
        item_id=record.item_id,
        title=record.title or None,
        text=record.text,
        attributes=json.loads(record.attributes or b"{}"),
        vector=record.vector if record.vector.any() else None,
        retired=record.retired,
        described_ms=record.described_ms,
    )
