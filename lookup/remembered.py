"""Answers of a store, remembered for a moment and served on when it stops answering."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from profiles.ports import StoreUnavailable

__all__ = ["Clock", "Reading", "Remembered", "Unchanged"]

K = TypeVar("K")
V = TypeVar("V")

_NEARLY: Final = 0.8
_LOOKED_AT: Final = 8

Clock = Callable[[], float]
"""Seconds that only grow, from any origin."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[V]):
    """What a store holds under a key.

    Attributes:
        value: None if it holds nothing, or never answered.
        trouble: How the store failed when asked last, or None: with trouble, a
            value is what it said before.
    """

    value: V | None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class _Held(Generic[V]):
    reading: Reading[V]
    asked_at_s: float


class Remembered(Generic[K, V]):
    """Values by key, asked for again when older than `age_s`.

    While one caller asks again, others get the older value, so an expiry is one
    request however many readers there are. After a failure the store is left
    alone for `age_s` too.

    Args:
        load: Asks the store for several keys; answers in their order.
        age_s: ≥ 0; 0 asks every time.
        most: Keys held, ≥ 1; the least recently read leave first.
        ahead: Keys that are asked for besides, of those read last, once they are nearly as old:
            where many are read again and again, few requests are made instead of many; ≥ 0.
    """

    def __init__(
        self,
        load: Callable[[Sequence[K]], Awaitable[Sequence[V | None]]],
        *,
        age_s: float,
        most: int,
        clock: Clock = time.monotonic,
        ahead: int = 0,
    ) -> None:
        # What lasts no time is asked for whenever it is read.
        self._ahead = ahead if age_s > 0 else 0
        self._load = load
        self._age_s = age_s
        self._most = most
        self._clock = clock
        self._held: OrderedDict[K, _Held[V]] = OrderedDict()

    async def read(
        self, keys: Iterable[K], *, lasts_s: Callable[[Reading[V]], float] | None = None
    ) -> dict[K, Reading[V]]:
        """Each key's reading; never raises `StoreUnavailable`, `trouble` tells instead.

        Args:
            lasts_s: How old each reading may be for this caller; ≥ `age_s`.
        """
        asked_at_s = self._clock()
        found: dict[K, Reading[V]] = {}
        due: list[K] = []
        # Dozens of keys for each lookup.
        look, touch, age_s = self._held.get, self._held.move_to_end, self._age_s
        for key in keys:
            if key in found:
                continue
            held = look(key)
            if held is not None and (
                (old_s := asked_at_s - held.asked_at_s) < age_s
                or (lasts_s is not None and old_s < lasts_s(held.reading))
            ):
                found[key] = held.reading
                touch(key)
            else:
                due.append(key)
        if due:
            wanted = dict.fromkeys(due)
            besides = self._soon_due(wanted, asked_at_s, lasts_s)
            asked = await self._ask([*wanted, *besides], asked_at_s)
            found |= asked if not besides else {key: asked[key] for key in wanted}
        return found

    def fresh(self, keys: Iterable[K]) -> list[Reading[V]] | None:
        """What `read` would answer without asking the store; None if it would ask."""
        asked_at_s = self._clock()
        found: list[Reading[V]] = []
        for key in keys:
            held = self._held.get(key)
            if held is None or not asked_at_s - held.asked_at_s < self._age_s:
                return None
            self._held.move_to_end(key)
            found.append(held.reading)
        return found

    def due_s(self, key: K) -> float:
        """When it will be asked for again by who reads it; now, if it is not held."""
        held = self._held.get(key)
        return self._clock() if held is None else held.asked_at_s + self._age_s

    def put(self, key: K, value: V) -> None:
        """Remember what was learnt on another way."""
        self._keep(key, Reading(value), self._clock())
        self._evict()

    def _soon_due(
        self, due: Container[K], now_s: float, lasts_s: Callable[[Reading[V]], float] | None
    ) -> list[K]:
        """Those that who reads likewise is likely to wait for soon."""
        soon: list[K] = []
        for key in islice(reversed(self._held), _LOOKED_AT * self._ahead):
            held = self._held[key]
            lasting_s = self._age_s if lasts_s is None else lasts_s(held.reading)
            if now_s - held.asked_at_s >= _NEARLY * lasting_s and key not in due:
                soon.append(key)
                if len(soon) == self._ahead:
                    break
        return soon

    async def _ask(self, due: Sequence[K], asked_at_s: float) -> dict[K, Reading[V]]:
        before = {key: self._held[key].reading for key in due if key in self._held}
        for key, reading in before.items():
            self._keep(key, reading, asked_at_s)
        try:
            values = await self._load(due)
        except StoreUnavailable as error:
            nothing: Reading[V] = Reading(None)
            readings = {key: Reading(before.get(key, nothing).value, str(error)) for key in due}
        else:
            readings = {key: Reading(value) for key, value in zip(due, values, strict=True)}
        for key, reading in readings.items():
            self._keep(key, reading, asked_at_s)
        self._evict()
        return readings

    def _keep(self, key: K, reading: Reading[V], asked_at_s: float) -> None:
        self._held[key] = _Held(reading, asked_at_s)
        self._held.move_to_end(key)

    def _evict(self) -> None:
        while len(self._held) > self._most:
            self._held.popitem(last=False)


class Unchanged(Generic[K, V]):
    """What bytes stand for; the same object again for as long as a key's bytes are equal.

    Args:
        most: Keys held, ≥ 1; the least recently asked for leave first.
    """

    def __init__(self, decode: Callable[[bytes], V], *, most: int) -> None:
        self._decode = decode
        self._most = most
        self._held: OrderedDict[K, tuple[bytes, V]] = OrderedDict()

    def of(self, key: K, body: bytes) -> V:
        """Raises what decoding raises."""
        held = self._held.get(key)
        if held is None or held[0] != body:
            held = self._held[key] = (body, self._decode(body))
        self._held.move_to_end(key)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return held[1]
