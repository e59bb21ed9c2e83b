"""Questions to a store that come while others are awaited leave together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from profiles.ports import StoreUnavailable, UserRecord, UserStore

__all__ = ["GatheredLoads", "GatheredRecords"]

K = TypeVar("K")
V = TypeVar("V")

_AT_ONCE: Final = 4
_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class _Asked(Generic[K, V]):
    keys: tuple[K, ...]
    answered: "asyncio.Future[list[V | None]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class GatheredLoads(Generic[K, V]):
    """Reads of a store by keys, few requests for many questions.

    A store takes hardly longer for a hundred keys than for one. While `at_once` requests are under
    way, what is asked waits and leaves with the next: a burst makes requests larger, not a queue
    that grows. Nobody is given what was read before they asked.

    Args:
        load: Answers several keys, in their order.
        at_once: Requests under way, ≥ 1.
        most: Keys of a request, ≥ 1; a question for more of them is one request.
    """

    def __init__(
        self,
        load: Callable[[Sequence[K]], Awaitable[Sequence[V | None]]],
        *,
        at_once: int = _AT_ONCE,
        most: int = _MOST,
    ) -> None:
        self._load = load
        self._at_once = at_once
        self._most = most
        self._waiting: list[_Asked[K, V]] = []
        self._askers: set[asyncio.Task[None]] = set()
        # An asker that has not yet run takes all that comes in the same turn of the event loop.
        self._one_is_coming = False

    async def read(self, keys: Sequence[K]) -> list[V | None]:
        """As the store's own."""
        if not keys:
            return []
        asked: _Asked[K, V] = _Asked(tuple(keys))
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
            # Several may ask for one.
            keys = list(dict.fromkeys(key for asked in together for key in asked.keys))
            try:
                found = dict(zip(keys, await self._load(keys), strict=True))
            except BaseException as error:
                _fail(together, error)
                if not isinstance(error, Exception):
                    raise
                continue
            for asked in together:
                if not asked.answered.done():
                    asked.answered.set_result([found[key] for key in asked.keys])

    def _next(self) -> list[_Asked[K, V]]:
        """Those that leave together now, in the order in which they came; cancelled ones never."""
        together: list[_Asked[K, V]] = []
        number = 0
        waiting = [asked for asked in self._waiting if not asked.answered.done()]
        for asked in waiting:
            number += len(asked.keys)
            if together and number > self._most:
                break
            together.append(asked)
        self._waiting = waiting[len(together) :]
        return together


def _fail(together: Sequence[_Asked[K, V]], error: BaseException) -> None:
    # What ended the asker, such as the loop's end, is not the end of those who wait.
    failed = error if isinstance(error, Exception) else _given_up(error)
    for asked in together:
        if not asked.answered.done():
            asked.answered.set_exception(failed)


def _given_up(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"the question to the store was given up: {error!r}")


class GatheredRecords(GatheredLoads[bytes, UserRecord]):
    """Users of whom nothing is known have no cached view, so each question about one comes here."""

    def __init__(self, users: UserStore, *, at_once: int = _AT_ONCE, most: int = _MOST) -> None:
        super().__init__(users.read, at_once=at_once, most=most)
