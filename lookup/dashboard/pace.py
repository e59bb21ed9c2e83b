"""How fast something comes on, from successive looks at how far it is."""

from collections import deque
from typing import Final

__all__ = ["Pace"]

_WINDOW_MS: Final = 30_000
_LEAST_GAP_MS: Final = 900


class Pace:
    """Rates of several things by name, over the last half minute that somebody looked."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[int, int]]] = {}

    def per_s(self, name: str, done: int, *, at_ms: int) -> float | None:
        """Note how far `name` is, and how much it gains a second.

        None after the first look, which has nothing to be compared with. What was begun anew, and
        so has gone back, counts from there.

        >>> pace = Pace()
        >>> pace.per_s("b", 100, at_ms=0), pace.per_s("b", 300, at_ms=2_000)
        (None, 100.0)
        """
        seen = self._seen.setdefault(name, deque())
        if seen and done < seen[-1][1]:
            seen.clear()
        if not seen or at_ms - seen[-1][0] >= _LEAST_GAP_MS:
            seen.append((at_ms, done))
        while at_ms - seen[0][0] > _WINDOW_MS and len(seen) > 2:
            seen.popleft()
        first_ms, first = seen[0]
        last_ms, last = seen[-1]
        return None if last_ms == first_ms else (last - first) / ((last_ms - first_ms) / 1_000)
