"""Questions to the user store that come while others are awaited leave together."""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final

from profiles.ports import StoreUnavailable, UserRecord, UserStore

__all__ = ["GatheredRecords"]

_AT_ONCE: Final = 4
_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class _Asked:
    keys: tuple[bytes, ...]
    answered: "asyncio.Future[list[UserRecord | None]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class GatheredRecords:
    """Reads of a user store, few requests for many questions.

    Users of whom nothing is known have no cached view, so each question about one comes here; and
    a store takes hardly longer for a hundred users than for one. While `at_once` requests are under
    way, what is asked waits and leaves with the next: a burst makes requests larger, not a queue
    that grows. Nobody is given what was read before they asked.

    Args:
        at_once: Requests under way, ≥ 1.
        most: Users of a request, ≥ 1; a question for more of them is one request.
    """

    def __init__(self, users: UserStore, *, at_once: int = _AT_ONCE, most: int = _MOST) -> None:
        self._users = users
        self._at_once = at_once
        self._most = most
        self._waiting: list[_Asked] = []
        self._askers: set[asyncio.Task[None]] = set()
        # An asker that has not yet run takes all that comes in the same turn of the event loop.
        self._one_is_coming = False

    async def read(self, keys: Sequence[bytes]) -> list[UserRecord | None]:
        """As `UserStore.read`."""
        if not keys:
            return []
        asked = _Asked(tuple(keys))
        self._waiting.append(asked)
        if not self._one_is_coming and len(self._askers) < self._at_once:
            self._one_is_coming = True
            # What it asks is nobody's alone: not within the first one's trace and log fields.
            asker = asyncio.get_running_loop().create_task(self._ask(), context=Context())
            self._askers.add(asker)
            asker.add_done_callback(self._askers.discard)
        return await asked.answered

    async def _ask(self) -> None:
        self._one_is_coming = False
        while together := self._next():
            # Several may ask for one user.
            keys = list(dict.fromkeys(key for asked in together for key in asked.keys))
            try:
                found = dict(zip(keys, await self._users.read(keys), strict=True))
            except BaseException as error:
                _fail(together, error)
                if not isinstance(error, Exception):
                    raise
                continue
            for asked in together:
                if not asked.answered.done():
                    asked.answered.set_result([found[key] for key in asked.keys])

    def _next(self) -> list[_Asked]:
        """Those that leave together now, in the order in which they came; cancelled ones never."""
        together: list[_Asked] = []
        number = 0
        waiting = [asked for asked in self._waiting if not asked.answered.done()]
        for asked in waiting:
            number += len(asked.keys)
            if together and number > self._most:
                break
            together.append(asked)
        self._waiting = waiting[len(together) :]
        return together


def _fail(together: Sequence[_Asked], error: BaseException) -> None:
    # What ended the asker, such as the loop's end, is not the end of those who wait.
    failed = error if isinstance(error, Exception) else _given_up(error)
    for asked in together:
        if not asked.answered.done():
            asked.answered.set_exception(failed)


def _given_up(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"the question to the user store was given up: {error!r}")
