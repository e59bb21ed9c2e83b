"""Faults to plant: each takes back one thing that the write side's promises rest on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import pytest

from profiles.counting import Sum
from profiles.privacy.consenting import Governed, fold_governed
from profiles.privacy.erasure import Receipt
from simulation.shelves import nothing
from stores.erasures import PointErasureStore
from streams import profiles, sweeping
from streams.adding import add_user, by_user
from streams.delivery import Delivery
from streams.duties import Duties
from streams.ownership import Ownerships
from streams.profiles import ProfileEngine
from streams.seals import SEAL, Seals
from streams.statistics import StatisticsEngine
from streams.storing import Storing

__all__ = ["FAULTS"]

Plant = Callable[[pytest.MonkeyPatch], None]


def work_is_dropped_and_not_read_again(patch: pytest.MonkeyPatch) -> None:
    async def only_abandon(self: Duties) -> None:
        await self.profiles.abandon()

    patch.setattr(Duties, "_start_over", only_abandon)
    patch.setattr(ProfileEngine, "_is_next", lambda self, batch: batch.epoch == self._epoch())


def changes_are_sent_before_they_are_synced(patch: pytest.MonkeyPatch) -> None:
    _leave_out_sync(patch, Storing)


def tokens_are_used_before_they_are_synced(patch: pytest.MonkeyPatch) -> None:
    _leave_out_sync(patch, Ownerships)


def _leave_out_sync(patch: pytest.MonkeyPatch, engine: type[Storing | Ownerships]) -> None:
    began = engine.__init__

    def init(self: Any, **options: Any) -> None:
        began(self, **{**options, "sync": nothing})

    patch.setattr(engine, "__init__", init)


def descriptions_are_committed_before_they_are_synced(patch: pytest.MonkeyPatch) -> None:
    flush = Duties._flush

    async def unsynced(self: Duties) -> None:
        self._sync = nothing
        await flush(self)

    patch.setattr(Duties, "_flush", unsynced)


def seals_outlast_the_users_they_are_of(patch: pytest.MonkeyPatch) -> None:
    confirm = Storing._confirm_and_cache

    async def sealed_at_once(self: Storing, *args: Any) -> dict[int, tuple[int, int]]:
        seals = await confirm(self, *args)
        for partition, (_, after) in seals.items():
            await self._ownerships.bookmark(partition, {SEAL: after})
        return seals

    patch.setattr(Storing, "_confirm_and_cache", sealed_at_once)


def seals_are_not_synced(patch: pytest.MonkeyPatch) -> None:
    async def settle(self: Ownerships) -> None:
        """Hope for the best."""

    patch.setattr(Ownerships, "settle", settle)


def receipts_are_put_back_as_they_were_read(patch: pytest.MonkeyPatch) -> None:
    async def replaced(self: PointErasureStore, receipts: Mapping[bytes, Receipt]) -> None:
        await self._points.delete_if([str(UUID(bytes=key)) for key in receipts], ())
        await self.open(receipts)

    patch.setattr(PointErasureStore, "reach", replaced)


def an_interrupted_flush_is_gone_on_with(patch: pytest.MonkeyPatch) -> None:
    async def flush(self: ProfileEngine) -> None:
        async with self._flushing:
            if self._next_offsets or self._dirty or self._outgoing:
                await self._store(self._begun())

    patch.setattr(ProfileEngine, "flush", flush)


def nobody_looks_who_owns_a_partition(patch: pytest.MonkeyPatch) -> None:
    async def confirm(self: Ownerships, partitions: object) -> None:
        """Say nothing."""

    patch.setattr(Ownerships, "confirm", confirm)


def positions_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    def forgetful(state: Any, batch: Any, policy: Any, data: Any) -> Governed:
        return fold_governed(replace(state, positions={}), batch, policy, data)

    patch.setattr(profiles, "fold_governed", forgetful)


def what_a_dead_owner_left_is_not_sent_on(patch: pytest.MonkeyPatch) -> None:
    load = ProfileEngine._load

    async def without_outbox(self: ProfileEngine, *names: Any) -> None:
        before = list(self._outgoing)
        await load(self, *names)
        self._outgoing[:] = before

    patch.setattr(ProfileEngine, "_load", without_outbox)


def an_interrupted_sweep_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sweeping, "_ENDED", sweeping._BEGUN)


def records_fetched_in_a_rebalance_are_skipped(patch: pytest.MonkeyPatch) -> None:
    look = Delivery._look_after_handing

    def forgetful(self: Delivery) -> None:
        look(self)
        self._dropped = False

    patch.setattr(Delivery, "_look_after_handing", forgetful)


def a_lagging_worker_trusts_the_last_owners_marks(patch: pytest.MonkeyPatch) -> None:
    class Everything(dict[str, int]):
        def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
            return 1 << 60

    began = Ownerships.__init__

    def init(self: Ownerships, **options: Any) -> None:
        known: Callable[[], Mapping[str, int]] = Everything
        began(self, **{**options, "known": known})

    patch.setattr(Ownerships, "__init__", init)


def an_older_copy_of_redis_is_trusted(patch: pytest.MonkeyPatch) -> None:
    async def is_never_behind(self: StatisticsEngine, partition: int) -> bool:
        self._counted[partition] = 0
        return False

    patch.setattr(StatisticsEngine, "_is_behind", is_never_behind)
    seals_are_not_compared(patch)


def seals_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    async def never_differ(self: Seals, partition: int) -> bool:  # noqa: ARG001
        return False

    patch.setattr(Seals, "differ", never_differ)


def updates_are_applied_whatever_their_version(patch: pytest.MonkeyPatch) -> None:
    apply_once = StatisticsEngine._apply_once

    async def again(
        self: StatisticsEngine, partition: int, token: Any, epoch: int, updates: Any, **more: Any
    ) -> bool:
        done = await apply_once(self, partition, token, epoch, updates, **more)
        if done and self.counts["repeated"]:
            self.counts["repeated"] = 0
            adding = Sum(self._policy, self._catalogue.dimension)
            for several in by_user(updates):
                add_user(adding, several, dimension=self._catalogue.dimension)
            await self._aggregates.apply(
                partition=partition,
                token=token,
                epoch=epoch,
                expected={},
                versions={},
                increments=adding.increments(),
                watermarks_ms={},
            )
        return done

    patch.setattr(StatisticsEngine, "_apply_once", again)


FAULTS: Final[Mapping[str, Plant]] = {
    plant.__name__: plant
    for plant in (
        work_is_dropped_and_not_read_again,
        changes_are_sent_before_they_are_synced,
        tokens_are_used_before_they_are_synced,
        descriptions_are_committed_before_they_are_synced,
        seals_outlast_the_users_they_are_of,
        seals_are_not_synced,
        receipts_are_put_back_as_they_were_read,
        an_interrupted_flush_is_gone_on_with,
        nobody_looks_who_owns_a_partition,
        positions_are_not_kept,
        what_a_dead_owner_left_is_not_sent_on,
        an_interrupted_sweep_is_forgotten,
        records_fetched_in_a_rebalance_are_skipped,
        a_lagging_worker_trusts_the_last_owners_marks,
        an_older_copy_of_redis_is_trusted,
        seals_are_not_compared,
        updates_are_applied_whatever_their_version,
    )
}
