"""Questions to the cache that come in the same moment leave as one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from profiles.ports import ProfileCache, StoreUnavailable

__all__ = ["GatheredReads"]


@dataclass(slots=True)
class _Round:
    keys: list[bytes] = field(default_factory=list)
    answered: "asyncio.Future[list[bytes | None]] | None" = None


class GatheredReads:
    """Reads of a cache, one request for all that are asked for in one turn of the event loop.

    A client of Redis spends far more on a request than on a key. With one question at a time
    nothing is gained and nothing waits; in a burst, which is what the slowest answers come
    from, dozens cost little more than one.
    """

    def __init__(self, cache: ProfileCache) -> None:
        self._cache = cache
        self._round: _Round | None = None

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """As `ProfileCache.get`."""
        if self._round is not None:
            return await self._joined(self._round, keys)
        begun = self._round = _Round(list(keys))
        try:
            # Whoever is ready to ask now does so before this goes on.
            await asyncio.sleep(0)
            self._round = None
            found = await self._cache.get(begun.keys)
        except BaseException as error:
            if self._round is begun:
                self._round = None
            if begun.answered is not None and not begun.answered.done():
                # Who asks first may be cancelled; that is nobody else's end.
                failed = error if isinstance(error, StoreUnavailable) else _given_up(error)
                begun.answered.set_exception(failed)
            raise
        if begun.answered is not None and not begun.answered.done():
            begun.answered.set_result(found)
        return found[: len(keys)]

    async def _joined(self, begun: _Round, keys: Sequence[bytes]) -> list[bytes | None]:
        if begun.answered is None:
            begun.answered = asyncio.get_running_loop().create_future()
        first = len(begun.keys)
        begun.keys.extend(keys)
        # Shielded: one of several who wait may be cancelled.
        found = await asyncio.shield(begun.answered)
        return found[first : first + len(keys)]


def _given_up(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"the question was given up by who asked it first: {error!r}")
