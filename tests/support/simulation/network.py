"""Calls to stores take their time, fail, and are applied or not, as drawn."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from profiles.ports import StoreUnavailable
from simulation.clock import SimulatedLoop
from stores.points import Payload, Point, PointId, Points, Stored, Where

__all__ = ["Network", "Process", "ReachablePoints", "Storm", "reachable"]

T = TypeVar("T")

_READING: Final = ("get", "read", "applied", "tables", "counters", "watermarks", "wanted", "built")


@dataclass
class Process:
    """One life of a worker's process.

    Attributes:
        running: Not set while it is stopped by a signal.
    """

    name: str
    chance: random.Random
    loop: SimulatedLoop
    dead: bool = False
    running: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.running.set()

    @property
    def beating(self) -> bool:
        return not self.dead and self.running.is_set()

    async def pause(self, longest_s: float = 0.02) -> None:
        """Time passes; whoever died meanwhile never comes back from it."""
        await self.loop.passing(self.chance.random() ** 2 * longest_s)
        while self.dead or not self.running.is_set():
            if self.dead:
                await asyncio.get_running_loop().create_future()
            await self.running.wait()


@dataclass(frozen=True, slots=True)
class Storm:
    """While it lasts, calls to one store fail now and then.

    Attributes:
        store: "qdrant" or "redis".
        rate: Share of calls that fail, in (0, 1].
    """

    start_s: float
    length_s: float
    store: str
    rate: float


class Network:
    """Between processes and stores."""

    def __init__(self, chance: random.Random, note: Callable[[str, str], None]) -> None:
        self._chance = chance
        self._note = note
        self._landing: dict[asyncio.Task[Any], str] = {}
        self.rates = {"qdrant": 0.0, "redis": 0.0}

    @property
    def landing(self) -> int:
        """Writes that are still on their way."""
        return len(self._landing)

    async def call(
        self,
        process: Process,
        store: str,
        what: str,
        apply: Callable[[], Awaitable[T]],
        *,
        writes: bool,
        partly: Callable[[], Awaitable[Any]] | None = None,
    ) -> T:
        """Apply, or fail in one of the ways in which a store's answer may fail to come."""
        await process.pause()
        if self._chance.random() >= self.rates[store]:
            result = await apply()
            if writes:
                await process.pause()
            return result
        ways = ["refused", *(["answer lost", "lands late"] if writes else [])]
        if partly is not None:
            ways.append("applied in part")
        way = self._chance.choice(ways)
        self._note(process.name, f"{what}: {way}")
        if way == "answer lost":
            await apply()
        elif way == "applied in part" and partly is not None:
            await partly()
        elif way == "lands late":
            self._land(store, apply)
        await process.pause()
        raise StoreUnavailable(f"{what}: {way}")

    def cut_off(self, store: str) -> None:
        """Connections to a store are broken off: what is on its way does not arrive."""
        for task in [task for task, where in self._landing.items() if where == store]:
            task.cancel()
            del self._landing[task]

    def _land(self, store: str, apply: Callable[[], Awaitable[Any]]) -> None:
        delay_s = self._chance.random() * 0.6

        async def later() -> None:
            await asyncio.sleep(delay_s)
            await apply()

        task = asyncio.create_task(later())
        self._landing[task] = store
        task.add_done_callback(lambda done: self._landing.pop(done, None))


class ReachablePoints(Points):
    """A collection as one process reaches it."""

    def __init__(self, points: Points, name: str, process: Process, network: Network) -> None:
        self._points = points
        self._name = name
        self._process = process
        self._network = network

    @property
    def dimension(self) -> int:
        return self._points.dimension

    async def _call(
        self,
        what: str,
        apply: Callable[[], Awaitable[T]],
        *,
        writes: bool,
        partly: Callable[[], Awaitable[Any]] | None = None,
    ) -> T:
        return await self._network.call(
            self._process, "qdrant", f"{self._name}.{what}", apply, writes=writes, partly=partly
        )

    async def upsert(self, points: Sequence[Point]) -> None:
        await self._call("upsert", lambda: self._points.upsert(points), writes=True)

    async def insert_only(self, points: Sequence[Point]) -> None:
        await self._call("insert_only", lambda: self._points.insert_only(points), writes=True)

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        some = points[: len(points) // 2]
        await self._call(
            "update_if",
            lambda: self._points.update_if(points, condition),
            writes=True,
            partly=(lambda: self._points.update_if(some, condition)) if some else None,
        )

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        await self._call(
            "set_payload_if",
            lambda: self._points.set_payload_if(ids, payload, condition, under=under),
            writes=True,
        )

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        return await self._call(
            "retrieve",
            lambda: self._points.retrieve(ids, vectors=vectors, fields=fields),
            writes=False,
        )

    async def scroll(self, *args: Any, **options: Any) -> Any:
        return await self._call(
            "scroll", lambda: self._points.scroll(*args, **options), writes=False
        )

    async def search(self, *args: Any, **options: Any) -> Any:
        return await self._call(
            "search", lambda: self._points.search(*args, **options), writes=False
        )

    async def search_words(self, *args: Any, **options: Any) -> Any:
        return await self._call(
            "search_words", lambda: self._points.search_words(*args, **options), writes=False
        )

    async def count(self, where: Where) -> int:
        return await self._call("count", lambda: self._points.count(where), writes=False)

    async def delete(self, where: Where) -> None:
        await self._call("delete", lambda: self._points.delete(where), writes=True)

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        await self._call("delete_if", lambda: self._points.delete_if(ids, condition), writes=True)

    async def rewrite(self) -> None:
        """Storage in memory has no files."""

    async def flush(self) -> None:
        await self._process.pause()
        await self._points.flush()
        await self._process.pause()

    async def close(self) -> None:
        """Keeps what is stored, as a server would."""


def reachable(store: T, process: Process, network: Network) -> T:
    """A store in Redis as one process reaches it: the same port, over the network."""
    return cast(T, _Reachable(store, process, network))


class _Reachable:
    def __init__(self, store: object, process: Process, network: Network) -> None:
        self._store = store
        self._process = process
        self._network = network

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        writes = not name.startswith(_READING)

        async def call(*args: Any, **options: Any) -> Any:
            return await self._network.call(
                self._process, "redis", name, lambda: method(*args, **options), writes=writes
            )

        setattr(self, name, call)
        return call
