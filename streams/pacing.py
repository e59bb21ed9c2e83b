"""Live traffic goes first: a version is built only while live is not behind."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

__all__ = ["Pacing", "Standing"]

_WATCHED_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How far those who go first have come.

    Attributes:
        done: Records that they have taken in, ever.
        behind: Records that they have left.
        counted: Updates of users that are counted, ever.
        uncounted: Updates that are left to count.
    """

    done: int
    behind: int
    counted: int = 0
    uncounted: int = 0


class Pacing:
    """Whether to take in more now, by how far those are behind who go first.

    They count as behind when what they have left is more than comes in `allowed_s`, and more
    than `least`: as much as that is on its way through a flush. Their counters may be further
    behind, as they are whenever all users are brought up to date: what is asked most, of users,
    does not wait for them. Whoever has not moved for ten seconds has stopped, or waits for
    something else, and is not waited for.

    Args:
        least: Records.
        allowed_s: Seconds of what comes in.
        uncounted: Updates that they may have left to count.
        patience_s: A turn comes after so long at the latest: where live never catches up, a
            version is built all the same, however slowly.
    """

    def __init__(
        self,
        *,
        least: int = 4_000,
        allowed_s: float = 4.0,
        uncounted: int = 200_000,
        patience_s: float = 5.0,
    ) -> None:
        self._least = least
        self._allowed_s = allowed_s
        self._uncounted = uncounted
        self._patience_s = patience_s
        self._open = asyncio.Event()
        self._open.set()
        self._seen: deque[tuple[float, Standing]] = deque()

    @property
    def stands_back(self) -> bool:
        """Others go first at this moment."""
        return not self._open.is_set()

    async def turn(self) -> None:
        """Return as soon as more may be taken in, and in five seconds at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                await self._open.wait()

    def seen(self, standing: Standing, *, now_s: float) -> None:
        """Note how those who go first stand.

        Args:
            now_s: Of a clock that never goes back.
        """
        # One that is older is kept: what has not changed since then has not for so long.
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - _WATCHED_S:
            self._seen.popleft()
        self._seen.append((now_s, standing))
        then_s, then = self._seen[0]
        lasted_s = now_s - then_s
        came = standing.done + standing.behind - then.done - then.behind
        allowed = self._allowed_s * came / lasted_s if lasted_s else 0.0
        moved = (standing.done, standing.counted) != (then.done, then.counted)
        late = standing.behind > max(self._least, allowed) or standing.uncounted > self._uncounted
        if late and (moved or lasted_s < _WATCHED_S):
            self._open.clear()
        else:
            self._open.set()
