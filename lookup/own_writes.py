"""Reading what one has written: a question waits until the answer can know enough."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Final

from lookup.errors import InvalidArgument, NotYet
from lookup.remembered import Clock
from profiles.ids import user_key
from profiles.ports import ControlStore, ProfileCache, StoreUnavailable, UserStore
from schemas.keys import record_key
from schemas.partitions import partition_of
from schemas.positions import InvalidToken, Positions, decode_token
from schemas.snapshots import SnapshotFormatError, decode_profile
from schemas.topics import USER_TOPICS

__all__ = ["OwnWrites"]

_BOOKMARK: Final = "offset:"
"""Before a topic's name in a control point: the next offset to be folded there."""

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.1


class OwnWrites:
    """Waits until the stored users have come as far as a position token says.

    A user is as far as their partition is: its bookmark passes an offset once whatever
    came before it is stored, also where it changed nothing. Published statistics, personas
    and items have their own pace, and are not waited for.

    Args:
        partitions: Of the topics of events.
        wait_s: Longest wait; > 0.
        most_waiting: Questions that may wait at the same time; others are told at once.
    """

    def __init__(
        self,
        *,
        control: ControlStore,
        users: UserStore,
        cache: ProfileCache,
        partitions: int,
        wait_s: float = 2.0,
        most_waiting: int = 256,
        clock: Clock = time.monotonic,
    ) -> None:
        self._control = control
        self._users = users
        self._cache = cache
        self._partitions = partitions
        self._wait_s = wait_s
        self._most_waiting = most_waiting
        self._clock = clock
        self._waiting = 0

    async def seen(self, tenant: str, user_ids: Sequence[str], token: str) -> None:
        """Return when answers about these users know the token's events.

        Raises:
            InvalidArgument: it is no token.
            NotYet: the wait is over, or too many wait already.
            StoreUnavailable: see `profiles.ports`.
        """
        try:
            positions = decode_token(token)
        except InvalidToken as error:
            raise InvalidArgument("query.at_least", str(error)) from None
        partitions = {
            partition_of(record_key(tenant, user_id), self._partitions) for user_id in user_ids
        }
        wanted = _of_users(positions, partitions)
        if not wanted:
            return
        keys = [user_key(tenant, user_id) for user_id in user_ids]
        if self._waiting >= self._most_waiting:
            raise NotYet("too many questions wait already")
        self._waiting += 1
        try:
            await self._until(wanted, keys)
        finally:
            self._waiting -= 1

    async def taken(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → next offset to be taken in, of those that have an owner's bookmark.

        Raises:
            StoreUnavailable: see `profiles.ports`.
        """
        controls = await asyncio.gather(
            *(self._control.read(partition) for partition in range(self._partitions))
        )
        return {
            (name.removeprefix(_BOOKMARK), partition): offset
            for partition, control in enumerate(controls)
            if control is not None
            for name, offset in control.positions.items()
            if name.startswith(_BOOKMARK)
        }

    async def _until(self, wanted: dict[int, dict[str, int]], keys: Sequence[bytes]) -> None:
        deadline_s = self._clock() + self._wait_s
        pause_s = _FIRST_PAUSE_S
        while True:
            wanted = {
                partition: offsets
                for partition, offsets in wanted.items()
                if not await self._is_stored(partition, offsets)
            }
            if not wanted and await self._is_cached(keys):
                return
            if self._clock() + pause_s > deadline_s:
                raise NotYet("the events that the token names have not been taken in yet")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _is_stored(self, partition: int, offsets: dict[str, int]) -> bool:
        control = await self._control.read(partition)
        return control is not None and all(
            control.positions.get(_BOOKMARK + topic, 0) > offset
            for topic, offset in offsets.items()
        )

    async def _is_cached(self, keys: Sequence[bytes]) -> bool:
        """Whether no cached view is older than the stored user: it is written a moment later."""
        try:
            views = await self._cache.get(keys)
        except StoreUnavailable:
            # Answers then come from the store itself.
            return True
        records = await self._users.read(keys)
        return all(
            view is None or record is None or _version(view) >= record.version
            for view, record in zip(views, records, strict=True)
        )


def _of_users(positions: Positions, partitions: Iterable[int]) -> dict[int, dict[str, int]]:
    """Partition → topic → offset, of what can change these partitions' users."""
    wanted: dict[int, dict[str, int]] = {}
    for (topic, partition), offset in positions.items():
        if topic in USER_TOPICS and partition in partitions:
            wanted.setdefault(partition, {})[topic] = offset
    return wanted


def _version(view: bytes) -> float:
    try:
        return decode_profile(view).version
    except SnapshotFormatError:
        # It will not be used: answers then come from the store.
        return float("inf")
