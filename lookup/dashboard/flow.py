"""Rates from successive looks at how far everything has come. Pure, but for what it remembers."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from lookup.dashboard.sources import FlowSource, Reached

__all__ = ["Flow", "FlowNow", "TopicFlow", "rates"]

_KEPT_MS: Final = 180_000
_WINDOW_MS: Final = 10_000
_LEAST_GAP_MS: Final = 900


@dataclass(frozen=True, slots=True)
class TopicFlow:
    """One topic: records ever, and how many wait."""

    topic: str
    records: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowNow:
    """The present state of the stream.

    Attributes:
        arriving_per_s, taken_per_s: Over the last ten seconds or what is known of them; None
            after the first look, which has nothing to be compared with.
        waiting: Records that have arrived and are not taken in.
        freshness_s: Age of the oldest of them; 0 if none waits, None if it is not known.
        history: (seconds before now, arriving per s, taken per s), oldest first.
    """

    at_ms: int
    arriving_per_s: float | None
    taken_per_s: float | None
    waiting: int
    freshness_s: float | None
    topics: tuple[TopicFlow, ...]
    history: tuple[tuple[float, float, float], ...]


class Flow:
    """Looks while somebody watches, at most about once a second however many do."""

    def __init__(self, source: FlowSource, *, now_ms: Callable[[], int]) -> None:
        self._source = source
        self._now_ms = now_ms
        self._seen: deque[Reached] = deque()
        self._looking = asyncio.Lock()

    async def now(self, taken: Callable[[], Awaitable[Mapping[tuple[str, int], int]]]) -> FlowNow:
        """Look again if the last look is long enough ago.

        Args:
            taken: How far the version in force has come.

        Raises:
            SourceUnavailable, StoreUnavailable: what the looks need does not answer.
        """
        async with self._looking:
            if not self._seen or self._now_ms() - self._seen[-1].at_ms >= _LEAST_GAP_MS:
                self._seen.append(await self._source.reached(await taken()))
            while self._seen[-1].at_ms - self._seen[0].at_ms > _KEPT_MS:
                self._seen.popleft()
            return _summary(tuple(self._seen))


def rates(before: Reached, after: Reached) -> tuple[float, float] | None:
    """Arriving and taken per second between two looks; None if no time has passed.

    What was deleted or begun anew in between counts nothing.
    """
    gap_s = (after.at_ms - before.at_ms) / 1_000
    if gap_s <= 0:
        return None
    return _grown(before.ends, after.ends) / gap_s, _grown(before.taken, after.taken) / gap_s


def _grown(before: Mapping[tuple[str, int], int], after: Mapping[tuple[str, int], int]) -> int:
    return sum(max(0, end - before.get(place, end)) for place, end in after.items())


def _summary(seen: tuple[Reached, ...]) -> FlowNow:
    last = seen[-1]
    recent = next(one for one in seen if last.at_ms - one.at_ms <= _WINDOW_MS)
    present = rates(recent, last) if len(seen) > 1 else None
    if present is None and len(seen) > 1:
        present = rates(seen[-2], last)
    waits = {place: max(0, end - last.taken.get(place, 0)) for place, end in last.ends.items()}
    waiting = sum(waits.values())
    freshness_s: float | None = 0.0
    if waiting:
        oldest = last.oldest_waiting_ms
        freshness_s = None if oldest is None else max(0.0, (last.at_ms - oldest) / 1_000)
    history = []
    for before, after in pairwise(seen):
        between = rates(before, after)
        if between is not None:
            history.append(((after.at_ms - last.at_ms) / 1_000, *between))
    return FlowNow(
        at_ms=last.at_ms,
        arriving_per_s=None if present is None else present[0],
        taken_per_s=None if present is None else present[1],
        waiting=waiting,
        freshness_s=freshness_s,
        topics=tuple(
            TopicFlow(
                topic,
                sum(end for (name, _), end in last.ends.items() if name == topic),
                sum(wait for (name, _), wait in waits.items() if name == topic),
            )
            for topic in dict.fromkeys(name for name, _ in last.ends)
        ),
        history=tuple(history),
    )
