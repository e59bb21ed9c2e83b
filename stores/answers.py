"""Answers kept for a while, so that a request that is sent again is not carried out again.

A name is first claimed, then its answer is kept or the claim dropped. Names and bodies are the
caller's: to a store they are bytes.
"""

import time
from collections.abc import Callable
from typing import Protocol

from stores.redis_connection import RedisConnection

__all__ = ["AnswerStore", "MemoryAnswerStore", "RedisAnswerStore"]


class AnswerStore(Protocol):
    """Bodies by name, each for a bounded time. Every method may raise `StoreUnavailable`."""

    async def claim(self, name: bytes, body: bytes, *, lasting_s: int) -> bytes | None:
        """Store `body` where nothing is; else return what is there. Of several, one stores.

        Args:
            lasting_s: ≥ 1.
        """
        ...

    async def keep(self, name: bytes, body: bytes, *, lasting_s: int) -> None:
        """Replace what is stored."""
        ...

    async def drop(self, name: bytes) -> None: ...


class MemoryAnswerStore(AnswerStore):
    """In a dictionary, for one process and for tests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[bytes, tuple[float, bytes]] = {}

    async def claim(self, name: bytes, body: bytes, *, lasting_s: int) -> bytes | None:
        now_s = self._clock()
        self._held = {key: held for key, held in self._held.items() if held[0] > now_s}
        if (held := self._held.get(name)) is not None:
            return held[1]
        self._held[name] = (now_s + lasting_s, body)
        return None

    async def keep(self, name: bytes, body: bytes, *, lasting_s: int) -> None:
        self._held[name] = (self._clock() + lasting_s, body)

    async def drop(self, name: bytes) -> None:
        self._held.pop(name, None)


class RedisAnswerStore(AnswerStore):
    """One key per name, which expires by itself."""

    def __init__(self, connection: RedisConnection, *, namespace: str) -> None:
        self._connection = connection
        self._prefix = f"strata:{namespace}:answer:".encode()

    async def claim(self, name: bytes, body: bytes, *, lasting_s: int) -> bytes | None:
        key = self._key(name)
        # Not `SET … NX GET`: the client reads any reply to SET as done or not done.
        claimed, held = await self._connection.send(
            [("SET", key, body, "EX", lasting_s, "NX"), ("GET", key)], atomic=True
        )
        return None if claimed or not isinstance(held, bytes) else held

    async def keep(self, name: bytes, body: bytes, *, lasting_s: int) -> None:
        await self._connection.send([("SET", self._key(name), body, "EX", lasting_s)])

    async def drop(self, name: bytes) -> None:
        await self._connection.send([("UNLINK", self._key(name))])

    def _key(self, name: bytes) -> bytes:
        return self._prefix + name.hex().encode()
