"""Taking out what the data policy keeps no longer, by the owner of each user."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

import structlog

from profiles.documents.passages import PassageStore
from profiles.ports import Control, UserStore
from profiles.privacy.consenting import overdue
from profiles.privacy.data_policy import DataPolicy
from profiles.state import decode_state
from streams.retrying import until_available

__all__ = ["Forgetter", "Keeping"]

_log = structlog.get_logger(__name__)

_INTERVAL_S: Final = 3_600.0


class Forgetter(Protocol):
    """Whoever holds users in memory."""

    async def forget_overdue(
        self, keys: Sequence[tuple[bytes, str, str]], *, partition: int, now_ms: int
    ) -> dict[bytes, int]:
        """Take out of these users what is overdue, and store that.

        The time up to which documents were forgotten, of those users of whom any were.
        """
        ...


class Keeping:
    """Looks through owned partitions when they are taken, and once an hour after that.

    By the clock and not by event time: a promise to keep something for a year is about years, and
    of somebody who does nothing any more no event would ever come. A policy is read at start, so a
    changed one is carried out when the partitions are taken.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        engine: Forgetter,
        passages: PassageStore,
        data_policy: DataPolicy,
        clock_ms: Callable[[], int],
        elapsed_s: Callable[[], float],
    ) -> None:
        self._users = users
        self._engine = engine
        self._passages = passages
        self._data = data_policy
        self._clock_ms = clock_ms
        self._elapsed_s = elapsed_s
        self._looked: dict[int, tuple[int, float]] = {}
        self.changed = 0

    async def keep(self, held: Mapping[int, Control]) -> int:
        """How many users something was taken out of."""
        if not (self._data.forgets or self._data.consent_decides):
            return 0
        changed = 0
        for partition, control in list(held.items()):
            token, looked_s = self._looked.get(partition, (None, 0.0))
            now_s = self._elapsed_s()
            if token == control.token and (
                now_s - looked_s < _INTERVAL_S or not self._data.forgets
            ):
                continue
            # A scan that was interrupted cannot be gone on with: from the beginning.
            changed += await until_available(partial(self._keep, partition))
            self._looked[partition] = control.token, now_s
        self.changed += changed
        return changed

    async def _keep(self, partition: int) -> int:
        now_ms = self._clock_ms()
        changed = 0
        async for page in self._users.scan(partition=partition):
            due = [
                record
                for record in page
                if record.version and overdue(decode_state(record.state), self._data, now_ms=now_ms)
            ]
            if not due:
                continue
            documents = await self._engine.forget_overdue(
                [(record.key, record.tenant, record.user_id) for record in due],
                partition=partition,
                now_ms=now_ms,
            )
            tenants = {record.key: record.tenant for record in due}
            for key, through_ms in documents.items():
                await self._passages.forget(tenants[key], key, through_ms=through_ms)
            changed += len(due)
        if changed:
            _log.info("data kept no longer", partition=partition, users=changed)
        return changed
